// The color scheme: the system's, or light or dark as chosen here and remembered by the browser.

import { h, queryAll } from "./elements.js";
import { DARK_QUERY, SCHEME_EVENT } from "./theme.js";

const STORAGE_KEY = "elbowroom-scheme";
/** The media for which the dark rules hold, and what form controls are told, by the choice. */
const SCHEMES = {
  system: { media: `screen and ${DARK_QUERY}`, meta: "light dark", label: "Auto", next: "light" },
  light: { media: "not all", meta: "light", label: "Light", next: "dark" },
  dark: { media: "screen", meta: "dark", label: "Dark", next: "system" },
};

/** Where a browser keeps no choices, as in some private windows, the scheme is the system's. */
function storedScheme() {
  try {
    const name = localStorage.getItem(STORAGE_KEY);
    return name in SCHEMES ? name : "system";
  } catch {
    return "system";
  }
}

function storeScheme(name) {
  try {
    localStorage.setItem(STORAGE_KEY, name);
  } catch {
    // It holds for this page alone.
  }
}

/** The rules of the style sheets for the dark, whose condition is what a choice replaces. */
let darkRules = [];
let chosenScheme = "system";

const findDarkRules = () =>
  [...document.styleSheets]
    .flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSMediaRule && rule.media.mediaText.includes(DARK_QUERY));

function applyScheme(name) {
  chosenScheme = name;
  for (const rule of darkRules) rule.media.mediaText = SCHEMES[name].media;
  document.querySelector("meta[name=color-scheme]")?.setAttribute("content", SCHEMES[name].meta);
  document.dispatchEvent(new Event(SCHEME_EVENT));
}

/** A button that goes from the system's scheme to light, to dark, and back. */
export function createSchemeButton() {
  const label = h("span");
  const button = h("button.scheme", { type: "button" }, h("i", { "aria-hidden": "true" }), label);
  const write = () => {
    label.textContent = SCHEMES[chosenScheme].label;
    button.dataset.is = chosenScheme;
    button.title = `Color scheme: ${SCHEMES[chosenScheme].label}`;
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", () => {
    applyScheme(SCHEMES[chosenScheme].next);
    storeScheme(chosenScheme);
    write();
  });
  write();
  return button;
}

/** Apply the scheme that was chosen, and put the button where a template has marked its place. */
export function setUpColorScheme() {
  darkRules = findDarkRules();
  if (storedScheme() !== "system") applyScheme(storedScheme());
  queryAll("[data-scheme]").forEach((place) => place.append(createSchemeButton()));
}
