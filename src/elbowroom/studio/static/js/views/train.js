// Train view: a form made from the signature of a recipe, which may be filled with the values of a run.

import { h, pressOnly } from "/static/kit.js";
import { readState, viewHash, writeState } from "../address.js";
import { getJson, postJson } from "../api.js";
import { DataCards } from "../data_cards.js";
import { button, copyButton, debounce, formatDuration, setChildren, toast, withErrors } from "../dom.js";
import { FormField, markWrongField } from "../form_fields.js";
import { registerView, setTitle } from "../main.js";

registerView({ name: "new", link: "Train", order: 20, open: openTrain });

/** Settings that are always shown, in this order; the others are under “Advanced”. */
const MAIN_SETTINGS = ["epochs", "batch_size", "lr", "optimizer", "schedule", "seed"];
const ADVANCED_GROUPS = { training: "Training", callbacks: "Schedules and regularization", data: "How data is read" };
/** Time between two looks at a training that is starting. */
const POLL_MS = 500;
const NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9._+=, \\-]*";

async function openTrain(container, ids) {
  const [recipeName, run] = ids;
  const [options, values] = await Promise.all([
    getJson("/api/recipes"),
    run ? getJson("/api/train/values", { run }) : null,
  ]);
  setTitle("Train");
  const place = h("div.training");
  const list = h("nav.recipes", { "aria-label": "recipes" });
  const lead = "The form has the arguments of the recipe. Training continues if you close this page.";
  const head = h("header.head", {}, h("div", {}, h("h1", {}, "Train a model"), h("p.lead", {}, lead)));
  setChildren(container, head, values ? createOrigin(run, values) : null, h("div.two", {}, list, place));
  let form = null;

  function selectRecipe(recipe) {
    const choices = /** @type {HTMLButtonElement[]} */ ([...list.children]);
    pressOnly(
      choices,
      choices.find((choice) => choice.value === recipe.name),
    );
    // What was entered stays, where the other recipe has it too.
    form = new TrainForm(recipe, options, form ? form.enteredValues() : (values ?? {}));
    setChildren(place, form.element);
  }
  const choose = (recipe) => {
    writeState({ recipe: recipe.name });
    selectRecipe(recipe);
  };
  const choice = (recipe) =>
    h(
      "button",
      { value: recipe.name, onclick: () => choose(recipe) },
      h("b", {}, recipe.name),
      h("span", {}, recipe.summary),
    );
  setChildren(list, options.recipes.map(choice));
  const first = readState().recipe ?? recipeName ?? options.default.recipe;
  selectRecipe(options.recipes.find((recipe) => recipe.name === first) ?? options.recipes[0]);
}

/** Where the values come from, and what no field can say. */
const createOrigin = (run, { caveats }) =>
  h(
    "section.origin",
    {},
    h("p", {}, "Filled with the values of ", h("a", { href: viewHash("run", run) }, run), "."),
    caveats.map((caveat) => h("p.fine", {}, caveat)),
  );

class TrainForm {
  #message = h("p.wrong", { role: "alert", hidden: true });
  #nameMessage = h("small.wrong", { hidden: true, role: "alert" });
  #command = h("pre.command", { "aria-live": "off" });
  #start = h("button.main", {}, "Start training");
  #cancel = button("Cancel", () => withErrors(() => this.#cancelStart()), { hidden: true });
  #starting = "";

