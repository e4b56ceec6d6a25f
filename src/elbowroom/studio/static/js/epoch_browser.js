// Reconstructions, samples and the KL of every dimension, with a slider through the epochs.

import { h } from "/static/kit.js";
import { quietButton, slider } from "./dom.js";
import { KlBars } from "./kl_bars.js";

const CAPTIONS = {
  reconstructions: "Held-out examples and their reconstructions",
  samples: "Samples, from the same latents at every epoch",
};
/** Snapshots in memory, and those of them that are never thinned. */
const MAX_SNAPSHOTS = 400;
const NEWEST_SNAPSHOTS = 100;

/** The last of some rows that is not after an epoch, or else the first. */
const latestUntil = (rows, epoch) => rows.findLast((row) => row.epoch <= epoch) ?? rows[0];

export class EpochBrowser {
  #epochs = [];
  /** Whether the slider stands at an epoch of the user's choice, not at the newest. */
  #isHeld = false;
  #slider = slider("epoch", { min: 0, value: 0 }, () => this.#hold());
  #output = h("output");
  #newest = quietButton("newest", () => this.#release());
  #bars = new KlBars();
  #frames = Object.fromEntries(Object.entries(CAPTIONS).map(([kind, words]) => [kind, createFrame(kind, words)]));

  constructor(details) {
    const { reconstructions, samples } = this.#frames;
    const left = h("div", {}, reconstructions, this.#bars.element);
    const controls = h("div.through", {}, this.#slider, this.#output, this.#newest);
    const header = h("header.line", {}, h("h2", {}, "Images by epoch"), controls);
    this.element = h("section", {}, header, h("div.film", {}, left, samples));
    this.reset(details);
  }

  /** Show the images and the snapshots of a run, each with its epoch. */
  reset({ images, looks }) {
    Object.assign(this, { images, snapshots: looks });
    this.#update();
  }

  addImage({ kind, epoch, url }) {
    const row = (this.images[kind] ??= []);
    if (row.at(-1)?.epoch === epoch) row.pop();
    row.push({ epoch, url });
    this.#update();
  }

  addSnapshot(row) {
    this.snapshots.push(row);
    // Every other older snapshot is dropped, so that memory does not grow with the training.
    const kept = (_, i) => i % 2 || i > MAX_SNAPSHOTS - NEWEST_SNAPSHOTS;
    if (this.snapshots.length > MAX_SNAPSHOTS) this.snapshots = this.snapshots.filter(kept);
    this.#update();
  }

  destroy() {
    this.#bars.destroy();
  }

  #hold() {
    this.#isHeld = Number(this.#slider.value) < Number(this.#slider.max);
    this.#show();
  }

  #release() {
    this.#isHeld = false;
    this.#update();
  }

  #update() {
    const rows = [...Object.keys(CAPTIONS).flatMap((kind) => this.images[kind] ?? []), ...this.snapshots];
    this.#epochs = [...new Set(rows.map((row) => row.epoch))].sort((a, b) => a - b);
    this.#slider.max = Math.max(this.#epochs.length - 1, 0);
    if (!this.#isHeld) this.#slider.value = this.#slider.max;
    this.element.hidden = !this.#epochs.length;
    if (this.#epochs.length) this.#show();
  }

  #show() {
    const epoch = this.#epochs[Number(this.#slider.value)];
    this.#output.textContent = `epoch ${epoch}`;
    this.#newest.hidden = !this.#isHeld;
    for (const [kind, frame] of Object.entries(this.#frames)) showImage(frame, kind, this.images[kind] ?? [], epoch);
    const snapshot = this.snapshots.length ? latestUntil(this.snapshots, epoch) : null;
    // `kl` is that of all latents in one list.
    this.#showKl(snapshot?.nats ?? snapshot?.kl ?? []);
  }

  /** Show the KL of each dimension: numbers, or one list of them for each of several latents. */
  #showKl(latents) {
    this.#bars.element.hidden = !latents.flat(Infinity).length;
    if (!this.#bars.element.hidden) this.#bars.update(latents);
  }
}

const createFrame = (kind, words) =>
  h("figure", { "data-kind": kind, hidden: true }, h("figcaption", {}, words), h("img", { alt: "" }));

function showImage(frame, kind, images, epoch) {
  frame.hidden = !images.length;
  if (frame.hidden) return;
  const { url, epoch: shown } = latestUntil(images, epoch);
  const image = frame.querySelector("img");
  if (image.getAttribute("src") !== url) Object.assign(image, { src: url, alt: `${kind} after epoch ${shown}` });
}
