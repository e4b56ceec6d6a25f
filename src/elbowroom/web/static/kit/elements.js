// Elements of a page.

import { clamp } from "./numbers.js";

/** Create an element: h("a.big", {href, onclick}, "text", child, …); null children are left out. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) setAttribute(element, key, value);
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function setAttribute(element, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key === "style") for (const [name, set] of Object.entries(value)) element.style.setProperty(name, set);
  else if (key in element && key !== "list" && key !== "form") element[key] = value;
  else element.setAttribute(key, value === true ? "" : value);
}

/** The elements that a selector finds, as an array. */
export const queryAll = (selector, root = document) => [...root.querySelectorAll(selector)];

/** The data that a page of one file carries. */
export const pageData = () => JSON.parse(document.getElementById("data").textContent);

/** Mark one of several buttons as pressed. */
export const pressOnly = (buttons, pressed) =>
  buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));

/** Place a box beside a position in an area, on the side that has room. */
export function placeBox(box, area, x, y = null) {
  const [width, room] = [box.offsetWidth, area.clientWidth];
  const left = x + 14 + width > room ? x - 14 - width : x + 14;
  box.style.left = `${clamp(left, -34, Math.max(room - width, -34))}px`;
  if (y !== null) box.style.top = `${y > area.clientHeight / 2 ? y - box.offsetHeight - 12 : y + 12}px`;
}

/** Save a blob as a file. */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 5000);
}
