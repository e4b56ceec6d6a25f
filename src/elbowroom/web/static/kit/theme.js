// Colors and type of what is drawn on canvases, in the color scheme of the page.

import { h } from "./elements.js";

/** The type of text on canvases. */
export const FONT = "11.5px -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif";

/** The condition of the dark rules in the style sheet. */
export const DARK_QUERY = "(prefers-color-scheme: dark)";
/** Sent to the document when another color scheme than the system's is chosen, or the system's again. */
export const SCHEME_EVENT = "schemechange";
const darkScheme = matchMedia(DARK_QUERY);
const printing = matchMedia("print");

/** Call a function when the colors of the page change: to dark, to light, to print. Return a function that stops it. */
export function onColorChange(callback) {
  const queries = [darkScheme, printing];
  queries.forEach((query) => query.addEventListener("change", callback));
  document.addEventListener(SCHEME_EVENT, callback);
  return () => {
    queries.forEach((query) => query.removeEventListener("change", callback));
    document.removeEventListener(SCHEME_EVENT, callback);
  };
}

/** A color of the style sheet by its name without dashes, in the current color scheme. */
export const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The colors between which those of lines in an order lie: `--ordered-0` and so on of the style sheet. */
const NUM_ORDERED_STOPS = 5;

/** The color at a place from 0 to 1 of the scale of lines in an order. */
function orderedColor(place) {
  const position = place * (NUM_ORDERED_STOPS - 1);
  const low = Math.min(Math.floor(position), NUM_ORDERED_STOPS - 2);
  const ends = [low, low + 1].map((stop) => cssColor(`ordered-${stop}`));
  const channel = (color, k) => parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16);
  const mix = (k) => Math.round(channel(ends[0], k) + (channel(ends[1], k) - channel(ends[0], k)) * (position - low));
  return `#${[0, 1, 2].map((k) => mix(k).toString(16).padStart(2, "0")).join("")}`;
}

/** The color of a line: a name of the style sheet, a color, or its place from 0 to 1 among lines in an order. */
export function resolveColor(color) {
  if (typeof color === "number") return orderedColor(color);
  return color.startsWith("#") ? color : cssColor(color);
}

/** The number of classes that have a color of their own. */
export const MAX_CLASS_COLORS = 10;

/** The color of a class by its number. */
export const classColor = (index) => cssColor(`class-${index % MAX_CLASS_COLORS}`);

const NUM_LINE_COLORS = 8;
const DASHES = [undefined, [6, 4], [1.5, 3]];

/** The style of one of many lines: eight colors that the color-blind can tell apart, dashed from the ninth line on. */
export const lineStyle = (index) => ({
  color: `line-${index % NUM_LINE_COLORS}`,
  dash: DASHES[Math.floor(index / NUM_LINE_COLORS) % DASHES.length],
});

/** A piece of a line, to name it by. */
export function legendKey({ color, dash, bars }) {
  return h(bars ? "i.key.block" : "i.key", { style: { background: dashedBackground(resolveColor(color), dash) } });
}

/** A background of dashes and gaps. */
function dashedBackground(color, dash) {
  if (!dash?.length) return color;
  let end = 0;
  const stops = dash.map((length, i) => `${i % 2 ? "transparent" : color} ${end}px ${(end += length)}px`);
  return `repeating-linear-gradient(90deg, ${stops.join(", ")})`;
}
