// Curves of the terms of the objective: their names, positions and charts.

import {
  ChartGroup,
  clamp,
  curveRange,
  dimensionName,
  formatMetric,
  h,
  help,
  legendKey,
  lineKey,
} from "/static/kit.js";
import { readList, readNumbers, readState, writeState } from "./address.js";
import { setChildren, spaced } from "./dom.js";

/** Columns of the metrics that are no terms. */
const NON_TERMS = new Set(["step", "epoch", "seconds", "examples"]);
const FIRST_TERMS = ["elbo", "loss", "reconstruction", "kl"];
const LAST_TERM = "examples_per_second";
const TITLES = { elbo: "ELBO", kl: "KL" };
const LATENT_KL = /^kl_z(\d+)$/;
const UNIT = "nats per example";
const UNITS = { loss: UNIT, elbo: `${UNIT}, higher is better`, reconstruction: UNIT };
/** Terms that the kit explains. */
const EXPLAINED = ["elbo", "kl", "reconstruction"];
/** The relative difference up to which the loss counts as the negative ELBO. */
const NEGATED_TOLERANCE = 1e-4;
/** The horizontal axes of curves, each with the column of the metrics that it shows. */
const AXES = { epoch: "epoch", step: "step", time: "seconds" };

/** The names of all terms in some splits, the most important first; the loss only if it is not the negative ELBO. */
export function termNames(splits) {
  const found = new Set(Object.values(splits).flatMap((split) => Object.keys(split)));
  if (isLossNegatedElbo(Object.values(splits))) found.delete("loss");
  const isOther = (name) => !FIRST_TERMS.includes(name) && !NON_TERMS.has(name) && name !== LAST_TERM;
  const others = [...found].filter(isOther).sort();
  return [...FIRST_TERMS, ...others, LAST_TERM].filter((name) => found.has(name));
}

function isLossNegatedElbo(splits) {
  const isNegated = (loss, elbo) => Math.abs(loss + elbo) <= NEGATED_TOLERANCE * Math.abs(loss);
  const areNegated = ({ loss, elbo }) => loss.every((value, i) => isNegated(value, elbo[i]));
  const withLoss = splits.filter((split) => split.loss);
  return withLoss.length > 0 && withLoss.every((split) => split.elbo && areNegated(split));
}

/** The positions of the rows of a split on each axis: step, seconds, and epochs, with fractions within one. */
export function axisPositions(split, splits) {
  const ends = Object.values(splits).find((other) => other.epoch?.length && other !== splits.train) ?? splits.train;
  const last = ends.step.at(-1);
  const perStep = last ? ends.epoch.at(-1) / last : 1;
  const epoch = split.step.map((step) => step * perStep);
  return Object.fromEntries(Object.entries(AXES).map(([axis, column]) => [axis, { epoch }[axis] ?? split[column]]));
}

/** The lines of a term, one a split, as charts take them; each split has `positions` from `axisPositions`. */
export const splitLines = (splits, positions, name) =>
  Object.keys(positions)
    .filter((split) => splits[split]?.[name]?.length)
    .map((split) => ({
      name: split,
      color: split,
      x: splits[split].step,
      positions: positions[split],
      y: splits[split][name],
      width: split === "train" ? 1.4 : 2,
    }));

// ---- The state of charts in the address

/** What stands in the address if no line is hidden that would be at first. */
const NONE = "none";

/** Settings of charts from the address: x, smooth, log, zoom and hide. */
export function readChartSettings({ hidden = [] } = {}) {
  const { x, smooth, log, hide } = readState();
  const zoom = readNumbers("zoom");
  return {
    axis: x in AXES ? x : "epoch",
    smoothing: clamp(Number(smooth) || 0, 0, 0.99),
    log: Boolean(log),
    zoom: zoom?.length === 2 && zoom[0] < zoom[1] ? zoom : null,
    hidden: hide === undefined ? hidden : readList("hide").filter((key) => key !== NONE),
  };
}

