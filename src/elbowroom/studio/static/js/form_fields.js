// Fields of a form: a control for each type of argument, its default, and the mark of a value that is wrong.

import { h } from "/static/kit.js";

/**
 * @typedef {object} FieldSpec what the server says of a field
 * @property {string} name
 * @property {string} label
 * @property {string} type int, float, ints, floats, bool, choice or str
 * @property {any} default
 * @property {string} placeholder what an empty field stands for
 * @property {boolean} required
 * @property {boolean} optional
 * @property {?string[]} choices
 * @property {{value: string, about: string, setting: string}[]} suggestions
 * @property {string} group
 * @property {string} help
 */

/** The value of the choice that leads to a field of text. */
const OTHER = "…";
/** What may follow the name of a likelihood after a colon, in words. */
const SETTING_WORDS = { SCALE: "a number", COMPONENTS: "number of components" };

const isNumeric = (spec) => spec.type === "int" || spec.type === "float";
const isList = (spec) => spec.type === "ints" || spec.type === "floats";

/** A number where the text is one; otherwise the text, which the server refuses with a reason. */
const parseNumber = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

/** The value of a text in a field; null for an empty one. */
export function parseValue(spec, text) {
  if (text === "") return null;
  if (isNumeric(spec)) return parseNumber(text);
  if (isList(spec)) return text === "none" ? [] : text.split(",").map((part) => parseNumber(part.trim()));
  return text;
}

/** A value as text in a field. */
export function formatValue(value) {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") || "none" : String(value);
}

/** Mark a control as wrong, with the reason beside it, and focus it. */
export function markWrongField(control, message, words) {
  message.textContent = words;
  message.hidden = false;
  message.id ||= `${control.id}-wrong`;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", message.id);
  const folded = control.closest("details");
  if (folded) folded.open = true;
  control.focus();
}

/** A labeled control with its help. */
export class FormField {
  #message = h("small.wrong", { hidden: true, role: "alert" });

  /** @param {FieldSpec} spec @param {any} [value] the value at first, if it is not the default */
  constructor(spec, value = spec.default) {
    this.spec = spec;
    this.input = createInput(spec, value);
    const { control, more = [] } = this.input;
    const help = spec.help ? h("small", { id: `${control.id}-help` }, spec.help) : null;
    if (help) control.setAttribute("aria-describedby", help.id);
    const label = h("label", { htmlFor: control.id }, spec.label);
    this.element = h(`div.field.${spec.type}`, {}, label, control, more, help, this.#message);
    this.element.addEventListener("input", () => this.clearError());
  }

  /** The value as the server takes it; null for an empty field. */
  get value() {
    return this.input.read();
  }

  /** Whether the value has to be sent: it is required, or not the default. */
  isChanged() {
    if (this.spec.required) return true;
    const { value } = this;
    // A box that is not ticked leaves open what is open by default.
    if (value === false && this.spec.default === null) return false;
    return value !== null && JSON.stringify(value) !== JSON.stringify(this.spec.default);
  }

  showError(words) {
    markWrongField(this.input.control, this.#message, words);
  }

  clearError() {
    this.#message.hidden = true;
    this.input.control.removeAttribute("aria-invalid");
  }
}

/** The control of a field, what else stands there, and a function that reads the value. */
function createInput(spec, value) {
  const id = `field-${spec.name}`;
  if (spec.type === "bool") {
    const control = h("input", { id, type: "checkbox", checked: value === true });
    return { control, read: () => control.checked };
  }
  if (spec.choices) return createSelect(id, spec, value);
  if (spec.suggestions.length) return createSuggested(id, spec, value);
  return createText(id, spec, value);
}

const createOption = (value, words, selected) => h("option", { value, selected: value === selected }, words);

function createSelect(id, spec, value) {
  const none = spec.optional ? createOption("", spec.placeholder || "off", value ?? "") : null;
  const options = spec.choices.map((choice) => createOption(choice, choice, value));
  const control = h("select", { id }, none, options);
  return { control, read: () => control.value || null };
}

function createText(id, spec, value) {
  const control = h("input", {
    id,
    value: formatValue(value),
    required: spec.required,
    inputMode: isNumeric(spec) ? "decimal" : "text",
    autocomplete: "off",
    spellcheck: false,
    placeholder: spec.placeholder || formatValue(spec.default),
  });
  return { control, read: () => parseValue(spec, control.value.trim()) };
}

/** A list of names with “other …”, which is a field of text; and a field for what may follow a name after a colon. */
function createSuggested(id, spec, value) {
  const text = formatValue(value);
  const [name, ...rest] = text.split(":");
  const found = spec.suggestions.find((one) => one.value === name && (one.setting || !rest.length));
  const chosen = found || !text ? name : OTHER;
  const none = spec.optional ? createOption("", spec.placeholder || "off", chosen) : null;
  const options = spec.suggestions.map((one) => createOption(one.value, one.value, chosen));
  const control = h("select", { id }, none, options, createOption(OTHER, "other …", chosen));
  const other = h("input", { id: `${id}-other`, value: found ? "" : text, "aria-label": `other ${spec.label}` });
  const setting = h("input", { id: `${id}-setting`, value: found ? rest.join(":") : "" });
  setting.setAttribute("aria-label", `setting of the ${spec.label}`);
  const about = h("small.chosen");
  function update() {
    const one = spec.suggestions.find((suggestion) => suggestion.value === control.value);
    other.hidden = control.value !== OTHER;
    setting.hidden = !one?.setting;
    setting.placeholder = describeSetting(one?.setting ?? "");
    about.textContent = one?.about ?? "";
  }
  control.addEventListener("change", update);
  update();
  function read() {
    if (control.value === OTHER) return other.value.trim() || null;
    const parameter = setting.hidden ? "" : setting.value.trim();
    return control.value ? control.value + (parameter && `:${parameter}`) : null;
  }
  return { control, more: [other, setting, about], read };
}

/** What may follow a name, in words: SCALE|learned|optimal is “a number, learned or optimal”. */
export function describeSetting(setting) {
  const words = setting.split("|").map((one) => SETTING_WORDS[one] ?? one);
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : words[0];
}
