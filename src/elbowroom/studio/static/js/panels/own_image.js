// Panel: encode an image of one's own, reconstruct and score it, and find the nearest training examples.

import { clamp, formatMetric, h, help } from "/static/kit.js";
import { postJson } from "../api.js";
import { imageFigure, newestOnly, setChildren, toast, withErrors } from "../dom.js";
import { createDrawPad } from "../draw_pad.js";
import { flattenLatent } from "../latent_state.js";

/** Size of a file that the server takes, in MB. */
const MAX_FILE_MB = 6;
/** Percentiles of the held-out scores from which an image is called anomalous. */
const ANOMALOUS = 95;
const VERY_ANOMALOUS = 99;
const HINT = "it is encoded, reconstructed, scored, and compared with the nearest training examples";
const IMAGE_TYPES = "image/png,image/jpeg,image/webp";

export const ownImagePanel = {
  name: "own",
  label: "Encode your own image",
  isAvailable: (model) => model.picture,
  create: (latent) => new OwnImagePanel(latent).element,
};

class OwnImagePanel {
  #lastImage = null;
  #result = h("div.found");

  constructor(latent) {
    this.latent = latent;
    this.encode = newestOnly((fields) =>
      withErrors(() => postJson("/api/own", { ...latent.requestFields, ...fields })),
    );
    // Faces and colors cannot be drawn with a pen of light.
    this.pad = latent.model.drawable
      ? createDrawPad(
          (png) => this.#show({ png, drawn: true }),
          () => this.#reset(),
        )
      : null;
    const drop = createDropArea((file) => this.#readFile(file));
    this.element = h("div.own", {}, h("div.give", {}, this.pad?.element, drop), this.#result);
    latent.subscribeCondition(() => this.#lastImage && this.#show({ ...this.#lastImage }));
    this.#reset();
  }

  #reset() {
    this.#lastImage = null;
    const condition = this.latent.model.conditional ? "; the condition is the one chosen above" : "";
    this.#result.classList.remove("waits");
    const action = this.pad ? "Draw something, or drop an image" : "Drop an image";
    setChildren(this.#result, h("p.quiet", {}, `${action}: ${HINT}${condition}.`));
  }

  async #show(image) {
    this.#lastImage = image;
    this.#result.classList.add("waits");
    const response = await this.encode(image);
    // A newer image was given, or the panel was cleared.
    if (this.#lastImage !== image) return;
    if (!response) return this.#reset();
    this.#result.classList.remove("waits");
    this.latent.set(flattenLatent(response.z));
    setChildren(this.#result, createComparison(response), createScores(response), createNeighbors(response));
  }

  #readFile(file) {
    const size = file.size / 1e6;
    if (size > MAX_FILE_MB)
      return toast(`${file.name} has ${formatMetric(size)} MB: give an image of at most ${MAX_FILE_MB} MB`, {
        isError: true,
      });
    this.pad?.clear();
    this.#reset();
    const reader = new FileReader();
    reader.onload = () => this.#show({ png: reader.result, drawn: false });
    reader.readAsDataURL(file);
  }
}

function createDropArea(onFile) {
  const input = h("input", { type: "file", accept: IMAGE_TYPES });
  const give = (file) => file && onFile(file);
  const drop = h(
    "label.drop",
    {},
    h("b", {}, "Drop an image here"),
    h("span", {}, "or choose a file: PNG, JPEG, WebP"),
  );
  drop.append(input);
  const mark = (isOver) => (event) => {
    event.preventDefault();
    drop.classList.toggle("over", isOver);
  };
  input.addEventListener("change", () => {
    give(input.files[0]);
    input.value = "";
  });
  drop.addEventListener("dragover", mark(true));
  drop.addEventListener("dragleave", mark(false));
  drop.addEventListener("drop", mark(false));
  drop.addEventListener("drop", (event) => give(event.dataTransfer.files[0]));
  return drop;
}

const createComparison = ({ x, reconstruction }) =>
  h(
    "div.pair-of-pictures",
    {},
    imageFigure(x, "as the model sees it"),
    imageFigure(reconstruction, "its reconstruction"),
  );

function createScores({ elbo, score }) {
  const row = (name, value, unit, term = null) =>
    h(
      "div",
      {},
      h("dt", {}, name, term ? help(term) : null),
      h("dd", {}, formatMetric(value)),
      h("dd.about", {}, unit),
    );
  const other =
    score && score.name !== "elbo" ? row(score.name.replaceAll("_", " "), score.value, score.unit ?? "nats") : null;
  const scores = h("dl.scores", {}, elbo === null ? null : row("ELBO", elbo, "nats", "elbo"), other);
  return [scores, score && score.percentile !== null ? createScoreMeter(score) : null];
}

function createScoreMeter({ percentile, about }) {
  const position = clamp(percentile, 0, 100);
  const words = position >= VERY_ANOMALOUS ? "Very anomalous" : position >= ANOMALOUS ? "Anomalous" : "Not anomalous";
  const label = { "aria-valuenow": Math.round(position), "aria-valuemin": 0, "aria-valuemax": 100 };
  const spot = h("i", { style: { left: `${position}%` } });
  return h(
    "div.meter",
    {},
    h("p", {}, `${words} among held-out examples`, about ? ` (${about}).` : "."),
    h("div.gauge", { role: "meter", "aria-label": "anomaly percentile", ...label }, spot),
  );
}

function createNeighbors({ neighbours = [] }) {
  if (!neighbours.length) return null;
  const cell = ({ split, index, distance, png, label }) => {
    const away = formatMetric(distance);
    return h(
      "figure.cell",
      { title: `${split} ${index}, distance ${away}` },
      h("img", { src: png, alt: `${split} ${index}` }),
      h("figcaption", {}, label ?? away),
    );
  };
  return [h("h3", {}, "Nearest training examples"), h("div.strip", {}, neighbours.map(cell))];
}
