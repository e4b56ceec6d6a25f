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
  isAvailable: (model) => model.prior || model.samplers.length,
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
    this.source = createSourceSelect(model, onChange);
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
    const scale = h("label.slider", {}, h("span", {}, "temperature"), this.temperature, output);
    this.element = h(
      "div.row",
      {},
      button("Draw again", drawAgain, { class: "main" }),
      this.source,
      h("label.small", {}, "seed ", this.seed),
      this.count,
      // What lies between the entries of a codebook is no latent of the model.
      model.quantised ? null : [scale, help("temperature")],
      h("label.small", {}, this.drawn, " draw from p(x|z)"),
    );
  }

  /** The fields of a request. */
  get fields() {
    const seed = clamp(Math.floor(Number(this.seed.value)) || 0, 0, MAX_SEED);
    const sampler = this.source?.value;
    return {
      n: Number(this.count.value),
      seed,
      temperature: Number(this.temperature.value),
      draw: this.drawn.checked,
      ...(sampler ? { sampler } : {}),
    };
  }
}

/** The choice between the prior and the fitted samplers; null where there is none. */
function createSourceSelect({ prior, samplers }, onChange) {
  if (!samplers.length) return null;
  const fitted = samplers.map((name) => [name, `sampler: ${name}`]);
  const sources = prior ? [["", "prior"], ...fitted] : fitted;
  return select("draw latents from", sources, sources[0][0], onChange);
}
