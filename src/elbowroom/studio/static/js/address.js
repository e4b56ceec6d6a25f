// The address of a view: #/NAME/ID,ID?KEY=VALUE&…; what follows the question mark is the state of the view.
// A view reads its state when it opens and writes every change: back, reload and a copied link show the same.

/**
 * @typedef {object} Address
 * @property {string} name the name of the view
 * @property {string[]} ids the runs it shows
 * @property {Record<string, string>} state
 */

/** Time between two writes: browsers refuse more than about a hundred in half a minute. */
const WRITE_INTERVAL_MS = 500;
/** Significant digits of a number in an address. */
const NUMBER_DIGITS = 5;
/** Characters that an address may hold as they are. */
const READABLE = /%(?:2C|3A|2F|40)/g;

/** @type {(text: string) => string} */
const encode = (text) => encodeURIComponent(text).replace(READABLE, decodeURIComponent);

/** Decode a part of an address; what is not valid stays as it is. @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} hash @returns {Address} */
export function parseAddress(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [name = "", ids = ""] = path.split(/\/(.*)/s);
  const pairs = query.split("&").filter(Boolean);
  return {
    name: decode(name),
    ids: ids.split(",").filter(Boolean).map(decode),
    state: Object.fromEntries(
      pairs.map((pair) =>
        pair
          .split(/=(.*)/s)
          .slice(0, 2)
          .map((part = "") => decode(part)),
      ),
    ),
  };
}

/** @param {{name: string, ids?: string[], state?: Record<string, any>}} address */
export function formatAddress({ name, ids = [], state = {} }) {
  const path = `#/${name}${ids.length ? "/" : ""}${ids.map(encodeURIComponent).join(",")}`;
  const texts = Object.entries(state).map(([key, value]) => [key, formatValue(value)]);
  const query = texts.filter(([, text]) => text !== "").map(([key, text]) => `${encode(key)}=${encode(text)}`);
  return path + (query.length ? `?${query.join("&")}` : "");
}

/** A value as text: nothing for null, false and what is empty, an array with commas. @type {(value: any) => string} */
function formatValue(value) {
  if (value === null || value === undefined || value === false) return "";
  if (value === true) return "yes";
  if (typeof value === "number") return String(Number(value.toPrecision(NUMBER_DIGITS)));
  // A comma within an item is encoded once more, as commas separate the items.
  if (Array.isArray(value))
    return value.map((item) => formatValue(item).replace(/[%,]/g, encodeURIComponent)).join(",");
  return String(value);
}

/** The address of a view of these runs. @type {(name: string, ...ids: string[]) => string} */
export const viewHash = (name, ...ids) => formatAddress({ name, ids });

// ---- The state of the view that is open

/** @type {?{path: string, patch: Record<string, any>}} */
let pending = null;
let timer = 0;

const currentPath = () => location.hash.split("?")[0];

/** The state in the address, as texts by name. */
export function readState() {
  flush();
  return parseAddress(location.hash).state;
}

/** A state that is a list of texts; empty if there is none. @param {string} key */
export const readList = (key) => (readState()[key] ?? "").split(",").filter(Boolean).map(decode);

/** A state that is a list of numbers; null if there is none, or if it has anything else. @param {string} key */
export function readNumbers(key) {
  const numbers = readList(key).map(Number);
  return numbers.length && numbers.every(Number.isFinite) ? numbers : null;
}

/**
 * Write some of the state into the address, without leaving the view or a step in the history; null, false, "" and []
 * remove a key. May be called as often as the state changes, as while something is dragged.
 *
 * @param {Record<string, any>} patch texts, numbers, true, or arrays of them
 */
export function writeState(patch) {
  if (pending?.path !== currentPath()) pending = { path: currentPath(), patch: {} };
  Object.assign(pending.patch, patch);
  if (timer) return;
  flush();
  timer = setTimeout(() => {
    timer = 0;
    flush();
  }, WRITE_INTERVAL_MS);
}

function flush() {
  const write = pending;
  pending = null;
  // Another view has been opened meanwhile.
  if (write?.path !== currentPath()) return;
  const address = parseAddress(location.hash);
  const hash = formatAddress({ ...address, state: { ...address.state, ...write.patch } });
  if (hash !== location.hash) history.replaceState(history.state, "", hash);
}

// What is pressed may lead to another view.
addEventListener("click", flush, true);
addEventListener("pagehide", flush);
// An address that was opened is read as it is, whatever the view before it had still to write.
addEventListener("hashchange", () => {
  pending = null;
});
