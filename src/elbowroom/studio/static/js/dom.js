// What the studio needs besides the kit: times in words, messages, dialogs, throttling, controls.

import { h } from "/static/kit.js";

export { formatDuration } from "/static/kit.js";

const isChild = (child) => child !== null && child !== undefined && child !== false;

/** Replace the children of an element; null children are left out. */
export const setChildren = (element, ...children) => element.replaceChildren(...children.flat(3).filter(isChild));

// ---- Words

/** Format how long ago a time was. */
export function formatAge(isoTime) {
  const seconds = (Date.now() - Date.parse(isoTime)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(isoTime).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** A sentence with a capital letter at its start. */
export const capitalize = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The name of a setting in words. */
export const spaced = (name) => String(name).replaceAll("_", " ");

// ---- Messages

const MAX_TOASTS = 3;
const TOAST_MS = 3500;
/** Time to read an error, or to decide on what is offered. */
const LONG_TOAST_MS = 9000;

/**
 * Show a message at the foot of the page for a while, above an open dialog too; an error, or what offers an action,
 * stays longer, and as long as it has the focus.
 *
 * @param {string} text
 * @param {{isError?: boolean, action?: [string, () => any]}} [options] `action`: the label of a button and what it
 *   does
 */
export function toast(text, { isError = false, action = null } = {}) {
  const toasts = document.getElementById("toasts");
  const line = h(isError ? "p.wrong" : "p", {}, capitalize(text));
  const remove = () => (line.contains(document.activeElement) ? setTimeout(remove, TOAST_MS) : line.remove());
  if (action) line.append(" ", createToastAction(line, action));
  // What is outside an open dialog can be neither pressed nor read aloud.
  toasts.hidePopover();
  moveToasts(toasts, document.querySelector("dialog[open]") ?? document.body);
  toasts.append(line);
  while (toasts.children.length > MAX_TOASTS) toasts.firstChild.remove();
  // What is shown last lies on top.
  if (!toasts.matches(":popover-open")) toasts.showPopover();
  setTimeout(remove, isError || action ? LONG_TOAST_MS : TOAST_MS);
}

/** Move the messages; a popover that is moved is hidden. */
function moveToasts(toasts, place) {
  if (toasts.parentNode !== place) place.append(toasts);
  if (toasts.children.length) toasts.showPopover();
}

function createToastAction(line, [label, act]) {
  const onclick = () => {
    line.remove();
    withErrors(async () => act());
  };
  return h("button", { type: "button", onclick }, label);
}

/** Run an async function, and show its error as a message if it fails. */
export async function withErrors(work) {
  try {
    return await work();
  } catch (caught) {
    const error = /** @type {Error} */ (caught);
    if (error.name !== "AbortError") toast(error.message, { isError: true });
    return undefined;
  }
}

/** Open a dialog with a heading, and return it. When it closes, the focus goes back to where it was. */
export function openDialog(title, ...content) {
  const opener = document.activeElement;
  const close = quietButton("✕", () => box.close(), { "aria-label": "close" });
  const box = h("dialog", { "aria-label": title }, h("header", {}, h("h2", {}, title), close), ...content);
  box.addEventListener("close", () => {
    const toasts = document.getElementById("toasts");
    if (box.contains(toasts)) moveToasts(toasts, document.body);
    box.remove();
    focusAgain(opener);
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Focus an element; where it has been drawn anew meanwhile, the one of the same name; otherwise the page. */
function focusAgain(element) {
  const name = element.getAttribute("aria-label");
  const twin = name && document.querySelector(`[aria-label="${CSS.escape(name)}"]`);
  (element.isConnected ? element : (twin ?? document.getElementById("view"))).focus({ preventScroll: true });
}

/** Copy a text to the clipboard, and say so. */
export const copyText = (text, message = "Copied") =>
  withErrors(async () => {
    await navigator.clipboard.writeText(text);
    toast(message);
  });

// ---- Throttling

/** Limit a function to one call per frame, with the newest arguments. */
export function oncePerFrame(work) {
  let newest = null;
  return (...args) => {
    if (!newest) {
      requestAnimationFrame(() => {
        const current = newest;
        newest = null;
        work(...current);
      });
    }
    newest = args;
  };
}

/** Delay a function until it has not been called for a while. */
export function debounce(work, waitMs = 250) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), waitMs);
  };
}

/** Give each call a turn; a call's answer is dropped (undefined) if a newer call was made meanwhile. */
export function newestOnly(work) {
  let turn = 0;
  return async (...args) => {
    const mine = ++turn;
    const answer = await work(...args);
    return mine === turn ? answer : undefined;
  };
}

// ---- Controls

/** A button that does something. */
export const button = (label, onclick, attributes = {}) =>
  h("button", { type: "button", onclick, ...attributes }, label);

/** A button without a frame, for what is needed less often. */
export const quietButton = (label, onclick, attributes = {}) =>
  h("button.quiet", { type: "button", onclick, ...attributes }, label);

/** A button that copies a text, which may be a function that returns it. */
export const copyButton = (text, label = "Copy", attributes = {}) =>
  quietButton(label, () => copyText(typeof text === "function" ? text() : text), attributes);

/** A drop-down list of [value, text] pairs. */
export function select(label, options, selected, onchange = null) {
  const option = ([value, text]) => h("option", { value, selected: value === selected }, text);
  return h("select", { "aria-label": label, onchange: onchange ?? (() => {}) }, options.map(option));
}

/** A group of buttons of which one is pressed, from [value, text] pairs. */
export function choiceGroup(label, options, selected, onSelect, kind = "views") {
  const group = h(`div.${kind}`, { role: "group", "aria-label": label });
  const choose = (event) => {
    for (const one of group.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
    onSelect(event.currentTarget.value);
  };
  const choice = ([value, text]) => button(text, choose, { value, "aria-pressed": String(value === selected) });
  group.append(...options.map(choice));
  return group;
}

/** A slider over a range of numbers: {min, max, step, value}. */
export const slider = (label, range, oninput) => h("input", { type: "range", "aria-label": label, ...range, oninput });

/** An image that does something when it is pressed. */
export const imageButton = (label, src, onclick, ...below) =>
  h("button.cell", { type: "button", "aria-label": label, title: label, onclick }, h("img", { src, alt: "" }), below);

/** An image with its caption below. */
export const imageFigure = (src, caption) =>
  h("figure", {}, h("img", { src, alt: caption }), h("figcaption", {}, caption));

/** The values that a small curve shows: the last nine tenths, as the first would dwarf them. */
export function sparkValues(values) {
  const start = values.length > 6 ? Math.ceil(values.length * 0.1) : 0;
  return values.filter(Number.isFinite).slice(start);
}

/** A small curve of some values, with its end marked. */
export function sparkline(values, title, width = 132, height = 34) {
  const shown = sparkValues(values);
  if (shown.length < 2) return null;
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const x = (i) => (3 + ((width - 6) * i) / (shown.length - 1)).toFixed(1);
  const y = (value) => (4 + (height - 8) * (1 - (value - low) / (high - low || 1))).toFixed(1);
  const path = svg("path", { d: `M${shown.map((value, i) => `${x(i)} ${y(value)}`).join("L")}` });
  const end = svg("circle", { cx: x(shown.length - 1), cy: y(shown.at(-1)), r: 2.4 });
  const name = Object.assign(svg("title"), { textContent: title });
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, role: "img" }, name, path, end);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
