// DOM helpers: elements, formatted numbers and times, messages, dialogs, throttling.

/** Create an element: h("a.big", {href, onclick}, "text", child, …); null children are left out. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [name, set] of Object.entries(value)) element.style.setProperty(name, set);
    else if (key in element && key !== "list" && key !== "form") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Create an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Replace the children of an element; null children are left out. */
export const setChildren = (element, ...children) =>
  element.replaceChildren(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));

/** Format a number with a sensible number of digits and separated thousands. */
export function formatNumber(value, digits = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const places =
    size >= 10000 ? 0 : size >= 1000 ? Math.min(digits, 1) : size < 0.1 && size > 0 ? Math.max(digits, 3) : digits;
  return value
    .toLocaleString("en", {
      minimumFractionDigits: Number.isInteger(value) ? 0 : places,
      maximumFractionDigits: places,
    })
    .replace("-", "−");
}

/** The name of a dimension, counted from one as in all figures: z₁, z₂, … */
export const dimensionName = (index) => `z${String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit])}`;

/** Format seconds: 41 s, 3 min 05 s, 2 h 10 min. */
export function formatDuration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** Format how long ago a time was. */
export function formatAge(isoTime) {
  const seconds = (Date.now() - Date.parse(isoTime)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(isoTime).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** Show a message at the foot of the page for a while; an error stays longer. */
export function toast(text, isError = false) {
  const line = h("p" + (isError ? ".wrong" : ""), {}, text);
  const toasts = document.getElementById("toasts");
  toasts.append(line);
  while (toasts.children.length > 3) toasts.firstChild.remove();
  setTimeout(() => line.remove(), isError ? 9000 : 3500);
}

/** Run an async function, and show its error as a message if it fails. */
export async function withErrors(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, true);
    return undefined;
  }
}

/** Limit a function to one call per frame, with the newest arguments. */
export function oncePerFrame(work) {
  let newestArguments = null;
  return (...args) => {
    if (newestArguments === null)
      requestAnimationFrame(() => {
        const current = newestArguments;
        newestArguments = null;
        work(...current);
      });
    newestArguments = args;
  };
}

/** Delay a function until it has not been called for a while. */
export function debounce(work, waitMs = 250) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), waitMs);
  };
}

/** A color of the style sheet, in the current color scheme. */
export const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Open a dialog with a heading, and return it. */
export function openDialog(title, ...content) {
  const close = h("button.quiet", { type: "button", "aria-label": "close", onclick: () => box.close() }, "✕");
  const box = h(
    "dialog",
    { onclose: () => box.remove(), "aria-label": title },
    h("header", {}, h("h2", {}, title), close),
    ...content,
  );
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Save a blob as a file. */
export function downloadBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 5000);
}
