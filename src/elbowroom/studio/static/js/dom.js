// Elements, numbers and times: what every view is written with.

/** An element: h("a.big", {href, onclick}, "text", child, …); null children are left out. */
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

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Put children in place of those there are. */
export const fill = (element, ...children) => element.replaceChildren(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));

/** A number as people read it: enough digits, thousands apart. */
export function number(value, digits = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const places = size >= 10000 ? 0 : size >= 1000 ? Math.min(digits, 1) : size < 0.1 && size > 0 ? Math.max(digits, 3) : digits;
  return value.toLocaleString("en", { minimumFractionDigits: Number.isInteger(value) ? 0 : places, maximumFractionDigits: places }).replace("-", "−");
}

/** The name of a dimension, counted from one as in every figure: z₁, z₂, … */
export const dimension = (index) => `z${String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit])}`;

/** Seconds in words: 41 s, 3 min 05 s, 2 h 10 min. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** How long ago a moment was. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(iso).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** A line at the foot of the page, for a while; a mistake stays longer. */
export function tell(text, wrong = false) {
  const line = h("p" + (wrong ? ".wrong" : ""), {}, text);
  const told = document.getElementById("told");
  told.append(line);
  while (told.children.length > 3) told.firstChild.remove();
  setTimeout(() => line.remove(), wrong ? 9000 : 3500);
}

/** Run what may fail, and tell why it did. */
export async function trying(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message, true);
    return undefined;
  }
}

/** At most one call per frame, with the newest arguments. */
export function perFrame(work) {
  let next = null;
  return (...given) => {
    if (next === null) requestAnimationFrame(() => { const now = next; next = null; work(...now); });
    next = given;
  };
}

/** One call after things have been quiet for a moment. */
export function settled(work, wait = 250) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}

/** A colour of the style sheet, as the present scheme has it. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A dialog with a heading; returns it, shown. */
export function dialog(title, ...content) {
  const close = h("button.quiet", { type: "button", "aria-label": "close", onclick: () => box.close() }, "✕");
  const box = h("dialog", { onclose: () => box.remove(), "aria-label": title }, h("header", {}, h("h2", {}, title), close), ...content);
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Hand bytes to the browser as a file. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 5000);
}
