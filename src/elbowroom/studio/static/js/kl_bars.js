// The KL of each latent dimension as bars, those of each latent of a hierarchy by themselves.

import { createChart, dimensionName, formatMetric, formatNumber, h, help } from "/static/kit.js";
import { setChildren } from "./dom.js";

/** The KL above which a bar is in full color, in nats, as in figures. */
const LEVEL_NATS = 0.1;
/** The least height of the axis, in nats: a collapsed model must not look like a healthy one. */
const MIN_HEIGHT_NATS = 0.5;
const HEIGHT_PX = 130;

const sum = (values) => values.reduce((total, value) => total + value, 0);
/** How many values lie above the level, in words. */
const describeAbove = (kl) =>
  `${kl.filter((value) => value > LEVEL_NATS).length || "none"} above ${formatNumber(LEVEL_NATS)}`;

/**
 * The latents of a snapshot: [{name, kl, labels}].
 *
 * @param {any[]} kl  nats of each dimension, or a list of them for each of several latents
 */
export function groupLatents(kl) {
  if (!Array.isArray(kl[0])) return [{ name: null, kl, labels: kl.map((_, i) => dimensionName(i)) }];
  const latents = kl.map((nats) => [nats].flat(Infinity));
  const isOne = latents.length === 1;
  return latents.map((nats, i) => ({
    name: isOne ? null : dimensionName(i),
    kl: nats,
    labels: nats.map((_, dim) => (isOne ? dimensionName(dim) : `${dimensionName(i)}[${dim + 1}]`)),
  }));
}

/** The KL of each dimension as bars, with a line at the level above which a bar is in full color. */
export class KlBars {
  #words = h("span");
  #rows = h("div.kl-latents");
  #charts = [];
  element = h("figure.kl", {}, h("figcaption", {}, this.#words, help("kl")), this.#rows);

  /** @param {any[]} snapshot  nats of each dimension, or a list of them for each of several latents */
  update(snapshot) {
    const latents = groupLatents(snapshot);
    const all = latents.flatMap(({ kl }) => kl);
    const several = latents.length > 1 ? ` of ${latents.length} latents` : "";
    const words = `KL of each of ${all.length} dimensions${several}: ${formatMetric(sum(all))} nats in all`;
    this.#words.textContent = `${words}, ${describeAbove(all)}`;
    if (this.#charts.length !== latents.length) this.#create(latents);
    const limits = [0, 1.04 * Math.max(MIN_HEIGHT_NATS, ...all)];
    latents.forEach((latent, i) => this.#charts[i].update(latent, limits));
  }

  #create(latents) {
    this.destroy();
    this.#charts = latents.map(() => new LatentBars());
    setChildren(
      this.#rows,
      this.#charts.map(({ element }) => element),
    );
  }

  destroy() {
    this.#charts.forEach((chart) => chart.destroy());
  }
}

/** The bars of one latent. */
class LatentBars {
  #area = h("div.area.plotted", { role: "group", "aria-roledescription": "chart", tabIndex: 0 });
  #title = h("h4");
  #view = null;
  element = h("div.kl-latent", {}, this.#title, this.#area);

  update({ name, kl, labels }, limits) {
    const words = `${kl.length} dimensions, ${formatMetric(sum(kl))} nats, ${describeAbove(kl)}`;
    this.#title.hidden = name === null;
    this.#title.textContent = `${name}: ${words}`;
    this.#area.setAttribute("aria-label", `KL of ${name ?? "the latent"}, ${words}`);
    const chart = { axis: "dimension", labels, lines: barLines(kl), limits };
    if (this.#view) this.#view.update(chart);
    else this.#view = createChart(this.#area, chart, { height: HEIGHT_PX });
  }

  destroy() {
    this.#view?.destroy();
  }
}

/** Bars above and below the level, and the level. */
function barLines(kl) {
  const x = kl.map((_, i) => i);
  const bars = (color, test) => ({ name: "KL", color, x, y: kl.map((v) => (test(v) ? v : null)), bars: true });
  const isAbove = (value) => value > LEVEL_NATS;
  const level = { x: [0, kl.length - 1], y: [LEVEL_NATS, LEVEL_NATS] };
  const threshold = { name: "threshold", color: "data", ...level, dash: [3, 3], width: 1, silent: true };
  return [bars("model", isAbove), bars("idle", (value) => !isAbove(value)), threshold];
}
