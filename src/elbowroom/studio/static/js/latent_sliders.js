// A slider for each dimension of the latent, the most active first; in a hierarchy, of the latent that a menu chooses.

import { formatFixed, formatMetric, h } from "/static/kit.js";
import { quietButton, select, setChildren, slider } from "./dom.js";
import { describeLatent, latentDimensionName } from "./latent_names.js";

const INITIAL_SLIDERS = 8;
const MORE_SLIDERS = 16;
/** What a slider covers: standard deviations of the data's latents, and at least so much on either side of zero. */
const RANGE_SD = 3.2;
const MIN_REACH = 3;

/** @param {import("./latent_state.js").LatentState} latent */
export function createSliders(latent) {
  const { hierarchy } = latent.model;
  const list = h("div.sliders");
  const unit = h("p.fine", { hidden: hierarchy.length === 1 });
  let rows = [];
  let current = hierarchy.at(-1).name;

  function drawRows(n) {
    const source = current === hierarchy.at(-1).name ? new TopLatent(latent) : new LowerLatent(latent, current);
    const left = source.dimensions.length - n;
    const more = quietButton(`Show more: ${left} less active`, () => drawRows(n + MORE_SLIDERS));
    rows = source.dimensions.slice(0, n).map((dim) => createSliderRow(source, dim));
    unit.textContent = source.unit;
    setChildren(
      list,
      rows.map((row) => row.element),
      left > 0 ? more : null,
    );
    for (const row of rows) row.update();
  }
  latent.subscribe(() => {
    // The dimensions are known once there is a latent.
    if (!rows.length) drawRows(INITIAL_SLIDERS);
    for (const row of rows) row.update();
  });
  const choose = (event) => {
    current = event.currentTarget.value;
    drawRows(INITIAL_SLIDERS);
  };
  const options = hierarchy.map(({ name }, i) => [name, describeLatent(hierarchy, i)]).reverse();
  const heading = latent.model.kl ? "Most active dimensions" : "Dimensions";
  const menu = hierarchy.length > 1 ? select("latent", options, current, choose) : null;
  return h("div.dimensions", {}, h("h3", {}, heading), menu, list, unit);
}

/** The uppermost latent, which is decoded. */
class TopLatent {
  unit = "The latents below it are at the means of their priors, unless you move them.";

  constructor(latent) {
    this.latent = latent;
    this.dimensions = latent.dimensions;
    this.kl = latent.model.kl;
  }

  name = (dim) => latentDimensionName(this.latent.model, dim);
  value = (dim) => this.latent.z[dim];
  set = (dim, value) => this.latent.setDimension(dim, value);

  range(dim) {
    const { centre, spread } = this.latent.model;
    const [middle, reach] = [centre?.[dim] ?? 0, RANGE_SD * (spread?.[dim] ?? 1)];
    return { min: Math.min(-MIN_REACH, middle - reach), max: Math.max(MIN_REACH, middle + reach) };
  }
}

/** A latent below the uppermost: its distance from the mean of its prior. */
class LowerLatent {
  unit = "Standard deviations from the mean of its prior, given the latents above.";

  constructor(latent, name) {
    const { kl, shape } = latent.model.hierarchy.find((one) => one.name === name);
    this.latent = latent;
    this.latentName = name;
    this.kl = kl;
    this.size = shape.reduce((product, side) => product * side, 1);
    const order = Array.from({ length: this.size }, (_, dim) => dim);
    this.dimensions = kl ? order.sort((a, b) => kl[b] - kl[a]) : order;
  }

  name = (dim) => latentDimensionName(this.latent.model, dim, this.latentName);
  value = (dim) => this.latent.lower[this.latentName]?.[dim] ?? 0;
  set = (dim, value) => this.latent.setLowerDimension(this.latentName, dim, value, this.size);
  range = () => ({ min: -MIN_REACH, max: MIN_REACH });
}

function createSliderRow(source, dim) {
  const name = source.name(dim);
  const input = slider(name, { ...source.range(dim), step: "any" }, () => source.set(dim, Number(input.value)));
  const output = h("output");
  const title = source.kl ? `KL ${formatMetric(source.kl[dim])} nats` : "";
  const element = h("label.slider", { "data-dimension": dim }, h("span", { title }, name), input, output);
  const update = () => {
    input.value = source.value(dim);
    output.textContent = formatFixed(source.value(dim));
  };
  return { element, update };
}
