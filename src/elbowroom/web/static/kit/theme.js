// Colors and type of what is drawn on canvases, in the color scheme of the page.

import { h } from "./elements.js";
import { clamp, extent, formatNumber } from "./numbers.js";

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

/** The color of a line: a name of the style sheet, or a color. */
export const resolveColor = (color) => (color.startsWith("#") ? color : cssColor(color));

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

/** A color scale for labels that are numbers: from dark to light, in contrast to the page at both ends. */
const SEQUENTIAL_STOPS = [
  [68, 40, 120],
  [49, 104, 142],
  [33, 145, 140],
  [83, 197, 104],
  [232, 210, 60],
];

/** The color at a position from 0 to 1 of the sequential scale. */
function sequentialColor(fraction) {
  const position = clamp(fraction, 0, 1) * (SEQUENTIAL_STOPS.length - 1);
  const low = Math.min(Math.floor(position), SEQUENTIAL_STOPS.length - 2);
  const mix = (v, i) => Math.round(v + (SEQUENTIAL_STOPS[low + 1][i] - v) * (position - low));
  return `rgb(${SEQUENTIAL_STOPS[low].map(mix).join(" ")})`;
}

/**
 * The colors of labels: a color of its own for each class, or a scale for numbers.
 *
 * @param {?number[]} values  the label of each example; null for none
 * @param {string[]} classes  the names of 0, 1, …; empty where labels are numbers
 * @returns {{color: (i: number) => string, range: ?[number, number]}}
 */
export function labelColors(values, classes) {
  if (!values) {
    const model = cssColor("model");
    return { color: () => model, range: null };
  }
  if (classes.length) {
    const colors = classes.map((_, i) => classColor(i));
    return { color: (i) => colors[values[i]], range: null };
  }
  const range = extent(values);
  return { color: (i) => sequentialColor((values[i] - range[0]) / (range[1] - range[0] || 1)), range };
}

/** A legend of the sequential scale: lowest value, ramp, highest value. */
export function rampLegend(title, [low, high]) {
  const stops = [0, 0.25, 0.5, 0.75, 1].map(sequentialColor).join(", ");
  const ramp = h("i.ramp", { style: { background: `linear-gradient(90deg, ${stops})` } });
  return [h("span", {}, `${title} ${formatNumber(low)}`), ramp, h("span", {}, formatNumber(high))];
}

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
