// Reconstructions, samples and the KL of every dimension, with a slider through the epochs.

import { h } from "/static/kit.js";
import { readState, writeState } from "./address.js";
import { quietButton, slider } from "./dom.js";
import { KlBars } from "./kl_bars.js";

/** What the images of each kind are, and the labels of their rows. */
const KINDS = {
  reconstructions: { caption: "Reconstructions (validation)", rows: ["data", "reconstruction"] },
  samples: { caption: "Samples (the same latents at every epoch)", rows: [] },
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
  #frames = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, createFrame(kind)]));

  constructor(details) {
    const { reconstructions, samples } = this.#frames;
    const left = h("div", {}, reconstructions, this.#bars.element);
    const controls = h("div.through", {}, this.#slider, this.#output, this.#newest);
    const header = h("header.line", {}, h("h2", {}, "Images by epoch"), controls);
    this.element = h("section", {}, header, h("div.film", {}, left, samples));
    this.images = details.images;
    this.snapshots = details.looks;
    this.#update();
    this.#holdAt(readState().epoch);
  }

  /** Go to the epoch of an address, or the last before it. */
  #holdAt(text) {
    const place = text ? this.#epochs.findLastIndex((epoch) => epoch <= Number(text)) : -1;
    if (place < 0) return;
    this.#slider.value = String(place);
    this.#hold();
  }

  /** Show the images and the snapshots of a run, each with its epoch. */
  reset({ images, looks }) {
    this.images = images;
    this.snapshots = looks;
    this.#update();
  }

  addImage({ kind, epoch, url, grid }) {
    const row = (this.images[kind] ??= []);
    if (row.at(-1)?.epoch === epoch) row.pop();
    row.push({ epoch, url, grid });
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
    writeState({ epoch: this.#isHeld ? this.#epochs[Number(this.#slider.value)] : null });
    this.#show();
  }

  #release() {
    this.#isHeld = false;
    writeState({ epoch: null });
    this.#update();
    // The button has gone: whoever pressed it goes on with the keys.
    this.#slider.focus();
  }

  #update() {
    const rows = [...Object.keys(KINDS).flatMap((kind) => this.images[kind] ?? []), ...this.snapshots];
    this.#epochs = [...new Set(rows.map((row) => row.epoch))].sort((a, b) => a - b);
    this.#slider.max = Math.max(this.#epochs.length - 1, 0);
    if (!this.#isHeld) this.#slider.value = this.#slider.max;
    this.#slider.hidden = this.#epochs.length < 2;
    this.element.hidden = !this.#epochs.length;
    if (this.#epochs.length) this.#show();
  }

  #show() {
    const epoch = this.#epochs[Number(this.#slider.value)];
    this.#output.textContent = `epoch ${epoch}`;
    this.#slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
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

function createFrame(kind) {
  const { caption, rows } = KINDS[kind];
  const labels = rows.length
    ? h(
        "div.labels",
        {},
        rows.map((row) => h("span", {}, row)),
      )
    : null;
  const pictures = h("div.pictures", {}, labels, h("img", { alt: "" }));
  return h("figure", { "data-kind": kind, hidden: true }, h("figcaption", {}, caption), pictures);
}

/** Show the images of the last epoch that has some; its number if it is not the one that was asked for. */
function showImage(frame, kind, images, epoch) {
  frame.hidden = !images.length;
  if (frame.hidden) return;
  const { url, grid = url, epoch: shown } = latestUntil(images, epoch);
  const image = frame.querySelector("img");
  if (image.getAttribute("src") !== grid) Object.assign(image, { src: grid, alt: `${kind} after epoch ${shown}` });
  frame.querySelector("figcaption").textContent =
    KINDS[kind].caption + (shown === epoch ? "" : ` (after epoch ${shown})`);
}
