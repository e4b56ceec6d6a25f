// Panel: samples from the prior, by seed and temperature.

import { formatFixed, h } from "/static/kit.js";
import { postJson } from "../api.js";
import { debounce, imageButton, newestOnly, select, setChildren, slider, withErrors } from "../dom.js";
import { createExportMenu } from "../export_menu.js";
import { flattenLatent } from "../latent_state.js";

const SAMPLE_COUNTS = [16, 36, 64, 100];
const MAX_SEED = 2 ** 32 - 1;
const ABOUT = "At temperature 1 latents are the model's own; other temperatures scale them about the prior's mean.";

export const samplesPanel = {
  name: "samples",
  label: "Samples",
  isAvailable: (model) => model.picture && model.prior,
  create: createSamplesPanel,
};

function createSamplesPanel(latent) {
  const grid = h("div.grid-of-samples");
  const seed = h("input", { type: "number", value: 0, min: 0, max: MAX_SEED, "aria-label": "seed" });
  const count = select(
    "how many",
    SAMPLE_COUNTS.map((n) => [n, String(n)]),
    36,
  );
  const temperature = slider("temperature", { min: 0, max: 1.5, step: 0.05, value: 1 }, showTemperature);
  const output = h("output", {}, "1.00");
  const drawn = h("input", { type: "checkbox" });
  const caption = h("p.fine");

  const requestFields = () => ({
    ...latent.requestFields,
    n: Number(count.value),
    seed: Math.min(Math.max(Math.floor(Number(seed.value)) || 0, 0), MAX_SEED),
    temperature: Number(temperature.value),
    draw: drawn.checked,
  });
  const load = newestOnly(() => postJson("/api/sample", { ...requestFields(), format: "json" }));
  const update = debounce(async () => {
    const response = await withErrors(load);
    const cell = (png, i) => imageButton(`use sample ${i + 1}`, png, () => latent.set(flattenLatent(response.z[i])));
    if (!response) return;
    setChildren(grid, response.pngs.map(cell));
    caption.textContent = response.caption;
  }, 80);
  function showTemperature() {
    output.textContent = formatFixed(Number(temperature.value));
    update();
  }
  const drawAgain = () => {
    seed.value = Number(seed.value) + 1;
    update();
  };
  latent.subscribeCondition(update);
  for (const input of [seed, count, drawn]) input.addEventListener("change", update);
  update();
  const again = h("button.main", { type: "button", onclick: drawAgain }, "Again");
  const scale = h("label.slider", {}, h("span", {}, "temperature"), temperature, output);
  const draw = h("label.small", {}, drawn, " draw from p(x|z)");
  const controls = h("div.row", {}, again, h("label.small", {}, "seed ", seed), count, scale, draw);
  const menu = createExportMenu("/api/sample", "sample", ["png", "npz"], requestFields);
  return h("div.samples", {}, controls, grid, caption, h("p.fine", {}, ABOUT), menu);
}
