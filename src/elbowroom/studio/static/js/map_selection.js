// Examples of a map that are selected by a lasso or by their label, and the nearest neighbors of one of them.

import { formatMetric, formatNumber, h } from "/static/kit.js";
import { exampleUrl } from "./api.js";
import { button, imageButton, quietButton, setChildren } from "./dom.js";

/** Examples of a selection that are shown, and how many of them lie in one image. */
const MAX_STRIP_IMAGES = 40;
const IMAGES_PER_STRIP = 8;
const STRIP_IMAGE_PX = 40;
/** Neighbors of an example that are shown. */
export const NUM_NEIGHBORS = 8;
const NEIGHBOR_PX = 56;
/** Classes that the words of a selection count. */
const MAX_COUNTED_CLASSES = 5;

/**
 * The examples of a map, and how they are named and shown.
 *
 * @typedef {object} MapExamples
 * @property {string} run
 * @property {boolean} hasImages
 * @property {string} split
 * @property {number[]} index
 * @property {string} unit  of distances
 * @property {boolean} hasLabels
 * @property {(i: number) => string} className
 */

/** What is selected, with its images, and what can be done with it. */
export class SelectionPanel {
  element = h("div.lassoed", { hidden: true });

  /**
   * @param {object} actions
   * @param {() => void} actions.onClear
   * @param {(isIsolated: boolean) => void} actions.onIsolate
   * @param {(indices: number[]) => void} actions.onDecodeMean
   */
  constructor(actions) {
    this.actions = actions;
  }

  /** @param {number[]} indices @param {MapExamples} examples @param {string} what  how they were selected */
  show(indices, examples, what, isIsolated) {
    this.element.hidden = !what;
    if (!what) return;
    const { onClear, onIsolate, onDecodeMean } = this.actions;
    const isolate = isIsolated ? "Show the others" : "Show these only";
    const acts = indices.length
      ? [
          button("Decode their mean latent", () => onDecodeMean(indices)),
          button(isolate, () => onIsolate(!isIsolated), { "aria-pressed": String(isIsolated) }),
        ]
      : [];
    setChildren(
      this.element,
      h("p", {}, h("b", {}, `${indices.length} examples`), ` ${what}${countClasses(indices, examples)}`),
      examples.hasImages ? createStrip(indices.slice(0, MAX_STRIP_IMAGES), examples) : null,
      h("p.row", {}, acts, quietButton("Clear selection", onClear)),
    );
  }
}

function countClasses(indices, { hasLabels, className }) {
  const counts = new Map();
  for (const name of indices.map(className)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const largest = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MAX_COUNTED_CLASSES);
  const listed = largest.map(([name, n]) => `${name} (${n})`).join(", ");
  const others = counts.size > largest.length ? ", …" : "";
  const classes = hasLabels && counts.size > 1 ? `: label ${listed}${others}` : "";
  return indices.length > MAX_STRIP_IMAGES ? `${classes}; ${MAX_STRIP_IMAGES} of them:` : classes;
}

function createStrip(indices, { run, split, index }) {
  const images = [];
  for (let from = 0; from < indices.length; from += IMAGES_PER_STRIP) {
    const shown = indices.slice(from, from + IMAGES_PER_STRIP).map((i) => index[i]);
    images.push(h("img", { src: exampleUrl(run, split, shown.join(","), STRIP_IMAGE_PX), alt: "" }));
  }
  return h("div.strip", { role: "img", "aria-label": "the selected examples" }, images);
}

/** An example and its nearest neighbors in latent space, with their distances. */
export class NeighborPanel {
  element = h("div.neighbors", { hidden: true, role: "group", "aria-label": "nearest neighbors" });

  /** @param {{onPick: (i: number) => void, onClose: () => void}} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** @param {number} i  -1 hides it @param {{i: number, distance: number}[]} neighbors @param {MapExamples} examples */
  show(i, neighbors, examples) {
    this.element.hidden = i < 0;
    if (i < 0) return;
    const { split, index, unit } = examples;
    const heading = `Nearest to ${split} ${index[i]}, of ${formatNumber(examples.index.length)} on the map`;
    setChildren(
      this.element,
      h(
        "header.row",
        {},
        h("h3", {}, heading),
        quietButton("Close", () => this.actions.onClose()),
      ),
      h(
        "ol.strip",
        {},
        h("li", {}, this.#cell(i, null, examples)),
        neighbors.map(({ i: other, distance }) => h("li", {}, this.#cell(other, distance, examples))),
      ),
      h("p.quiet", {}, `Euclidean distances of the posterior means, in ${unit}.`),
    );
  }

  #cell(i, distance, { run, hasImages, split, index, className }) {
    const name = className(i);
    const far = distance === null ? "itself" : formatMetric(distance);
    const words = [far, name].filter(Boolean).join(" · ");
    const title = `${split} ${index[i]}${name ? `, label ${name}` : ""}: ${far}`;
    const pick = () => this.actions.onPick(i);
    if (!hasImages) return button(title, pick);
    return imageButton(title, exampleUrl(run, split, index[i], NEIGHBOR_PX), pick, h("small", {}, words));
  }
}
