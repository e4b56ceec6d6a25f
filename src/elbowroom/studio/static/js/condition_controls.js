// The choice of the condition of a conditional model: a class, or attributes.

import { classColor, h } from "/static/kit.js";
import { spaced } from "./dom.js";

/**
 * The controls of a model's condition; null where it has none.
 *
 * @param {import("./latent_state.js").LatentState} latent
 */
export function createConditionControls(latent) {
  const spec = latent.model.conditional;
  if (!spec) return null;
  return spec.kind === "classes" ? createClassChoice(latent, spec) : createAttributeChoice(latent, spec);
}

const setCondition = (latent, c) => latent.set(latent.z, null, c, latent.lower);

function createClassChoice(latent, { names }) {
  const chips = names.map((name, i) =>
    h(
      "button",
      { type: "button", onclick: () => setCondition(latent, i) },
      h("i", { style: { background: classColor(i) } }),
      name,
    ),
  );
  const mark = () => chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === latent.c)));
  latent.subscribeCondition(mark);
  mark();
  const group = h("div.classes", { role: "group", "aria-label": "class to decode" }, chips);
  return h("div.condition", {}, h("h3", {}, "Decode as"), group);
}

function createAttributeChoice(latent, { names }) {
  const inputs = names.map((_, i) =>
    h("input", {
      type: "checkbox",
      onchange: ({ currentTarget }) =>
        setCondition(
          latent,
          latent.c.map((value, k) => (k === i ? Number(currentTarget.checked) : value)),
        ),
    }),
  );
  const mark = () => inputs.forEach((input, i) => (input.checked = latent.c[i] > 0.5));
  latent.subscribeCondition(mark);
  mark();
  const ticks = names.map((name, i) => h("label.check", {}, inputs[i], spaced(name)));
  const group = h("div.ticks", { role: "group", "aria-label": "attributes to decode" }, ticks);
  return h("div.condition", {}, h("h3", {}, "Decode with"), group);
}
