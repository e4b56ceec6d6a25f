// Train view: a form made from the signature of a recipe.

import { setChildren, h, toast, withErrors } from "./dom.js";
import { viewHash } from "./runs.js";
import { getJson, postJson } from "./api.js";

/** Settings that are always shown; the others are under “More settings”. */
const MAIN_SETTINGS = ["data", "epochs", "batch_size", "lr", "seed"];

export async function trainView(container, [recipeName]) {
  const options = await getJson("/api/recipes");
  document.title = "Train · elbowroom studio";
  const formContainer = h("div.training");
  const list = h("nav.recipes", { "aria-label": "recipes" });
  setChildren(
    container,
    h(
      "header.head",
      {},
      h(
        "div",
        {},
        h("h1", {}, "Train a model"),
        h("p.lead", {}, "The form has the arguments of the recipe. The training goes on when this page is closed."),
      ),
    ),
    h("div.two", {}, list, formContainer),
  );

  function selectRecipe(recipe) {
    for (const link of list.children) link.setAttribute("aria-pressed", String(link.value === recipe.name));
    setChildren(formContainer, createTrainForm(recipe, options));
  }
  setChildren(
    list,
    options.recipes.map((recipe) =>
      h(
        "button",
        { value: recipe.name, onclick: () => selectRecipe(recipe) },
        h("b", {}, recipe.name),
        h("span", {}, recipe.summary),
      ),
    ),
  );
  selectRecipe(options.recipes.find((recipe) => recipe.name === recipeName) ?? options.recipes[0]);
}

function createTrainForm(recipe, options) {
  const recipeFields = recipe.fields.map((field) => createFieldInput(field));
  const dataField = {
    name: "data",
    type: "str",
    required: true,
    default: options.default.data,
    choices: null,
    help: "a name of the list, or a path in the runs folder or in one of --data-folder",
  };
  const settings = [
    createFieldInput(dataField, options.data),
    ...options.settings.map((field) => createFieldInput(field)),
  ];
  const mainFields = settings.filter((one) => MAIN_SETTINGS.includes(one.field.name));
  const otherFields = settings.filter((one) => !MAIN_SETTINGS.includes(one.field.name));
  const name = h("input", {
    name: "name",
    maxLength: 80,
    placeholder: "named after recipe and data",
    pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*",
    title: "letters, digits, dots, dashes",
  });
  const errorMessage = h("p.wrong", { role: "alert", hidden: true });
  const start = h("button.main", {}, "Start training");
  const group = (title, inputs) =>
    inputs.length
      ? h(
          "fieldset",
          {},
          h("legend", {}, title),
          h(
            "div.fields",
            {},
            inputs.map((one) => one.element),
          ),
        )
      : null;

  const startTraining = async (event) => {
    event.preventDefault();
    errorMessage.hidden = true;
    start.disabled = true;
    start.textContent = "Starting …";
    try {
      const body = {
        recipe: recipe.name,
        arguments: changedValues(recipeFields),
        settings: changedValues(settings),
        ...(name.value ? { name: name.value } : {}),
      };
      const { run } = await postJson("/api/train", body);
      // Stay where the user is if another view has been opened meanwhile.
      if (start.isConnected) location.hash = viewHash("run", run);
      else toast(`${run} has started`);
    } catch (error) {
      Object.assign(errorMessage, { textContent: error.message, hidden: false });
    }
    start.disabled = false;
    start.textContent = "Start training";
  };
  return h(
    "form.sheet",
    { onsubmit: (event) => withErrors(() => startTraining(event)) },
    h("h2", {}, recipe.name),
    h("p.about", {}, recipe.summary),
    h("p.paper", {}, recipe.paper),
    group("Data and training", mainFields),
    group("The recipe", recipeFields),
    otherFields.length ? h("details", {}, h("summary", {}, "More settings"), group("Also", otherFields)) : null,
    h("div.fields", {}, h("label", {}, h("span", {}, "Run name"), name)),
    errorMessage,
    h("footer", {}, start),
  );
}

/** The values that were changed, by name; the others keep their defaults. */
const changedValues = (inputs) =>
  Object.fromEntries(inputs.filter((one) => one.isChanged()).map((one) => [one.field.name, one.value()]));

function createFieldInput(field, suggestions = null) {
  const id = `field-${field.name}`;
  const shown =
    field.default === null || field.default === undefined
      ? ""
      : Array.isArray(field.default)
        ? field.default.join(", ")
        : String(field.default);
  const numeric = field.type === "int" || field.type === "float";
  let control;
  if (field.type === "bool") control = h("input", { id, type: "checkbox", checked: field.default === true });
  else if (field.choices)
    control = h(
      "select",
      { id },
      field.default === null ? h("option", { value: "" }, "–") : null,
      field.choices.map((choice) => h("option", { value: choice, selected: choice === field.default }, choice)),
    );
  else
    control = h("input", {
      id,
      value: shown,
      required: field.required,
      inputMode: numeric ? "decimal" : "text",
      autocomplete: "off",
      spellcheck: false,
      placeholder: field.type.endsWith("s") ? "400, 200" : "",
    });
  const names = suggestions
    ? h(
        "datalist",
        { id: `${id}-among` },
        suggestions.map((one) => h("option", { value: one.name }, one.about)),
      )
    : null;
  if (names) control.setAttribute("list", `${id}-among`);
  const rawValue = () => (field.type === "bool" ? control.checked : control.value.trim());
  const initialValue = rawValue();
  return {
    field,
    element: h(
      field.type === "bool" ? "label.check" : "label",
      { htmlFor: id },
      h("span", {}, field.name.replaceAll("_", " ")),
      control,
      names,
      field.help ? h("small", {}, field.help) : null,
    ),
    isChanged: () => field.required || rawValue() !== initialValue,
    value() {
      const text = rawValue();
      if (field.type === "bool") return text;
      if (text === "") return null;
      if (numeric) return Number.isFinite(Number(text)) ? Number(text) : text;
      if (field.type === "ints" || field.type === "floats")
        return text === "none"
          ? []
          : text
              .split(",")
              .map((part) => (part.trim() !== "" && Number.isFinite(Number(part)) ? Number(part) : part.trim()));
      return text;
    },
  };
}
