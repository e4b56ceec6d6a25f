// Curves of the terms of the objective: their names, positions and charts.

import { createChart, formatMetric, formatNumber, h, legendKey } from "/static/kit.js";
import { setChildren, spaced } from "./dom.js";

/** Columns of the metrics that are no terms. */
const NON_TERMS = new Set(["step", "epoch", "seconds", "examples"]);
const FIRST_TERMS = ["elbo", "loss", "reconstruction", "kl"];
const LAST_TERM = "examples_per_second";
const TITLES = { elbo: "ELBO", kl: "KL" };
const UNIT = "nats per example";
const UNITS = { loss: UNIT, elbo: `${UNIT}, higher is better`, reconstruction: UNIT };
/** The start of a curve that does not count for the limits of its chart, if the curve has more than MIN_POINTS. */
const START_SHARE = 0.06;
const MIN_POINTS = 12;
/** The share of values that the limits leave out at each end, and the room beyond them. */
const OUTLIER_SHARE = 0.01;
const MARGIN_SHARE = 0.08;

/** The names of all terms in some splits, the most important first. */
export function termNames(splits) {
  const found = new Set(Object.values(splits).flatMap((split) => Object.keys(split)));
  const isOther = (name) => !FIRST_TERMS.includes(name) && !NON_TERMS.has(name) && name !== LAST_TERM;
  const others = [...found].filter(isOther).sort();
  return [...FIRST_TERMS, ...others, LAST_TERM].filter((name) => found.has(name));
}

/** The x position of each row: step, seconds, or epoch with fractions for the rows within one. */
export function axisPositions(split, splits, axis) {
  if (axis !== "epoch") return split[axis];
  const ends = Object.values(splits).find((other) => other.epoch?.length && other !== splits.train) ?? splits.train;
  const last = ends.step.at(-1);
  const perStep = last ? ends.epoch.at(-1) / last : 1;
  return split.step.map((step) => step * perStep);
}

/** The vertical limits that hold most of the curves, without their starts and outliers. */
function coreLimits(plot, low, high) {
  const values = plot.data.slice(1).flatMap((curve) => {
    const present = curve.filter(Number.isFinite);
    return present.slice(present.length > MIN_POINTS ? Math.ceil(present.length * START_SHARE) : 0);
  });
  if (!values.length) return [low ?? 0, high ?? 1];
  values.sort((a, b) => a - b);
  const least = values[Math.floor(values.length * OUTLIER_SHARE)];
  const most = values[Math.ceil(values.length * (1 - OUTLIER_SHARE)) - 1];
  const margin = (most - least || Math.abs(most) || 1) * MARGIN_SHARE;
  return [least - margin, most + margin];
}

/** A chart of one term; its legend has the last value of each line. */
class TermChart {
  #area = h("div.area.plotted", { role: "img", tabIndex: 0 });
  #legend = h("p.legend");

  constructor(name, chart, height) {
    this.title = TITLES[name] ?? spaced(name);
    const unit = UNITS[name] ?? (name.startsWith("kl") ? UNIT : "");
    this.element = h("figure.chart", {}, h("figcaption", {}, h("b", {}, this.title), " ", h("span", {}, unit)));
    this.element.append(this.#area, this.#legend);
    this.#describe(chart);
    this.chart = createChart(this.#area, chart, { height, zoom: true, range: coreLimits });
  }

  update(chart) {
    this.#describe(chart);
    this.chart.update(chart);
  }

  #describe({ axis, lines }) {
    const ends = lines.map((line) => `${line.name} ${formatMetric(line.y.at(-1))}`);
    this.#area.setAttribute("aria-label", `${this.title} over ${axis}: ${ends.join(", ")}`);
    const entry = (line) => h("span", {}, legendKey(line), line.name, h("b", {}, formatMetric(line.y.at(-1))));
    setChildren(this.#legend, lines.map(entry));
  }
}

/** Charts of terms side by side, made when their first values come and updated from then on. */
export class TermCharts {
  #charts = new Map();

  constructor(height = 190) {
    this.height = height;
    this.element = h("div.charts");
  }

  /** Show the lines of each term over an axis: {term: lines}. */
  update(linesByTerm, axis) {
    for (const [name, lines] of Object.entries(linesByTerm)) {
      if (!lines.length) continue;
      // Epochs are counted, even where a line has points within them.
      const chart = { axis, lines, counted: axis !== "seconds" };
      if (this.#charts.has(name)) this.#charts.get(name).update(chart);
      else this.#add(name, chart);
    }
    const isEmpty = !this.#charts.size;
    if (isEmpty) setChildren(this.element, h("p.quiet", {}, "The first metrics come after the first hundred steps."));
    else this.element.querySelector(":scope > p")?.remove();
  }

  #add(name, chart) {
    const added = new TermChart(name, chart, this.height);
    this.#charts.set(name, added);
    this.element.append(added.element);
  }

  destroy() {
    for (const { chart } of this.#charts.values()) chart.destroy();
  }
}

/** The KL of each dimension as bars, with the threshold above which a dimension counts as active. */
export class KlBars {
  /** Nats, as in `elbowroom.plotting`. */
  static ACTIVE_NATS = 0.1;
  /** The least height of the axis, in nats: a collapsed model must not look like a healthy one. */
  static MIN_HEIGHT_NATS = 0.5;
  #area = h("div.area.plotted", { role: "img", tabIndex: 0 });
  #caption = h("figcaption");
  #chart = null;
  element = h("figure.kl", {}, this.#caption, this.#area);

  /** @param {number[]} kl nats of each dimension @param {string[]} labels */
  update(kl, labels) {
    const total = kl.reduce((sum, value) => sum + value, 0);
    const active = kl.filter((value) => value > KlBars.ACTIVE_NATS).length;
    const words = `KL of each of ${kl.length} dimensions: ${formatMetric(total)} nats in all, ${active} active`;
    this.#caption.textContent = `${words} (above ${formatNumber(KlBars.ACTIVE_NATS)})`;
    this.#area.setAttribute("aria-label", words);
    const chart = { axis: "dimension", labels, lines: barLines(kl), limits: [0, this.#height(kl)] };
    if (this.#chart) this.#chart.update(chart);
    else this.#chart = createChart(this.#area, chart, { height: 120 });
  }

  #height(kl) {
    return 1.04 * Math.max(KlBars.MIN_HEIGHT_NATS, ...kl);
  }

  destroy() {
    this.#chart?.destroy();
  }
}

/** Bars of active and of inactive dimensions, and the threshold between them. */
function barLines(kl) {
  const x = kl.map((_, i) => i);
  const bars = (color, test) => ({ name: "KL", color, x, y: kl.map((v) => (test(v) ? v : null)), bars: true });
  const isActive = (value) => value > KlBars.ACTIVE_NATS;
  const level = { x: [0, kl.length - 1], y: [KlBars.ACTIVE_NATS, KlBars.ACTIVE_NATS] };
  const threshold = { name: "threshold", color: "data", ...level, dash: [3, 3], width: 1, silent: true };
  return [bars("model", isActive), bars("idle", (value) => !isActive(value)), threshold];
}
