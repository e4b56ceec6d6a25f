// A form out of the recipe's own signature.

import { fill, h, tell, trying } from "./dom.js";
import { address } from "./runs.js";
import { get, post } from "./server.js";

/** Settings that most people touch; the others wait behind a word. */
const FIRST = ["data", "epochs", "batch_size", "lr", "seed"];

export async function form(room, [wanted]) {
  const offered = await get("/api/recipes");
  document.title = "Train · elbowroom studio";
  const place = h("div.training");
  const list = h("nav.recipes", { "aria-label": "recipes" });
  fill(room, h("header.head", {}, h("div", {}, h("h1", {}, "Train a model"), h("p.lead", {}, "The form is the recipe's own signature. The training runs by itself: it goes on when this page is closed."))), h("div.two", {}, list, place));

  function choose(recipe) {
    for (const link of list.children) link.setAttribute("aria-pressed", String(link.value === recipe.name));
    fill(place, sheet(recipe, offered));
  }
  fill(list, offered.recipes.map((recipe) => h("button", { value: recipe.name, onclick: () => choose(recipe) }, h("b", {}, recipe.name), h("span", {}, recipe.summary))));
  choose(offered.recipes.find((recipe) => recipe.name === wanted) ?? offered.recipes[0]);
}

function sheet(recipe, offered) {
  const own = recipe.fields.map((field) => input(field));
  const about = { name: "data", type: "str", required: true, default: offered.default.data, choices: null, help: "a name of the list, or a path in the runs folder or in one of --data-folder" };
  const settings = [input(about, offered.data), ...offered.settings.map((field) => input(field))];
  const first = settings.filter((one) => FIRST.includes(one.field.name));
  const rest = settings.filter((one) => !FIRST.includes(one.field.name));
  const name = h("input", { name: "name", maxLength: 80, placeholder: "named after recipe and data", pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*", title: "letters, digits, dots, dashes" });
  const wrong = h("p.wrong", { role: "alert", hidden: true });
  const start = h("button.main", {}, "Start training");
  const group = (title, inputs) => inputs.length ? h("fieldset", {}, h("legend", {}, title), h("div.fields", {}, inputs.map((one) => one.element))) : null;

  const begin = async (event) => {
    event.preventDefault();
    wrong.hidden = true;
    start.disabled = true;
    start.textContent = "Starting …";
    try {
      const body = { recipe: recipe.name, arguments: changed(own), settings: changed(settings), ...(name.value ? { name: name.value } : {}) };
      const { run } = await post("/api/train", body);
      // Who has gone elsewhere meanwhile stays there.
      if (start.isConnected) location.hash = address("run", run);
      else tell(`${run} has begun`);
    } catch (error) {
      Object.assign(wrong, { textContent: error.message, hidden: false });
    }
    start.disabled = false;
    start.textContent = "Start training";
  };
  return h("form.sheet", { onsubmit: (event) => trying(() => begin(event)) }, h("h2", {}, recipe.name), h("p.about", {}, recipe.summary), h("p.paper", {}, recipe.paper), group("Data and training", first), group("The recipe", own), rest.length ? h("details", {}, h("summary", {}, "More settings"), group("Also", rest)) : null, h("div.fields", {}, h("label", {}, h("span", {}, "Run name"), name)), wrong, h("footer", {}, start));
}

/** The values that were changed, by name: what is left alone keeps the recipe's own default. */
const changed = (inputs) => Object.fromEntries(inputs.filter((one) => one.changed()).map((one) => [one.field.name, one.value()]));

function input(field, among = null) {
  const id = `field-${field.name}`;
  const shown = field.default === null || field.default === undefined ? "" : Array.isArray(field.default) ? field.default.join(", ") : String(field.default);
  const numeric = field.type === "int" || field.type === "float";
  let control;
  if (field.type === "bool") control = h("input", { id, type: "checkbox", checked: field.default === true });
  else if (field.choices) control = h("select", { id }, field.default === null ? h("option", { value: "" }, "–") : null, field.choices.map((choice) => h("option", { value: choice, selected: choice === field.default }, choice)));
  else control = h("input", { id, value: shown, required: field.required, inputMode: numeric ? "decimal" : "text", autocomplete: "off", spellcheck: false, placeholder: field.type.endsWith("s") ? "400, 200" : "" });
  const names = among ? h("datalist", { id: `${id}-among` }, among.map((one) => h("option", { value: one.name }, one.about))) : null;
  if (names) control.setAttribute("list", `${id}-among`);
  const raw = () => (field.type === "bool" ? control.checked : control.value.trim());
  const before = raw();
  return {
    field,
    element: h(field.type === "bool" ? "label.check" : "label", { htmlFor: id }, h("span", {}, field.name.replaceAll("_", " ")), control, names, field.help ? h("small", {}, field.help) : null),
    changed: () => field.required || raw() !== before,
    value() {
      const text = raw();
      if (field.type === "bool") return text;
      if (text === "") return null;
      if (numeric) return Number.isFinite(Number(text)) ? Number(text) : text;
      if (field.type === "ints" || field.type === "floats") return text === "none" ? [] : text.split(",").map((part) => (part.trim() !== "" && Number.isFinite(Number(part)) ? Number(part) : part.trim()));
      return text;
    },
  };
}
