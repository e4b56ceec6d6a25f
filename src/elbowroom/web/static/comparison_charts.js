// Charts of a comparison: curves of each protocol under one toolbar, and rate against distortion.

import { groupLines, rateChart } from "./comparison_curves.js";
import { createSection } from "./comparison_results.js";
import { ChartGroup, curveRange, h, help } from "./kit.js";

/** The horizontal axes that curves can have. */
export const COMPARISON_AXES = ["epoch", "step", "time"];
/** Time between two drawings of curves that grow. */
const DRAW_INTERVAL_MS = 250;
const NATS = "nats per example";

const createFigure = (title, unit, label) => {
  const area = { tabIndex: 0, role: "group", "aria-roledescription": "chart", "aria-label": label };
  return h("figure.chart", {}, h("figcaption", {}, h("h3", {}, title), h("p.unit", {}, unit)), h("div.area", area));
};

/** All charts of a comparison. */
export class ComparedCharts {
  /** A chart for each protocol and term: its member of the group, and what it shows. */
  #curveMembers = new Map();
  #rateMembers = new Map();
  #timer = 0;

  /**
   * @param {import("./comparison_view.js").ComparisonView} view
   * @param {Record<string, Record<string, any>>} curves  columns by run and split
   */
  constructor(view, curves) {
    this.view = view;
    this.curves = curves;
    const { axis, smoothing, log } = view.state;
    const onRead = (readings) => view.highlight(readings ? readings[0].line.group : null);
    const reading = { nearest: true, onRead };
    this.charts = new ChartGroup({
      ...reading,
      axes: COMPARISON_AXES,
      settings: { axis, smoothing, log },
      onChange: (settings) => this.#keepSettings(settings),
      range: curveRange,
    });
    this.rates = new ChartGroup({ ...reading, onDraw: placeElboLabels });
    this.curvePanels = h("div");
    this.ratePanels = h("div.charts");
    this.elements = [this.#createCurveSection(), this.#createRateSection()];
  }

  #createCurveSection() {
    const caption =
      `Terms of the ${this.view.data.curves.split} split. A line is the mean over a group's seeds; thin lines are ` +
      "the seeds, and trainings that have not finished. First values far from the rest are cut off.";
    return createSection("curves", "Training curves", caption, [this.charts.toolbar, this.curvePanels]);
  }

