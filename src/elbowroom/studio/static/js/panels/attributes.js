// Panel: add the direction of an attribute or a class to the current latent.

import { formatFixed, formatNumber, h, help } from "/static/kit.js";
import { getJson } from "../api.js";
import { select, slider, spaced, withErrors } from "../dom.js";
import { flattenLatent } from "../latent_state.js";

const CAVEAT = "Attributes that are correlated in the data are mixed in this direction.";

export const attributePanel = {
  name: "attributes",
  label: "Attribute directions",
  isAvailable: (model) => (model.attributes?.length || model.labels?.length) && model.examples && !model.quantised,
  create: createAttributePanel,
};

function createAttributePanel(latent) {
  const { model } = latent;
  let direction = null;
  let base = null;
  let isMoving = false;
  const amount = slider("how much of it", { min: -2, max: 2, step: 0.02, value: 0, disabled: true }, addDirection);
  const output = h("output", {}, "0.00");
  const about = h("p.fine");

  function addDirection() {
    isMoving = true;
    latent.set(base.map((value, k) => value + Number(amount.value) * direction[k]));
    isMoving = false;
    output.textContent = formatFixed(Number(amount.value));
  }
  function restart() {
    base = [...latent.z];
    amount.value = 0;
    output.textContent = "0.00";
  }
  async function choose() {
    const { vector, examples_with: n } = await getJson("/api/attribute", { run: latent.run, name: choice.value });
    direction = flattenLatent(vector);
    amount.disabled = false;
    const made = `The mean latent of ${formatNumber(n)} examples with it, minus that of those without.`;
    about.textContent = `${made} ${CAVEAT}`;
    restart();
  }
  const names = (model.attributes ?? model.labels).map((name) => [name, spaced(name)]);
  const prompt = ["", model.attributes ? "an attribute" : "a class"];
  const choice = select("attribute", [prompt, ...names], "", () => withErrors(choose));
  choice.options[0].disabled = true;
  latent.subscribe(() => !isMoving && restart());
  const hint = model.conditional
    ? "Add it to the current latent or subtract it: what of it is in the latent, besides the condition."
    : "Add it to the current latent or subtract it; the model was trained without it.";
  const scale = h("label.slider", {}, h("span", {}, "less"), amount, h("span", {}, "more"), output);
  return h(
    "div.attributes",
    {},
    h("p.quiet", {}, `${hint} `, help("attribute_direction")),
    h("div.row", {}, choice, scale),
    about,
  );
}
