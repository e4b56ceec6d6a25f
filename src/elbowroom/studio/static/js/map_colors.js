// What the points of a map are colored by: classes, an attribute, ELBO, reconstruction error or KL; and the legend.

import {
  MAX_CLASS_COLORS,
  classLegend,
  formatMetric,
  formatNumber,
  h,
  help,
  labelColors,
  rampLegend,
} from "/static/kit.js";
import { readState, writeState } from "./address.js";
import { getJson } from "./api.js";
import { newestOnly, select, setChildren, withErrors } from "./dom.js";

const LABEL = "label";
const NONE = "none";
/** The terms that the help explains, by what points are colored by. */
const HELP = { elbo: "elbo", reconstruction: "reconstruction", kl: "kl" };

export class MapColors {
  /** The color of each point: a color, or the name of one in the style sheet. */
  colors = [];
  /** The classes whose points are hidden. */
  hiddenClasses = new Set();
  control = h("span.color-choice");
  legend = h("div.classes", { role: "group", "aria-label": "legend" });
  #map = null;
  /** Numbers of the examples by name, once they are known. */
  #known = new Map();
  #values = null;
  #load = newestOnly((name) => this.#fetch(name));

  /** @param {string} run @param {() => void} onChange */
  constructor(run, onChange) {
    this.run = run;
    this.onChange = onChange;
  }

  /** Take over the examples of another map, and what the address says they are colored by. */
  show(map) {
    this.#map = map;
    const choices = [map.labels ? [LABEL, "label"] : [NONE, "one color"]];
    choices.push(...map.colors.map(({ name, title }) => [name, title]));
    const { color } = readState();
    const chosen = choices.some(([name]) => name === color) ? color : choices[0][0];
    this.menu = select("color of the points", choices, chosen, () => this.#choose());
    setChildren(this.control, choices.length > 1 ? h("label", {}, "Color ", this.menu) : null);
    this.#paint(null);
    if (chosen !== choices[0][0]) this.#choose();
  }

  async #choose() {
    const name = this.menu.value;
    const isFirst = name === this.menu.options[0].value;
    writeState({ color: isFirst ? null : name });
    if (isFirst) return this.#load(null).then(() => this.#update(null));
    const words = `${this.menu.selectedOptions[0].text} of ${formatNumber(this.#map.n)} examples …`;
    setChildren(this.legend, h("span.quiet", { role: "status" }, words));
    this.legend.hidden = false;
    const values = await withErrors(() => this.#load(name));
    if (values) this.#update(values);
  }

  async #fetch(name) {
    if (name === null) return null;
    const { split, n } = this.#map.request;
    const key = `${name} ${split} ${n}`;
    const query = { run: this.run, by: name, n, ...(split ? { split } : {}) };
    if (!this.#known.has(key)) this.#known.set(key, await getJson("/api/plane/values", query));
    return this.#known.get(key);
  }

  #update(values) {
    this.#paint(values);
    this.onChange();
  }

  #paint(values) {
    this.#values = values;
    const { labels, names, points } = this.#map;
    if (values) {
      const { colors, range } = labelColors(points.length, values.values, []);
      this.colors = colors;
      return this.#showScale(values, range);
    }
    const count = Math.max(-1, ...(labels ?? [])) + 1;
    const isFew = count <= MAX_CLASS_COLORS;
    const classes = Array.from({ length: isFew ? count : 0 }, (_, label) => names?.[label] ?? String(label));
    const { colors, range } = labelColors(points.length, labels, classes);
    this.colors = colors;
    if (range) return this.#showScale({ title: "label, by number", unit: "", about: "" }, range);
    const buttons = classLegend(labels, names, this.hiddenClasses, () => this.onChange());
    this.legend.hidden = !buttons.length;
    setChildren(this.legend, buttons);
  }

  #showScale({ title, unit, about }, range) {
    this.legend.hidden = false;
    const term = HELP[this.menu.value];
    setChildren(
      this.legend,
      rampLegend(title, range, unit),
      term ? help(term) : null,
      about ? h("small", {}, about) : null,
    );
  }

  /** What is known of a point besides its class, in words. */
  describe(i) {
    if (!this.#values) return "";
    const { title, unit, values } = this.#values;
    return `${title} ${formatMetric(values[i])} ${unit}`.trim();
  }

  /** Whether a point's class is hidden. */
  isHidden(i) {
    return !this.#values && this.hiddenClasses.has(this.#map.labels?.[i]);
  }
}
