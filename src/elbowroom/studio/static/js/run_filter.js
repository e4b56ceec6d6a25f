// Which runs a search finds: words, and settings such as "latent 10", "data:mnist", "lr<0.01".

/** Fields of a run that may be asked for besides its settings. */
const FIELDS = ["name", "recipe", "data", "state", "note", "parameters", "epoch", "objective", "elbo"];
/** Fields and settings whose values are words. */
const NAMED_FIELDS = ["recipe", "data", "state", "likelihood", "optimizer", "schedule", "activation"];
/** Names that are asked for by other words. */
const SYNONYMS = { z: "latent", model: "recipe", dataset: "data", batch: "batch_size", epochs: "epochs" };
const TERM = /^(-?)([a-z_][\w.-]*)(<=|>=|[:=<>])(.+)$/i;

/**
 * One condition of a search.
 *
 * @typedef {object} Term
 * @property {string} [key] a field or a setting; without one, the text is looked for in all texts of a run
 * @property {string} operator ":", "=", "<", ">", "<=" or ">="
 * @property {string} text
 * @property {boolean} isNegated
 */

/**
 * Split a search into its terms, all of which have to hold. A word that names a setting belongs to the value after it.
 *
 * @param {string} query
 * @param {Iterable<string>} settings the names of the settings that any run has
 * @returns {Term[]}
 */
export function parseQuery(query, settings) {
  const keys = new Set([...FIELDS, ...settings]);
  const words = query.match(/[^\s"]*"[^"]*"?|\S+/g) ?? [];
  const terms = [];
  for (let i = 0; i < words.length; i++) {
    const [, minus, name, operator, text] = TERM.exec(unquote(words[i])) ?? [];
    const key = findKey(name ?? words[i], keys);
    if (name && key) terms.push({ key, operator, text: text.toLowerCase(), isNegated: minus === "-" });
    else if (key && i + 1 < words.length && isValueOf(key, words[i + 1]))
      terms.push({ key, operator: ":", text: unquote(words[++i]).toLowerCase(), isNegated: false });
    else terms.push(wordTerm(unquote(words[i])));
  }
  return terms;
}

const unquote = (word) => word.replaceAll('"', "");

/** Whether a word after a setting's name is its value: "latent 10" is a setting, "beta test" may be a name. */
const isValueOf = (key, word) => (NAMED_FIELDS.includes(key) ? !TERM.test(word) : /^[-+]?\.?\d/.test(word));

function wordTerm(word) {
  const isNegated = word.length > 1 && word.startsWith("-");
  return { operator: ":", text: (isNegated ? word.slice(1) : word).toLowerCase(), isNegated };
}

/** The name of a setting as it is written in a search: with dashes, or by another word. */
function findKey(word, keys) {
  const name = word.toLowerCase().replaceAll("-", "_");
  return [name, SYNONYMS[name]].find((key) => keys.has(key));
}

/** Whether a run meets all terms. */
export const matchesTerms = (run, terms) => terms.every((term) => matches(run, term) !== term.isNegated);

function matches(run, { key, operator, text }) {
  if (!key) return searchedTexts(run).some((value) => value.toLowerCase().includes(text));
  const value = readField(run, key);
  if (value === null || value === undefined) return text === "none" && operator !== "<" && operator !== ">";
  if (operator === ":" || operator === "=") return hasValue(value, text, operator === "=");
  const [left, right] = [Number(value), Number(text)];
  return { "<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right }[operator];
}

const searchedTexts = (run) =>
  [run.name, run.run, run.recipe, run.data, run.note, run.state, run.collapsed ? "collapsed" : ""].map((text) =>
    String(text ?? ""),
  );

function readField(run, key) {
  if (key === "elbo") return run.best?.elbo ?? run.elbo;
  if (FIELDS.includes(key)) return run[key];
  return run.settings?.[key];
}

/** Numbers are equal, or one of a list is; in a text the asked one is contained, or the whole of it. */
function hasValue(value, text, isWhole) {
  if (Array.isArray(value)) return value.join(",") === text || value.some((item) => hasValue(item, text, isWhole));
  if (typeof value === "number") return text !== "" && value === Number(text);
  if (typeof value === "boolean") return (value ? ["yes", "true", "on"] : ["no", "false", "off"]).includes(text);
  const whole = (typeof value === "object" ? JSON.stringify(value) : String(value)).toLowerCase();
  return isWhole ? whole === text : whole.includes(text);
}