  #createRateSection() {
    const caption =
      "What the latent costs (rate: KL) against what is lost (distortion: −log p(x|z)), of each run and the mean of " +
      "its group. On a dotted line the ELBO is the same; lower left is better.";
    const section = createSection("rate", "Rate and distortion", caption, h("div.charts-room", {}, this.ratePanels));
    section.querySelector("h2").append(" ", help("rate_distortion"));
    return section;
  }

  #keepSettings({ axis, smoothing, log }) {
    const { state } = this.view;
    const isSame = axis === state.axis && smoothing === state.smoothing && log === state.log;
    if (!isSame) this.view.keepChartSettings({ axis, smoothing, log });
  }

  /** Draw the groups that are shown; charts that are there already get other values. */
  update() {
    const hidden = this.view.hiddenGroups;
    this.#updateCurves(hidden);
    this.#updateRates(hidden);
  }

  #updateCurves(hidden) {
    const { data } = this.view;
    data.protocols.forEach((protocol, n) => {
      const groups = data.groups.filter((group) => group.protocol === n);
      for (const term of data.curves.terms) this.#updateTerm(protocol, n, groups, term);
    });
    this.elements[0].hidden = !this.#curveMembers.size;
    if (JSON.stringify(hidden) !== JSON.stringify(this.charts.settings.hidden)) this.charts.set({ hidden });
  }

  #updateTerm(protocol, n, groups, { name, title, unit }) {
    const lines = groups.flatMap((group) => groupLines(group, this.#runsOf(group), this.curves, name, this.#split));
    const chart = { axis: "step", lines };
    const key = `${n} ${name}`;
    if (this.#curveMembers.has(key)) return this.#curveMembers.get(key).update(chart);
    if (!lines.length) return;
    const place = protocol.letter ? ` (${protocol.letter})` : "";
    const figure = createFigure(title, unit, `${title}${place}, ${unit}, of each group`);
    this.#panel(protocol, n).append(figure);
    this.#curveMembers.set(key, this.charts.add(figure, chart));
  }

  /** The charts of a protocol under its name. */
  #panel(protocol, n) {
    const found = this.curvePanels.querySelector(`[data-protocol="${n}"]`);
    if (found) return found;
    const charts = h("div.charts");
    charts.dataset.protocol = String(n);
    if (protocol.letter) this.curvePanels.append(protocolName(protocol));
    this.curvePanels.append(h("div.charts-room", {}, charts));
    return charts;
  }

  get #split() {
    return this.view.data.curves.split;
  }

  #runsOf(group) {
    const { data } = this.view;
    return data.runs.filter((run) => data.groups[run.group] === group);
  }

  // ---- Rate and distortion

  #updateRates(hidden) {
    const { data } = this.view;
    data.protocols.forEach((protocol, n) => {
      const points = ratePoints(data, n).filter(({ group }) => !hidden.includes(group.name));
      if (points.length) this.#updateRate(protocol, n, rateChart(points));
      const member = this.#rateMembers.get(n);
      if (member) member.figure.hidden = !points.length;
    });
    this.elements[1].hidden = !this.#rateMembers.size;
  }

  #updateRate(protocol, n, chart) {
    const known = this.#rateMembers.get(n);
    if (known) known.update(chart);
    else {
      const title = `Reconstruction, −log p(x|z)${protocol.letter ? ` (${protocol.letter})` : ""}`;
      const label = `rate against distortion, ${NATS}; the arrow keys go from group to group`;
      const figure = createFigure(title, NATS, label);
      figure.append(h("p.axis", { "aria-hidden": "true" }, `KL(q ‖ p), ${NATS}`));
      this.ratePanels.append(figure);
      this.#rateMembers.set(n, this.rates.add(figure, chart));
    }
  }

  // ---- What moves

  /** Add a row of the metrics of a run, and draw its curves soon. */
  appendRow(run, row) {
    const columns = ((this.curves[run] ??= {})[row.split] ??= { step: [], epoch: [], seconds: [] });
    if (columns.step.length && row.step <= columns.step.at(-1)) return;
    const before = columns.step.length;
    for (const [name, value] of Object.entries(row))
      if (typeof value === "number") (columns[name] ??= new Array(before).fill(null)).push(value);
    for (const column of Object.values(columns)) if (column.length === before) column.push(null);
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#updateCurves(this.view.hiddenGroups);
    }, DRAW_INTERVAL_MS);
  }

  /** Bring the lines of a group forward, and name their ends; all are alike for null. */
  highlight(group) {
    const isFaded = (line) => group !== null && line.group !== undefined && line.group !== group;
    for (const charts of [this.charts, this.rates]) charts.fade(isFaded);
    for (const member of this.#curveMembers.values()) nameLineEnd(member, group);
  }

  destroy() {
    clearTimeout(this.#timer);
    this.charts.destroy();
    this.rates.destroy();
  }
}

/** A protocol's letter and what it is. */
const protocolName = ({ letter, summary }) => h("h3.protocol-name", {}, h("b", {}, letter), summary);

/** Rate and distortion of the groups of a protocol, from the tables. */
function ratePoints(data, protocol) {
  const read = ({ heads }, row) =>
    ["kl", "reconstruction"].map((name) => row.cells[findHead(heads, name)]?.value ?? null);
  const { groups, runs } = data.tables;
  const own = groups.rows.filter((row) => data.groups[row.group].protocol === protocol);
  const points = own.map((row) => {
    const [rate, distortion] = read(groups, row);
    const seeds = runs.rows.filter((run) => run.group === row.group && run.counts === row.counts);
    const pairs = seeds.map((run) => read(runs, run)).filter((pair) => !pair.includes(null));
    return { group: data.groups[row.group], rate, distortion, runs: pairs };
  });
  return points.filter(({ rate, distortion }) => rate !== null && distortion !== null);
}

const findHead = (heads, name) => heads.findIndex((head) => head.name === name);

/** Write the ELBO at the ends of its lines, within the chart. */
function placeElboLabels(plot, chart) {
  plot.over.querySelectorAll(".elbo-label").forEach((label) => label.remove());
  const [bottom] = chart.limits;
  for (const line of chart.lines.filter(({ elbo }) => elbo !== undefined)) {
    // A line ends at the right, or where it leaves the chart below.
    const x = Math.min(line.x[1], -line.elbo - bottom);
    const [left, top] = [plot.valToPos(x, "x"), plot.valToPos(-line.elbo - x, "y")];
    if (top < 0 || left < 0) continue;
    const label = h("span.elbo-label", {}, line.name);
    Object.assign(label.style, { left: `${left}px`, top: `${top}px` });
    plot.over.append(label);
  }
}

/** Write the name of a group at the end of its line. */
function nameLineEnd({ view }, group) {
  const { plot, chart } = view;
  plot.over.querySelector(".line-end")?.remove();
  const line = group === null ? null : chart.lines.findLast((one) => one.group === group && one.x.length);
  if (!line) return;
  const end = line.y.findLastIndex((value) => value !== null);
  const label = h("span.line-end", {}, line.name);
  const [left, top] = [plot.valToPos(line.x[end], "x"), plot.valToPos(line.y[end], "y")];
  Object.assign(label.style, { right: `${Math.max(plot.over.clientWidth - left, 0)}px`, top: `${Math.max(top, 0)}px` });
  plot.over.append(label);
}
