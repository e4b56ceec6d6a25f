// Train view: a form made from the signature of a recipe.

import { h } from "/static/kit.js";
import { getJson, postJson } from "../api.js";
import { setChildren, spaced, toast, withErrors } from "../dom.js";
import { registerView, setTitle, viewHash } from "../main.js";

registerView({ name: "new", link: "Train", order: 20, open: openTrain });

/** Settings that are always shown; the others are under “More settings”. */
const MAIN_SETTINGS = ["data", "epochs", "batch_size", "lr", "seed"];
/** What a list of numbers looks like. */
const LIST_EXAMPLE = "400, 200";

async function openTrain(container, [recipeName]) {
  const options = await getJson("/api/recipes");
  setTitle("Train");
  const form = h("div.training");
  const list = h("nav.recipes", { "aria-label": "recipes" });
  const lead = "The form has the arguments of the recipe. The training goes on when this page is closed.";
  const head = h("header.head", {}, h("div", {}, h("h1", {}, "Train a model"), h("p.lead", {}, lead)));
  setChildren(container, head, h("div.two", {}, list, form));

  function selectRecipe(recipe) {
    for (const choice of list.children) choice.setAttribute("aria-pressed", String(choice.value === recipe.name));
    setChildren(form, createTrainForm(recipe, options));
  }
  const choice = (recipe) =>
    h(
      "button",
      { value: recipe.name, onclick: () => selectRecipe(recipe) },
      h("b", {}, recipe.name),
      h("span", {}, recipe.summary),
    );
  setChildren(list, options.recipes.map(choice));
  selectRecipe(options.recipes.find((recipe) => recipe.name === recipeName) ?? options.recipes[0]);
}

function createDataInput(options) {
  const help = "a name of the list, or a path in the runs folder or in one of --data-folder";
  const field = { name: "data", type: "str", required: true, default: options.default.data, choices: null, help };
  return createFieldInput(field, options.data);
}

function createTrainForm(recipe, options) {
  const recipeInputs = recipe.fields.map((field) => createFieldInput(field));
  const settings = [createDataInput(options), ...options.settings.map((field) => createFieldInput(field))];
  const isMain = (input) => MAIN_SETTINGS.includes(input.field.name);
  const others = settings.filter((input) => !isMain(input));
  const name = createNameInput();
  const message = h("p.wrong", { role: "alert", hidden: true });
  const start = h("button.main", {}, "Start training");
  const request = () => ({
    recipe: recipe.name,
    arguments: changedValues(recipeInputs),
    settings: changedValues(settings),
    ...(name.value ? { name: name.value } : {}),
  });
  const onsubmit = (event) => {
    event.preventDefault();
    withErrors(() => startTraining(request(), start, message));
  };
  return h(
    "form.train-form",
    { onsubmit },
    h("h2", {}, recipe.name),
    h("p.about", {}, recipe.summary),
    h("p.paper", {}, recipe.paper),
    createFieldset("Data and training", settings.filter(isMain)),
    createFieldset("The recipe", recipeInputs),
    others.length ? h("details", {}, h("summary", {}, "More settings"), createFieldset("Advanced", others)) : null,
    h("div.fields", {}, h("label", {}, h("span", {}, "Run name"), name)),
    message,
    h("footer", {}, start),
  );
}

const createFieldset = (title, inputs) =>
  inputs.length
    ? h(
        "fieldset",
        {},
        h("legend", {}, title),
        h(
          "div.fields",
          {},
          inputs.map((input) => input.element),
        ),
      )
    : null;

const createNameInput = () =>
  h("input", {
    name: "name",
    maxLength: 80,
    placeholder: "named after recipe and data",
    pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*",
    title: "letters, digits, dots, dashes",
  });

async function startTraining(request, start, message) {
  message.hidden = true;
  Object.assign(start, { disabled: true, textContent: "Starting …" });
  try {
    const { run } = await postJson("/api/train", request);
    // Stay where the user is if another view has been opened meanwhile.
    if (start.isConnected) location.hash = viewHash("run", run);
    else toast(`${run} has started`);
  } catch (error) {
    Object.assign(message, { textContent: error.message, hidden: false });
  }
  Object.assign(start, { disabled: false, textContent: "Start training" });
}

/** The values that were changed, by name; the others keep their defaults. */
const changedValues = (inputs) =>
  Object.fromEntries(inputs.filter((input) => input.isChanged()).map((input) => [input.field.name, input.value()]));

const isNumeric = (field) => field.type === "int" || field.type === "float";
const isList = (field) => field.type === "ints" || field.type === "floats";

function createFieldInput(field, suggestions = null) {
  const control = createControl(field);
  const names = suggestions && createSuggestions(control, suggestions);
  const current = () => (field.type === "bool" ? control.checked : control.value.trim());
  const initial = current();
  const about = field.help ? h("small", {}, field.help) : null;
  const kind = field.type === "bool" ? "label.check" : "label";
  return {
    field,
    element: h(kind, { htmlFor: control.id }, h("span", {}, spaced(field.name)), control, names, about),
    isChanged: () => field.required || current() !== initial,
    value: () => (field.type === "bool" ? current() : parseValue(field, current())),
  };
}

function createControl(field) {
  const id = `field-${field.name}`;
  if (field.type === "bool") return h("input", { id, type: "checkbox", checked: field.default === true });
  if (field.choices) {
    const option = (value) => h("option", { value, selected: value === field.default }, value);
    return h(
      "select",
      { id },
      field.default === null ? h("option", { value: "" }, "–") : null,
      field.choices.map(option),
    );
  }
  return h("input", {
    id,
    value: [field.default ?? ""].flat().join(", "),
    required: field.required,
    inputMode: isNumeric(field) ? "decimal" : "text",
    autocomplete: "off",
    spellcheck: false,
    placeholder: isList(field) ? LIST_EXAMPLE : "",
  });
}

function createSuggestions(control, suggestions) {
  const id = `${control.id}-suggestions`;
  control.setAttribute("list", id);
  return h(
    "datalist",
    { id },
    suggestions.map(({ name, about }) => h("option", { value: name }, about)),
  );
}

/** A number where the text is one; otherwise the text, which the server refuses with a reason. */
const parseNumber = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function parseValue(field, text) {
  if (text === "") return null;
  if (isNumeric(field)) return parseNumber(text);
  if (isList(field)) return text === "none" ? [] : text.split(",").map((part) => parseNumber(part.trim()));
  return text;
}
