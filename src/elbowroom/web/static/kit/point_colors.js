// Colors of points: one for each class, or a scale for numbers; with an edge that stands out from the page.

import { h } from "./elements.js";
import { clamp, extent, formatMetric } from "./numbers.js";
import { MAX_CLASS_COLORS, cssColor, resolveColor } from "./theme.js";

/** The contrast of a graphic to the page, at least (WCAG 2.2, 1.4.11). */
const MIN_CONTRAST = 3;
/** How far an edge goes from the color of its point towards that of text, at least, and the steps beyond. */
const [EDGE_MIX, EDGE_STEP] = [0.25, 0.05];

/** A color scale for numbers, from low to high. */
const SEQUENTIAL_STOPS = [
  [68, 40, 120],
  [49, 104, 142],
  [33, 145, 140],
  [83, 197, 104],
  [232, 210, 60],
];
/** The colors of a scale that points have: so few that those of one color can be drawn together. */
const NUM_LEVELS = 32;
/** The name of the color of a point without a label. */
const UNKNOWN = "data";

const toHex = (channels) => `#${channels.map((v) => Math.round(v).toString(16).padStart(2, "0")).join("")}`;
const parseHex = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
const mixChannels = (a, b, share) => a.map((v, k) => v + (b[k] - v) * share);

/** The relative luminance of a color #rrggbb (WCAG 2.2). */
function luminance(color) {
  const linear = parseHex(color).map((v) => (v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/** The contrast of two colors #rrggbb, from 1 to 21. */
export function contrastOf(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** The color of a point's edge: that of the point mixed with that of text until it stands out from the page. */
export function edgeColor(color, paper = cssColor("paper"), ink = cssColor("ink")) {
  for (let share = EDGE_MIX; share < 1; share += EDGE_STEP) {
    const edge = toHex(mixChannels(parseHex(color), parseHex(ink), share));
    if (contrastOf(edge, paper) >= MIN_CONTRAST) return edge;
  }
  return ink;
}

/** The color at a position from 0 to 1 of the scale for numbers. */
export function sequentialColor(fraction) {
  const position = clamp(fraction, 0, 1) * (SEQUENTIAL_STOPS.length - 1);
  const low = Math.min(Math.floor(position), SEQUENTIAL_STOPS.length - 2);
  return toHex(mixChannels(SEQUENTIAL_STOPS[low], SEQUENTIAL_STOPS[low + 1], position - low));
}

/**
 * The colors of points.
 *
 * @typedef {object} PointColors
 * @property {string[]} colors  of each point: a color, or the name of one in the style sheet
 * @property {?[number, number]} range  the ends of the scale; null for classes
 */

/**
 * The colors of n points by their labels: one for each class, or a scale for numbers. What is unknown is grey.
 *
 * @param {number} n
 * @param {?(?number)[]} values  the label of each point; null for none
 * @param {string[]} classes  the names of 0, 1, …; empty where labels are numbers
 * @returns {PointColors}
 */
export function labelColors(n, values, classes) {
  if (!values) return { colors: new Array(n).fill("model"), range: null };
  if (classes.length) return { colors: values.map(classColorName), range: null };
  const range = extent(values.filter((value) => Number.isFinite(value)));
  const level = (value) => Math.round(((value - range[0]) / (range[1] - range[0] || 1)) * (NUM_LEVELS - 1));
  const levels = Array.from({ length: NUM_LEVELS }, (_, k) => sequentialColor(k / (NUM_LEVELS - 1)));
  return { colors: values.map((value) => (Number.isFinite(value) ? levels[level(value)] : UNKNOWN)), range };
}

/** The name of the color of a class. */
export const classColorName = (label) => (label >= 0 ? `class-${label % MAX_CLASS_COLORS}` : UNKNOWN);

/** A dot of a color, as points have it. */
export function colorKey(color) {
  const fill = resolveColor(color);
  return h("i", { style: { background: fill, "box-shadow": `inset 0 0 0 1px ${edgeColor(fill)}` } });
}

/** A legend of the scale for numbers: lowest value, ramp, highest value, unit. */
export function rampLegend(title, [low, high], unit = "") {
  const stops = [0, 0.25, 0.5, 0.75, 1].map(sequentialColor).join(", ");
  const ramp = h("i.ramp", { style: { background: `linear-gradient(90deg, ${stops})` } });
  const end = (value) => h("span", {}, `${formatMetric(value)}${unit && ` ${unit}`}`);
  return [h("span", {}, title), end(low), ramp, end(high)];
}
