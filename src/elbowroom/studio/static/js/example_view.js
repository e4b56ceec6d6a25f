// How one example is shown on the stage, beside the example of the data that it belongs to: an image, a row of a table,
// or curves.

import { createChart, formatNumber, h, lineStyle } from "/static/kit.js";
import { exampleUrl, getJson, paintImage } from "./api.js";
import { imageFigure, newestOnly, setChildren, withErrors } from "./dom.js";

const EXAMPLE_PX = 160;
const CHART_HEIGHT_PX = 300;
/** Channels of a series that are named in a legend. */
const MAX_LEGEND_CHANNELS = 12;

/**
 * A view of an example: `show` takes what the server has decoded, `showExample` the example of the data or null.
 * @typedef {{element: HTMLElement, show: (decoded: any) => void, showExample: (example: ?object) => void,
 *   destroy?: () => void}} ExampleView
 */

/** @param {string} run @param {any} model @returns {ExampleView} */
export function createExampleView(run, model) {
  const views = { images: createImageView, table: createTableView, curves: createCurveView };
  return views[model.kind](run, model);
}

/** The name of an example: its split and its index there. */
export const exampleName = ({ split, index }) => `${split} ${index}`;

function createImageView(run) {
  const canvas = h("canvas.decoded", { role: "img", "aria-label": "the decoded image" });
  const original = h("div.original", { hidden: true });
  return {
    element: h("div.shown", {}, canvas, original),
    show: (decoded) => paintImage(canvas, decoded),
    showExample(example) {
      original.hidden = !example;
      if (!example) return;
      const source = exampleUrl(run, example.split, example.index, EXAMPLE_PX);
      setChildren(original, imageFigure(source, exampleName(example)));
    },
  };
}

/** The numbers and cells of one example of the data; undefined if another was asked for meanwhile. */
function createRowLoader(run) {
  const load = newestOnly(({ split, index }) => getJson("/api/rows", { run, split, index }));
  return (example) => withErrors(() => load(example));
}

// ---- Rows of a table

function createTableView(run, model) {
  const rows = model.columns.map(createCellRow);
  const head = h("th", { scope: "col" }, "example");
  const load = createRowLoader(run);
  const element = h(
    "div.shown.cells.alone",
    {},
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "column"), h("th", { scope: "col" }, "decoded"), head)),
      h(
        "tbody",
        {},
        rows.map((row) => row.element),
      ),
    ),
  );
  return {
    element,
    show: ({ cells }) => rows.forEach((row, i) => row.show(cells[i])),
    async showExample(example) {
      const answer = example ? await load(example) : null;
      if (answer === undefined) return;
      element.classList.toggle("alone", !example);
      head.textContent = example ? exampleName(example) : "example";
      rows.forEach((row, i) => row.showExample(answer?.cells[0][i] ?? null));
    },
  };
}

function createCellRow(column) {
  const example = h("td.known");
  const cell = column.categories.length ? createCategoryCell(column) : createNumberCell(column);
  return {
    element: h("tr", {}, h("th", { scope: "row" }, column.name), cell.element, example),
    show: cell.show,
    showExample(known) {
      example.textContent = known ? (known.text ?? "empty") : "";
      cell.showExample(known);
    },
  };
}

/** A number or date with its place between the smallest and the largest of its column. */
function createNumberCell({ low, high }) {
  const text = h("b");
  const [spot, tick] = [h("i.spot"), h("i.tick", { hidden: true })];
  const range = low === null ? "" : `from ${low} to ${high} in the data`;
  const gauge = h("span.place", { title: range, hidden: true }, tick, spot);
  return {
    element: h("td.number", {}, text, gauge),
    show(cell) {
      text.textContent = cell.text ?? "empty";
      gauge.hidden = cell.at === undefined;
      spot.style.left = `${100 * (cell.at ?? 0)}%`;
    },
    showExample(cell) {
      tick.hidden = cell?.at === undefined;
      tick.style.left = `${100 * (cell?.at ?? 0)}%`;
    },
  };
}

/** The most probable category with its probability; opened, those of all categories. */
function createCategoryCell({ name, categories }) {
  const [text, share, bar] = [h("b"), h("span"), h("i")];
  const bars = categories.map((category) => {
    const [value, filled] = [h("span"), h("i")];
    return { element: h("li", {}, h("span", {}, category), h("span.bar", {}, filled), value), value, filled };
  });
  const list = h("ul", { "aria-label": `probabilities of ${name}` });
  list.append(...bars.map(({ element }) => element));
  const element = h("td", {}, h("details", {}, h("summary", {}, text, share, h("span.bar", {}, bar)), list));
  return {
    element,
    show(cell) {
      text.textContent = cell.text ?? "a category that was never seen";
      const p = cell.p ?? [];
      const top = Math.max(0, ...p);
      share.textContent = p.length ? formatShare(top) : "";
      bar.style.width = `${100 * top}%`;
      list.hidden = !p.length;
      bars.forEach(({ value, filled }, i) => {
        value.textContent = formatShare(p[i] ?? 0);
        filled.style.width = `${100 * (p[i] ?? 0)}%`;
      });
    },
    showExample(cell) {
      bars.forEach((one, i) => one.element.classList.toggle("known", cell?.text === categories[i]));
    },
  };
}

/** A probability in percent: 62 %, 0.4 %. */
export const formatShare = (p) => `${formatNumber(100 * p, 2)} %`;

// ---- Curves

function createCurveView(run, model) {
  const area = h("div.area", { tabIndex: 0, role: "img", "aria-label": "the decoded values" });
  const legend = h("p.legend");
  const load = createRowLoader(run);
  let [chart, decoded, known, knownName] = [null, null, null, ""];
  const draw = () => {
    if (!decoded) return;
    const lines = [...curveLines(known, knownName, { dash: [5, 4], alpha: 0.6 }), ...curveLines(decoded, "decoded")];
    const next = { axis: curveAxis(model), lines };
    if (chart) chart.update(next);
    // A chart needs its place on the page.
    else if (area.isConnected) chart = createChart(area, next, { height: CHART_HEIGHT_PX, box: true });
    const dashed = knownName ? `; dashed: ${knownName}` : "";
    legend.textContent = `${describeChannels(decoded, model)}${dashed}`;
  };
  return {
    element: h("div.shown.curves", {}, area, legend),
    destroy: () => chart?.destroy(),
    show({ x }) {
      decoded = channelsOf(x);
      draw();
    },
    async showExample(example) {
      const answer = example ? await load(example) : null;
      if (answer === undefined) return;
      known = answer && channelsOf(answer.x[0]);
      knownName = example ? exampleName(example) : "";
      draw();
    },
  };
}

/** The channels of an example, (C, L); a vector has one. */
export const channelsOf = (x) => (Array.isArray(x[0]) ? x.map((channel) => channel.flat(Infinity)) : [x]);

const curveAxis = ({ shape }) => (shape.length === 2 ? "time step" : "place in the vector");

function describeChannels(channels, { shape }) {
  const names = `${channels.length} ${channels.length === 1 ? "channel" : "channels"}`;
  return shape.length === 2
    ? `${names} over ${shape[1]} time steps`
    : `${channels.flat().length} values in their order`;
}

function curveLines(channels, name, style = {}) {
  return (channels ?? []).map((y, i) => ({
    name: channels.length > 1 && channels.length <= MAX_LEGEND_CHANNELS ? `channel ${i + 1}, ${name}` : name,
    x: y.map((_, k) => k + 1),
    y,
    ...lineStyle(i),
    ...style,
  }));
}
