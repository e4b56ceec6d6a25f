// Panel: samples from the prior, or from a sampler fitted to the latents, by seed and temperature.

import { clamp, formatFixed, h, help } from "/static/kit.js";
import { postJson } from "../api.js";
import { button, debounce, newestOnly, select, setChildren, slider, withErrors } from "../dom.js";
import { fileFormats, listExamples } from "../example_list.js";
import { createExportMenu } from "../export_menu.js";
import { flattenLatent } from "../latent_state.js";

const SAMPLE_COUNTS = [16, 36, 64, 100];
const MAX_SEED = 2 ** 32 - 1;

export const samplesPanel = {
  name: "samples",
  label: "Samples",
  isAvailable: (model) => model.densities.length > 0,
  create: createSamplesPanel,
};

function createSamplesPanel(latent) {
  const { model } = latent;
  const grid = h(`div.grid-of-samples.of-${model.kind}`);
  const caption = h("p.fine");
  const controls = new SampleControls(model, () => update());
  const requestFields = () => ({ ...latent.requestFields, ...controls.fields });
  const load = newestOnly(() => postJson("/api/sample", { ...requestFields(), format: "json" }));
  const update = debounce(async () => {
    const response = await withErrors(load);
    if (!response) return;
    const use = (i) => latent.set(flattenLatent(response.z[i]));
    const name = (i) => `sample ${i + 1}`;
    setChildren(grid, listExamples(model, response, name, use));
    caption.textContent = response.caption;
  }, 80);
  latent.subscribeCondition(update);
  update();
  const menu = createExportMenu("/api/sample", "sample", fileFormats(model), requestFields);
  return h("div.samples", {}, controls.element, grid, caption, menu);
}

/** What samples are drawn from, how many, and how. */
class SampleControls {
  constructor(model, onChange) {
    this.seed = h("input", { type: "number", value: 0, min: 0, max: MAX_SEED, "aria-label": "seed" });
    const counts = SAMPLE_COUNTS.map((n) => [n, String(n)]);
    this.count = select("how many", counts, model.kind === "images" ? 36 : 16, onChange);
    this.model = model;
    this.source = createSourceSelect(model, () => {
      this.#showTemperature();
      onChange();
    });
    this.drawn = h("input", { type: "checkbox", checked: model.kind !== "images" });
    this.temperature = slider("temperature", { min: 0, max: 1.5, step: 0.05, value: 1 }, () => {
      output.textContent = formatFixed(Number(this.temperature.value));
      onChange();
    });
    const output = h("output", {}, "1.00");
    for (const input of [this.seed, this.drawn]) input.addEventListener("change", onChange);
    const drawAgain = () => {
      this.seed.value = Number(this.seed.value) + 1;
      onChange();
    };
    const label = h("label.slider", {}, h("span", {}, "temperature"), this.temperature, output);
    this.scale = h("span.row", {}, label, help("temperature"));
    this.element = h(
      "div.row",
      {},
      button("Draw again", drawAgain, { class: "main" }),
      this.source,
      h("label.small", {}, "seed ", this.seed),
      this.count,
      this.scale,
      h("label.small", {}, this.drawn, " draw from p(x|z)"),
    );
    this.#showTemperature();
  }

  /** What latents are drawn from: the choice, or the only density there is. */
  get density() {
    return this.source?.value ?? this.model.densities[0];
  }

  get isScalable() {
    return this.model.scalable.includes(this.density);
  }

  /** Between the entries of a codebook, or the parts of a mixture, are latents that are never drawn. */
  #showTemperature() {
    this.scale.hidden = !this.isScalable;
  }

  /** The fields of a request. */
  get fields() {
    const seed = clamp(Math.floor(Number(this.seed.value)) || 0, 0, MAX_SEED);
    return {
      n: Number(this.count.value),
      seed,
      temperature: this.isScalable ? Number(this.temperature.value) : 1,
      draw: this.drawn.checked,
      ...(this.source ? { sampler: this.density } : {}),
    };
  }
}

/** The choice between the prior and the fitted samplers, the run's own choice first; null where there is none. */
function createSourceSelect({ densities, samplers }, onChange) {
  if (!samplers.length) return null;
  const sources = densities.map((name) => [name, name === "prior" ? name : `sampler: ${name}`]);
  return select("draw latents from", sources, densities[0], onChange);
}
