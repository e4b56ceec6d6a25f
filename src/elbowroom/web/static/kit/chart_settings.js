// How charts are shown: axis, smoothing, logarithm, and which lines; and what they show as CSV. Without elements.

/**
 * @typedef {object} ChartSettings
 * @property {string} axis  horizontal axis: a key of the lines' `positions`; "" for their `x`
 * @property {number} smoothing  weight of the past in the moving average, from 0 (none) to below 1
 * @property {boolean} log  whether vertical axes are logarithmic, where all values have one sign
 * @property {?[number, number]} zoom  the part of the horizontal axis that is shown; null for all of it
 * @property {string[]} hidden  keys of the lines that are left out
 */

/** @type {Readonly<ChartSettings>} */
export const CHART_SETTINGS = Object.freeze({ axis: "", smoothing: 0, log: false, zoom: null, hidden: [] });

/** The horizontal axis that is a time in seconds. */
export const TIME_AXIS = "time";
/** The opacity and the width of a line behind its moving average. */
const RAW_STYLE = { alpha: 0.3, width: 1.2 };

/** What the lines of one run, or of one split, have in common in all charts. */
export const lineKey = (line) => String(line.group ?? line.name);

/**
 * The exponential moving average of values, without the bias of its start (Kingma & Ba 2015, arXiv 1412.6980, section
 * 3): mₜ = w mₜ₋₁ + (1 − w) yₜ, divided by 1 − wᵗ. Gaps stay gaps and do not count.
 *
 * @param {(?number)[]} values
 * @param {number} weight  w
 * @returns {(?number)[]}
 */
export function smooth(values, weight) {
  let [mean, bias] = [0, 1];
  return values.map((value) => {
    if (!Number.isFinite(value)) return null;
    mean = weight * mean + (1 - weight) * value;
    bias *= weight;
    return mean / (1 - bias);
  });
}

/** The sign that all values of some lines have; 0 if there are two, or none. @returns {0|1|-1} */
export function commonSign(lines) {
  const values = lines.flatMap((line) => line.y).filter(Number.isFinite);
  if (values.length && values.every((value) => value > 0)) return 1;
  return values.length && values.every((value) => value < 0) ? -1 : 0;
}

/**
 * A chart as its settings show it.
 *
 * @returns {import("./charts.js").ChartData}
 * @param {import("./charts.js").ChartData} chart
 * @param {ChartSettings} settings
 */
export function applySettings(chart, { axis, smoothing, log, hidden }) {
  if (chart.labels) return chart;
  const visible = chart.lines.filter((line) => !hidden.includes(lineKey(line)));
  const lines = visible.map((line) => ({ ...line, x: line.positions?.[axis] ?? line.x }));
  const isPlaced = lines.some((line) => line.positions?.[axis]);
  const shown = smoothing > 0 ? lines.flatMap((line) => smoothLine(line, smoothing)) : lines;
  const placed = isPlaced ? { axis, isTime: axis === TIME_AXIS, counted: axis !== TIME_AXIS } : {};
  return { ...chart, ...placed, log: log ? commonSign(shown) : 0, lines: shown };
}

/** A line and its moving average over it; the values that are read are those of the line. */
function smoothLine(line, weight) {
  const smoothed = smooth(line.y, weight);
  const average = { ...line, y: smoothed, silent: true, markers: false };
  return line.silent ? [average] : [{ ...line, ...RAW_STYLE, smoothed }, average];
}

/** A chart as CSV (RFC 4180): a row for each value, with the name of its line and all positions that it has. */
export function chartCsv(chart) {
  const lines = chart.lines.filter((line) => !line.silent && !line.bars);
  const bars = chart.lines.filter((line) => line.bars);
  const axes = [...new Set(lines.flatMap((line) => Object.keys(line.positions ?? {})))];
  const names = axes.length ? axes : [chart.axis];
  const hasSd = lines.some((line) => line.sd);
  const row = (line, i) => {
    const places = axes.length ? axes.map((axis) => line.positions?.[axis]?.[i]) : [line.x[i]];
    return [line.name, ...places, line.y[i], ...(hasSd ? [line.sd?.[i]] : [])];
  };
  const values = lines.flatMap((line) => line.y.map((_, i) => row(line, i)));
  const heights = bars.flatMap((line) => line.x.map((x, i) => [line.name, chart.labels[x], line.y[i]]));
  const present = [...values, ...heights].filter((cells) => Number.isFinite(cells[1 + names.length]));
  const head = ["line", ...names, "value", ...(hasSd ? ["sd"] : [])];
  return [head, ...present].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

const csvCell = (value) => {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
