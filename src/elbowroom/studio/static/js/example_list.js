// Decoded examples side by side, each of which may be pressed: images, rows of a table, or small curves.

import { h, lineStyle, resolveColor } from "/static/kit.js";
import { imageButton, svg } from "./dom.js";
import { channelsOf } from "./example_view.js";

const CURVE_WIDTH_PX = 100;
const CURVE_HEIGHT_PX = 64;
/** Channels of a series that are drawn in a small picture. */
const MAX_SMALL_CHANNELS = 8;

/** Formats that decoded examples of a kind are saved in, besides npz; films are of images. */
const FORMATS = { images: ["png"], table: ["csv"], curves: [] };

/** The formats of files of a model's examples, the first of which is as they are shown. */
export const fileFormats = (model, isFilm = false) => [
  ...(isFilm && model.kind === "images" ? ["gif"] : []),
  ...FORMATS[model.kind],
  "npz",
];

/**
 * The elements that show decoded examples, one each; of a table, one table for all of them.
 *
 * @param {any} model
 * @param {{pngs?: string[], x?: any[], cells?: any[][]}} answer the server's
 * @param {(i: number) => string} nameOf what a screen reader says of an example, and a row's name
 * @param {(i: number) => void} onUse
 * @param {boolean} [onlyChanges] whether columns of a table that are the same in all rows are left out
 * @returns {HTMLElement[]}
 */
export function listExamples(model, answer, nameOf, onUse, onlyChanges = false) {
  if (answer.pngs) return answer.pngs.map((png, i) => imageButton(nameOf(i), png, () => onUse(i)));
  if (answer.cells) return [createRowTable(model.columns, answer.cells, nameOf, onUse, onlyChanges)];
  const limits = valueLimits(answer.x);
  return answer.x.map((x, i) => createCurveButton(x, limits, nameOf(i), () => onUse(i)));
}

function createRowTable(columns, rows, nameOf, onUse, onlyChanges) {
  const isShown = (k) => !onlyChanges || rows.some((row) => row[k].text !== rows[0][k].text);
  const shown = columns.map((_, k) => k).filter(isShown);
  if (!shown.length) return h("p.quiet", {}, "No column changes.");
  const head = shown.map((k) => h("th", { scope: "col" }, columns[k].name));
  const use = (i) => h("button.quiet", { type: "button", onclick: () => onUse(i) }, nameOf(i));
  const line = (row, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, use(i)),
      shown.map((k) => h("td", {}, row[k].text ?? "empty")),
    );
  return h(
    "div.wide.rows",
    { tabIndex: 0, role: "region", "aria-label": "decoded rows" },
    h("table", {}, h("thead", {}, h("tr", {}, h("td"), head)), h("tbody", {}, rows.map(line))),
  );
}

/** @returns {[number, number]} */
function valueLimits(examples) {
  const values = examples.flat(Infinity).filter(Number.isFinite);
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  return [low, high > low ? high : low + 1];
}

function createCurveButton(x, [low, high], label, onclick) {
  const path = (values) => {
    const across = (k) => ((CURVE_WIDTH_PX * k) / Math.max(values.length - 1, 1)).toFixed(1);
    const up = (value) => (2 + (CURVE_HEIGHT_PX - 4) * (1 - (value - low) / (high - low))).toFixed(1);
    return `M${values.map((value, k) => `${across(k)} ${up(value)}`).join("L")}`;
  };
  const lines = channelsOf(x)
    .slice(0, MAX_SMALL_CHANNELS)
    .map((values, i) => svg("path", { d: path(values), stroke: resolveColor(lineStyle(i).color) }));
  const picture = svg("svg", { class: "curve", viewBox: `0 0 ${CURVE_WIDTH_PX} ${CURVE_HEIGHT_PX}` }, ...lines);
  return h("button.cell", { type: "button", "aria-label": label, title: label, onclick }, picture);
}
