// The decoded latent, with its condition, actions and a slider for each dimension.

import { classColor, dimensionName, formatFixed, formatMetric, formatNumber, h } from "/static/kit.js";
import { exampleUrl, paintImage, postForBlob, postJson } from "./api.js";
import { button, downloadBlob, imageFigure, quietButton, setChildren, slider, spaced, withErrors } from "./dom.js";
import { createCodeButton } from "./export_menu.js";
import { flattenLatent } from "./latent_state.js";

const INITIAL_SLIDERS = 8;
const MORE_SLIDERS = 16;
/** What a slider covers: standard deviations of the data's latents, and at least so much on either side of zero. */
const RANGE_SD = 3.2;
const MIN_REACH = 3;
const EXAMPLE_PX = 160;

export class DecodePanel {
  #canvas = h("canvas.decoded", { role: "img", "aria-label": "the decoded image" });
  #values = h("output.values", { hidden: true });
  #original = h("div.original", { hidden: true });
  #note = h("p.quiet.stage-note", { "aria-live": "polite" });

  /** @param {import("./latent_state.js").LatentState} latent */
  constructor(latent) {
    this.latent = latent;
    latent.subscribe(() => this.#showExample());
    this.element = h(
      "section.panel.stage",
      { "aria-label": "the decoded latent" },
      h("div.shown", {}, this.#canvas, this.#values, this.#original),
      h("p.wrong.stale", {}, "Not connected: this is the last image that was decoded."),
      this.#note,
      createConditionControls(latent),
      createActions(latent),
      // A dimension of a codebook's entry has no meaning by itself.
      latent.model.quantised ? null : createSliders(latent),
    );
  }

  /** Show what the server has decoded: an image, or the values of an example that is none. */
  show(decoded) {
    this.#note.textContent = "";
    this.#canvas.hidden = Boolean(decoded.values);
    this.#values.hidden = !decoded.values;
    if (decoded.values)
      this.#values.textContent = decoded.values
        .flat(Infinity)
        .map((value) => formatNumber(value, 3))
        .join("  ");
    else paintImage(this.#canvas, decoded);
  }

  showError(message) {
    this.#note.textContent = message;
  }

  showNewWeights() {
    const reload = () => dispatchEvent(new HashChangeEvent("hashchange"));
    setChildren(this.#note, "The weights have changed. ", quietButton("Reload", reload));
  }

  #showExample() {
    const { example, run, model } = this.latent;
    this.#original.hidden = !example || !model.picture;
    if (this.#original.hidden) return;
    const { split, index } = example;
    setChildren(this.#original, imageFigure(exampleUrl(run, split, index, EXAMPLE_PX), `${split} ${index}`));
  }
}

function createActions(latent) {
  const { model } = latent;
  const draw = async () => {
    const seed = Math.floor(Math.random() * 1e6);
    const { z } = await postJson("/api/sample", { ...latent.requestFields, n: 1, seed, format: "json" });
    latent.set(flattenLatent(z[0]));
  };
  const request = () => ({ ...latent.requestFields, z: [latent.z] });
  const save = async () => {
    const format = model.picture ? "png" : "npz";
    downloadBlob(await postForBlob("/api/decode", { ...request(), format }), `decoded.${format}`);
  };
  return h(
    "div.row",
    {},
    button("Mean latent", () => latent.set(model.centre)),
    model.prior ? button("Draw from the prior", () => withErrors(draw)) : null,
    button("Pin as A", () => latent.pin("A"), { title: "one end of an interpolation" }),
    button("Pin as B", () => latent.pin("B"), { title: "the other end" }),
    quietButton("Save", () => withErrors(save)),
    createCodeButton("decode", request),
  );
}

function createSliders(latent) {
  const list = h("div.sliders");
  let rows = [];
  const drawRows = (n) => {
    const left = latent.dimensions.length - n;
    const more = quietButton(`Show more: ${left} less active`, () => drawRows(n + MORE_SLIDERS));
    rows = latent.dimensions.slice(0, n).map((dim) => createSliderRow(latent, dim));
    setChildren(
      list,
      rows.map((row) => row.element),
      left > 0 ? more : null,
    );
    for (const row of rows) row.update();
  };
  latent.subscribe(() => {
    // The dimensions are known once there is a latent.
    if (!rows.length) drawRows(INITIAL_SLIDERS);
    for (const row of rows) row.update();
  });
  return [h("h3", {}, latent.model.kl ? "Most active dimensions" : "Dimensions"), list];
}

function createSliderRow(latent, dim) {
  const { kl, centre, spread } = latent.model;
  const [middle, reach] = [centre?.[dim] ?? 0, RANGE_SD * (spread?.[dim] ?? 1)];
  const range = { min: Math.min(-MIN_REACH, middle - reach), max: Math.max(MIN_REACH, middle + reach), step: "any" };
  const input = slider(dimensionName(dim), range, () => latent.setDimension(dim, Number(input.value)));
  const output = h("output");
  const name = h("span", { title: kl ? `KL ${formatMetric(kl[dim])} nats` : "" }, dimensionName(dim));
  const element = h("label.slider", { "data-dimension": dim }, name, input, output);
  const update = () => {
    input.value = latent.z[dim];
    output.textContent = formatFixed(latent.z[dim]);
  };
  return { element, update };
}

function createConditionControls(latent) {
  const spec = latent.model.conditional;
  if (!spec) return null;
  return spec.kind === "classes" ? createClassChoice(latent, spec) : createAttributeChoice(latent, spec);
}

function createClassChoice(latent, { names }) {
  const chips = names.map((name, i) =>
    h(
      "button",
      { type: "button", onclick: () => latent.set(latent.z, null, i) },
      h("i", { style: { background: classColor(i) } }),
      name,
    ),
  );
  const mark = () => chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === latent.c)));
  latent.subscribeCondition(mark);
  mark();
  return h("div.classes", { role: "group", "aria-label": "class" }, chips);
}

function createAttributeChoice(latent, { names }) {
  const choose = (i, isChosen) =>
    latent.set(
      latent.z,
      null,
      latent.c.map((value, k) => (k === i ? Number(isChosen) : value)),
    );
  const tick = (name, i) => {
    const input = h("input", { type: "checkbox", onchange: () => choose(i, input.checked) });
    return h("label.check", {}, input, spaced(name));
  };
  return h("div.ticks", {}, names.map(tick));
}
