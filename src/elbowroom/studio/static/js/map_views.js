// The views of a model's latents: two dimensions of one's choice, PCA in the plane or in space, t-SNE.

import { dimensionName, formatMetric, formatNumber, h, help } from "/static/kit.js";
import { readNumbers, readState, writeState } from "./address.js";
import { select, setChildren } from "./dom.js";

/** The most active dimensions, which a menu names first, and all dimensions that a menu has room for. */
const NUM_MOST_ACTIVE = 16;
const MAX_MENU_DIMENSIONS = 64;
const OTHER = "other";
/** The terms of the help, by view. */
const HELP = { pca: "pca", pca3: "pca", tsne: "tsne" };
const SIDES = ["horizontal axis", "vertical axis"];

/** The name of a dimension of z; in a hierarchy, which has several latents, of the uppermost. */
export const latentDimensionName = ({ hierarchy = [] }, dim) =>
  hierarchy.length > 1 ? `${dimensionName(hierarchy.length - 1)}[${dim + 1}]` : dimensionName(dim);

/** The views that a model has, the first of which is shown: pairs of value and name. */
export function viewsOf({ latent, quantised }) {
  // A dimension of a codebook's entry has no meaning by itself.
  const dims = latent > 1 && !quantised ? [["dims", latent === 2 ? "both dimensions" : "two dimensions"]] : [];
  const pca = latent > 2 || (latent === 2 && quantised) ? [["pca", "PCA"]] : [];
  const others = [
    ["pca3", "PCA in 3-D"],
    ["tsne", "t-SNE"],
  ];
  return [...dims, ...pca, ...(latent > 2 ? others : [])];
}

export class MapViews {
  controls = [];
  /** What the server is asked for; null if the latent has no plane. */
  current = null;
  #axes = null;
  #help = h("span");

  /** @param {any} model @param {(view: string) => void} onChange */
  constructor(model, onChange) {
    const views = viewsOf(model);
    if (!views.length) return;
    const { plane } = readState();
    const chosen = views.some(([value]) => value === plane) ? plane : views[0][0];
    this.onChange = onChange;
    this.menu = select("view of the latents", views, chosen, () => this.#change());
    this.menu.hidden = views.length === 1;
    if (model.latent > 2 && views[0][0] === "dims") this.#axes = new AxisMenus(model, () => this.#change());
    this.controls = [this.menu, this.#help, this.#axes?.element ?? null];
    this.#update();
  }

  #update() {
    const isPair = this.menu.value === "dims";
    const term = HELP[this.menu.value];
    setChildren(this.#help, term ? help(term) : null);
    if (this.#axes) this.#axes.element.hidden = !isPair;
    const pair = this.#axes?.dimensions;
    this.current = isPair && pair ? `dims:${pair}` : this.menu.value;
    return { plane: this.menu.value, axes: isPair && pair ? pair : null };
  }

  #change() {
    writeState(this.#update());
    this.onChange(this.current);
  }

  /** Show which dimensions the server has chosen. */
  follow(view) {
    if (view.startsWith("dims:")) this.#axes?.show(view.slice("dims:".length).split(",").map(Number));
  }
}

/** Menus of the dimensions of both axes. */
class AxisMenus {
  /** The dimensions of both axes; null until the server has chosen the most informative ones. */
  dimensions = null;

  constructor(model, onChange) {
    this.model = model;
    this.onChange = onChange;
    const axes = readNumbers("axes");
    if (axes?.length === 2 && axes[0] !== axes[1] && axes.every((dim) => this.#isDimension(dim)))
      this.dimensions = axes;
    this.menus = SIDES.map((name, side) => new AxisMenu(model, name, (dim) => this.#choose(side, dim)));
    this.element = h(
      "span.pair",
      {},
      this.menus.map((menu) => menu.element),
    );
    if (this.dimensions) this.show(this.dimensions);
  }

  #isDimension(dim) {
    return Number.isInteger(dim) && dim >= 0 && dim < this.model.latent;
  }

  show(dimensions) {
    this.dimensions = dimensions;
    this.menus.forEach((menu, side) => menu.show(dimensions[side]));
  }

  #choose(side, dim) {
    const next = [...this.dimensions];
    // Both axes must differ: the other one takes the dimension that this one had.
    if (next[1 - side] === dim) next[1 - side] = next[side];
    next[side] = dim;
    this.show(next);
    this.onChange();
  }
}

/** A menu of dimensions, the most active first; of many, the others are given by their number. */
class AxisMenu {
  constructor(model, name, onChoose) {
    this.model = model;
    this.menu = h(
      "select",
      { "aria-label": name, title: name, onchange: () => this.#onMenu(onChoose) },
      this.#options(),
    );
    const onNumber = () => this.number.checkValidity() && this.number.value && onChoose(Number(this.number.value) - 1);
    const range = { type: "number", min: 1, max: model.latent, step: 1, required: true };
    this.number = h("input.dimension", {
      ...range,
      "aria-label": `number of the dimension, ${name}`,
      onchange: onNumber,
    });
    this.number.hidden = true;
    this.element = h("span", {}, this.menu, this.number);
  }

  #options() {
    const { active, kl, latent } = this.model;
    const order = active?.length ? active : Array.from({ length: latent }, (_, dim) => dim);
    const score = (dim) => (kl ? ` · ${formatMetric(kl[dim])} nats` : "");
    const option = (dim) => h("option", { value: dim }, `${latentDimensionName(this.model, dim)}${score(dim)}`);
    const first = order.slice(0, NUM_MOST_ACTIVE).map(option);
    if (order.length <= NUM_MOST_ACTIVE) return first;
    const isLong = order.length > MAX_MENU_DIMENSIONS;
    const rest = isLong ? [] : order.slice(NUM_MOST_ACTIVE).map(option);
    return [
      h("optgroup", { label: `the ${NUM_MOST_ACTIVE} most active` }, first),
      isLong ? h("option", { value: OTHER }, `another of ${formatNumber(order.length)} …`) : null,
      isLong ? null : h("optgroup", { label: "less active" }, rest),
    ];
  }

  #onMenu(onChoose) {
    if (this.menu.value !== OTHER) return onChoose(Number(this.menu.value));
    this.number.hidden = false;
    this.number.focus();
  }

  show(dim) {
    this.menu.value = String(dim);
    const isListed = this.menu.value === String(dim);
    if (!isListed) this.menu.value = OTHER;
    this.number.value = String(dim + 1);
    this.number.hidden = isListed;
  }
}