/** Write settings of charts into the address, without those that are as at first. */
export function writeChartSettings({ axis, smoothing, log, zoom, hidden }, { hidden: first = [] } = {}) {
  const isFirst = hidden.length === first.length && hidden.every((key) => first.includes(key));
  const hide = isFirst ? null : hidden.length ? hidden : [NONE];
  writeState({ x: axis === "epoch" ? null : axis, smooth: smoothing || null, log, zoom, hide });
}

// ---- Charts

/** The title of a chart: ELBO, KL of z₁, examples per second. */
function termTitle(name) {
  const latent = LATENT_KL.exec(name);
  return latent ? `KL of ${dimensionName(Number(latent[1]) - 1)}` : (TITLES[name] ?? spaced(name));
}

/** A chart of one term; its legend has the last value of each line, and hides and shows it. */
class TermChart {
  #area = h("div.area.plotted", { role: "group", "aria-roledescription": "chart", tabIndex: 0 });
  #legend = h("p.legend");

  constructor(name, chart, group, hasLegend) {
    this.group = group;
    this.title = termTitle(name);
    const unit = UNITS[name] ?? (name.startsWith("kl") ? UNIT : "");
    const about = EXPLAINED.includes(name) ? help(name) : null;
    const caption = h("figcaption", {}, h("b", {}, this.title), about, h("span.unit", {}, unit));
    this.element = h("figure.chart.term", {}, caption, this.#area, hasLegend ? this.#legend : null);
    this.#describe(chart);
    this.member = group.add(this.element, chart, { range: curveRange });
  }

  update(chart) {
    this.#describe(chart);
    this.group.update(this.member, chart);
  }

  #describe({ lines }) {
    const ends = lines.map((line) => `${line.name} ${formatMetric(line.y.at(-1))}`);
    this.#area.setAttribute("aria-label", `${this.title}: ${ends.join(", ")}`);
    setChildren(
      this.#legend,
      lines.map((line) => this.#createEntry(line)),
    );
  }

  #createEntry(line) {
    const isShown = !this.group.settings.hidden.includes(lineKey(line));
    const attributes = { type: "button", value: lineKey(line), "aria-pressed": String(isShown) };
    const toggle = () => this.group.toggle(lineKey(line));
    const last = h("b", {}, formatMetric(line.y.at(-1)));
    return h("button", { ...attributes, title: "show or hide", onclick: toggle }, legendKey(line), line.name, last);
  }

  /** Mark the entries of hidden lines. */
  markHidden(hidden) {
    for (const entry of this.#legend.children)
      entry.setAttribute("aria-pressed", String(!hidden.includes(entry.value)));
  }
}

/** Charts of terms side by side under one toolbar, made when their first values come and updated from then on. */
export class TermCharts {
  #charts = new Map();
  #grid = h("div.charts");

  /**
   * @param {{hasLegend?: boolean} & Record<string, any>} [options] whether each chart has a legend, and those of
   *   `ChartGroup`
   */
  constructor({ hasLegend = true, onChange = () => {}, ...options } = {}) {
    this.hasLegend = hasLegend;
    const follow = (settings) => {
      for (const chart of this.#charts.values()) chart.markHidden(settings.hidden);
      onChange(settings);
    };
    this.group = new ChartGroup({ axes: Object.keys(AXES), ...options, onChange: follow });
    this.toolbar = this.group.toolbar;
    this.element = h("div.charts-room", {}, this.#grid);
  }

  /** Show the lines of each term, {term: lines}, each with its `positions`. */
  update(linesByTerm) {
    for (const [name, lines] of Object.entries(linesByTerm)) {
      if (!lines.length) continue;
      const chart = { axis: "step", lines };
      if (this.#charts.has(name)) this.#charts.get(name).update(chart);
      else this.#add(name, chart);
    }
    this.toolbar.hidden = !this.#charts.size;
    if (!this.#charts.size)
      setChildren(this.#grid, h("p.quiet", {}, "The first metrics come after the first hundred steps."));
    else this.#grid.querySelector(":scope > p")?.remove();
  }

  #add(name, chart) {
    const added = new TermChart(name, chart, this.group, this.hasLegend);
    this.#charts.set(name, added);
    this.#grid.append(added.element);
  }

  destroy() {
    this.group.destroy();
  }
}
