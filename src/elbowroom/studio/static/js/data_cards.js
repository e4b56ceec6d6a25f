// The choice of data in the training form: a card for each set on this machine, and a path.

import { formatNumber, h } from "/static/kit.js";
import { markWrongField } from "./form_fields.js";

/** @typedef {{name: string, about: string, where: string, shape: number[], sizes: Record<string, number>}} Source */

/** Sizes and shape in words: 60,000 train, 10,000 test · 28×28. */
export function describeSource({ sizes, shape, bytes, where }) {
  const amounts = Object.entries(sizes).map(([split, size]) => `${formatNumber(size, 9)} ${split}`);
  const sides = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  const parts = [amounts.join(", "), sides.join("×"), bytes ? `${formatNumber(bytes / 1e6, 2)} MB` : ""];
  if (where === "download") parts.push("downloaded at the start");
  return parts.filter(Boolean).join(" · ");
}

/** The last part of a path. */
const baseName = (path) => path.split("/").at(-1);

/** Radio buttons with a picture each; the last is a path. */
export class DataCards {
  #message = h("small.wrong", { hidden: true, role: "alert" });
  #path = h("input", { id: "field-data", autocomplete: "off", spellcheck: false, "aria-label": "path of the data" });

  /** @param {any[]} sources @param {string} value */
  constructor(sources, value) {
    const isListed = sources.some((source) => source.name === value);
    this.cards = sources.map((source) => createCard(source, source.name === value));
    const other = h("input", { type: "radio", name: "data", value: "", checked: !isListed });
    if (!isListed) this.#path.value = value;
    this.#path.placeholder = "in the runs folder, or in a --data-folder";
    this.#path.addEventListener("input", () => (other.checked = true));
    const help = "A path in the runs folder or in a folder given as --data-folder, or a pattern of shards.";
    this.path = h(
      "div.source.path",
      {},
      h("label", {}, other, h("b", {}, "a path …")),
      this.#path,
      h("small", {}, help),
    );
    this.other = other;
    this.spec = { name: "data" };
    this.element = h(
      "fieldset.data",
      {},
      h("legend", {}, "Data"),
      h("div.cards", {}, this.cards, this.path),
      this.#message,
    );
    this.element.addEventListener("input", () => this.clearError());
  }

  get value() {
    const chosen = this.element.querySelector("input[type=radio]:checked");
    return chosen && chosen !== this.other ? chosen.value : this.#path.value.trim() || null;
  }

  isChanged() {
    return true;
  }

  showError(words) {
    markWrongField(this.other.checked ? this.#path : this.element.querySelector(":checked"), this.#message, words);
  }

  clearError() {
    this.#message.hidden = true;
    for (const input of this.element.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  }
}

function createCard(source, checked) {
  const src = `/api/data/picture?${new URLSearchParams({ name: source.name })}`;
  const image = source.picture ? h("img", { src, alt: "", loading: "lazy" }) : null;
  // A file of a data folder may hold no images, which shows only when it is read.
  image?.addEventListener("error", () => image.remove());
  return h(
    "label.source",
    { title: source.about || source.name },
    h("input", { type: "radio", name: "data", value: source.name, checked }),
    h("b", {}, baseName(source.name)),
    image,
    h("small", {}, describeSource(source)),
  );
}