  /** @param {any} recipe @param {any} options @param {any} values of a run or of another recipe's form */
  constructor(recipe, options, values) {
    this.recipe = recipe;
    const create = (given) => (spec) => new FormField(spec, given?.[spec.name] ?? spec.default);
    const settings = options.settings.map((spec) => ({ ...spec, default: recipe.defaults[spec.name] ?? spec.default }));
    this.arguments = recipe.fields.map(create(values.arguments));
    this.settings = settings.map(create(values.settings));
    this.data = new DataCards(options.data, values.settings?.data ?? options.default.data);
    this.name = createNameInput(values.name ?? "");
    this.name.addEventListener("input", () => {
      this.#nameMessage.hidden = true;
      this.name.removeAttribute("aria-invalid");
    });
    this.element = this.#createElement();
    this.element.addEventListener("input", () => this.#previewSoon());
    this.element.addEventListener("change", () => this.#previewSoon());
    this.#preview();
  }

  #createElement() {
    const settings = Object.fromEntries(this.settings.map((field) => [field.spec.name, field]));
    const main = MAIN_SETTINGS.map((name) => settings[name]).filter(Boolean);
    const others = this.settings.filter((field) => !main.includes(field));
    const ofGroup = (group) => others.filter((field) => field.spec.group === group);
    const groups = Object.entries(ADVANCED_GROUPS).map(([group, title]) => createFieldset(title, ofGroup(group)));
    const onsubmit = (event) => {
      event.preventDefault();
      withErrors(() => this.#submit());
    };
    return h(
      "form.train-form",
      { onsubmit, noValidate: true },
      h("h2", {}, this.recipe.name),
      h("p.about", {}, this.recipe.summary),
      h("p.paper", {}, this.recipe.paper),
      this.data.element,
      createFieldset("Model", this.arguments),
      createFieldset("Training", main),
      h("details.advanced", {}, h("summary", {}, "Advanced"), groups),
      this.#createFooter(),
    );
  }

  #createFooter() {
    const label = h("label", { htmlFor: this.name.id }, "Run name");
    const copy = copyButton(() => this.#command.textContent ?? "", "Copy", { "aria-label": "copy the command" });
    return [
      h("div.fields", {}, h("div.field", {}, label, this.name, this.#nameMessage)),
      h("h3", {}, "The command that it runs"),
      h("div.lines", {}, this.#command, copy),
      this.#message,
      h("footer", {}, this.#start, this.#cancel),
    ];
  }

  /** The values that were entered, as those of a run. */
  enteredValues() {
    const read = (fields) => Object.fromEntries(fields.map((field) => [field.spec.name, field.value]));
    const changed = (fields) => read(fields.filter((field) => field.isChanged()));
    const settings = { ...changed(this.settings), data: this.data.value };
    return { arguments: changed(this.arguments), settings, name: this.name.value };
  }

  #request() {
    const changed = (fields) =>
      Object.fromEntries(fields.filter((field) => field.isChanged()).map((field) => [field.spec.name, field.value]));
    const name = this.name.value.trim();
    return {
      recipe: this.recipe.name,
      arguments: changed(this.arguments),
      settings: changed([this.data, ...this.settings]),
      ...(name ? { name } : {}),
    };
  }

  #previewSoon = debounce(() => this.#preview(), 300);

  /** Show the command of the present values; where one is wrong, the reason. */
  async #preview() {
    try {
      const { command } = await postJson("/api/train/command", this.#request());
      this.#command.textContent = command;
    } catch (caught) {
      this.#command.textContent = /** @type {Error} */ (caught).message;
    }
  }

  async #submit() {
    this.#showBusy(true);
    this.#message.hidden = true;
    try {
      const { run } = await postJson("/api/train", { ...this.#request(), wait: 0 });
      await this.#awaitStart(run);
    } catch (error) {
      this.#showError(error);
    }
    this.#showBusy(false);
  }

  /** Wait until a training runs, with a clock; then open it, if the user is still here. */
  async #awaitStart(run) {
    const since = Date.now();
    this.#starting = run;
    this.#cancel.hidden = false;
    let state = "starting";
    while (this.#starting && state === "starting") {
      this.#start.textContent = `Starting … ${formatDuration(Math.round((Date.now() - since) / 1000))}`;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.#starting) ({ state } = await getJson("/api/train/state", { run }));
    }
    if (!this.#starting) return;
    if (this.element.isConnected) location.hash = viewHash("run", run);
    else toast(`${run} has started`);
  }

  async #cancelStart() {
    const run = this.#starting;
    this.#starting = "";
    const { state } = await postJson("/api/train/cancel", { run });
    toast(state === "canceled" ? "Canceled; nothing is left of it" : `${run} had started and is stopped`);
  }

  #showBusy(isBusy) {
    this.#start.disabled = isBusy;
    this.#start.textContent = isBusy ? "Checking …" : "Start training";
    this.#cancel.hidden = true;
    this.#starting = "";
  }

  /** Show an error at its field if the server knows it, otherwise beside the button. */
  #showError(error) {
    if (!this.element.isConnected) return toast(error.message, { isError: true });
    const field = [this.data, ...this.arguments, ...this.settings].find((one) => one.spec.name === error.field);
    if (field) return field.showError(error.message);
    if (error.field === "name") return markWrongField(this.name, this.#nameMessage, error.message);
    this.#message.textContent = error.message;
    this.#message.hidden = false;
    return undefined;
  }
}

const createFieldset = (title, fields) =>
  fields.length
    ? h(
        "fieldset",
        {},
        h("legend", {}, title),
        h(
          "div.fields",
          {},
          fields.map((field) => field.element),
        ),
      )
    : null;

const createNameInput = (value) =>
  h("input", {
    id: "field-name",
    name: "name",
    value,
    maxLength: 80,
    placeholder: "named after recipe and data",
    pattern: NAME_PATTERN,
    autocomplete: "off",
    title: "letters, digits, dots, dashes",
  });
