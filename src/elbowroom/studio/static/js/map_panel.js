// The panel of the latent map: views, tools, legend, the card of an example and what a lasso has selected.

import { classColor, dimensionName, formatNumber, h, placeBox } from "/static/kit.js";
import { exampleUrl, getJson, postForBlob } from "./api.js";
import { button, choiceGroup, debounce, quietButton, select, setChildren, withErrors } from "./dom.js";
import { LatentMap } from "./latent_map.js";
import { MapProjection } from "./map_projection.js";

/** Examples on the map, and numbers of all their latents together, at most. */
const MAX_POINTS = 2000;
const MAX_NUMBERS = 2_000_000;
/** Classes that a legend has room for. */
const MAX_LEGEND_CLASSES = 24;
/** Examples of a selection that are shown, and how many of them lie in one image. */
const MAX_STRIP_IMAGES = 40;
const IMAGES_PER_STRIP = 8;
/** About the side of an image in the decoded grid under the points. */
const BACKDROP_CELL_PX = 46;
const TOOLS = [
  ["move", "Move"],
  ["pan", "Pan"],
  ["lasso", "Lasso"],
];

export class MapPanel {
  /** The server's answer for the view that is shown, and its projection. */
  #response = null;
  #projection = null;
  /** Requests that were overtaken by newer ones are dropped. */
  #turn = 0;
  #backdropTurn = 0;
  #caption = h("p.axes");
  #strip = h("div.lassoed", { hidden: true });
  #legend = h("div.classes", { role: "group", "aria-label": "classes" });
  #card = h("div.card", { hidden: true });
  #busy = h("p.busy", {}, "encoding the data …");

  /** @param {import("./latent_state.js").LatentState} latent */
  constructor(latent) {
    this.latent = latent;
    this.map = new LatentMap({
      onMove: (position) => this.#move(position),
      onPick: (i) => this.#pick(i),
      onLasso: (indices) => this.#showSelection(indices),
      onHover: debounce((i, at) => this.#showCard(i, at), 40),
      onViewChange: () => this.#drawBackdropSoon(),
    });
    this.backdropToggle = button("Images", () => this.#toggleBackdrop(), {
      hidden: true,
      "aria-pressed": "false",
      title: "decode the whole map",
    });
    this.element = h("section.panel.map", { "aria-label": "latent map" });
    latent.subscribe(() => this.#followLatent());
    this.#open(new ViewChoice(latent.model, (view) => this.#show(view)));
  }

  destroy() {
    this.map.destroy();
  }

  #open(choice) {
    if (!choice.current)
      return setChildren(this.element, h("p.quiet", {}, "The latent has one dimension: use the slider."));
    const tools = choiceGroup("what the mouse does", TOOLS, "move", (tool) => {
      this.map.tool = this.map.canvas.dataset.tool = tool;
    });
    const zoom = h(
      "div.views",
      { role: "group", "aria-label": "zoom" },
      button("−", () => this.map.zoom(0.75), { "aria-label": "zoom out" }),
      button("fit", () => this.map.fitView()),
      button("+", () => this.map.zoom(1.33), { "aria-label": "zoom in" }),
    );
    this.map.plane.area.append(this.#card, this.#busy);
    const header = h("header.row", {}, choice.controls, tools, zoom, this.backdropToggle);
    setChildren(this.element, header, this.map.element, this.#caption, this.#legend, this.#strip);
    this.#show(choice.current);
  }

  async #show(view) {
    const turn = ++this.#turn;
    const { run, model } = this.latent;
    const n = Math.max(5, Math.min(MAX_POINTS, Math.floor(MAX_NUMBERS / model.latent)));
    this.#busy.hidden = false;
    this.#busy.textContent = view === "tsne" ? "t-SNE takes a few seconds …" : "encoding the data …";
    const response = await withErrors(() => getJson("/api/plane", { run, view, n }));
    if (turn !== this.#turn) return;
    this.#busy.hidden = Boolean(response);
    if (response) this.#showResponse(response);
    else this.#busy.textContent = model.why ?? "this model has no map";
  }

  #showResponse(response) {
    this.#response = response;
    this.#projection = new MapProjection(response);
    this.#strip.hidden = true;
    // Both axes of t-SNE have one name, which stands once.
    const axes = response.axes.x === response.axes.y ? [response.axes.x, ""] : [response.axes.x, response.axes.y];
    this.map.setPoints(response.points, response.labels, axes);
    this.#followLatent(true);
    this.backdropToggle.hidden = !this.latent.model.picture || !this.#projection.linear;
    this.#caption.textContent = `${formatNumber(response.points.length)} examples of the ${response.split} split`;
    this.#drawLegend();
  }

  #drawLegend() {
    const { labels, names } = this.#response;
    const present = [...new Set(labels ?? [])].filter((label) => label >= 0).sort((a, b) => a - b);
    this.#legend.hidden = present.length < 2 || present.length > MAX_LEGEND_CLASSES;
    const toggle = (event, label) => {
      const isHidden = !this.map.hidden.delete(label);
      if (isHidden) this.map.hidden.add(label);
      event.currentTarget.setAttribute("aria-pressed", String(!isHidden));
      this.map.redraw();
    };
    const chip = (label) =>
      h(
        "button",
        { type: "button", "aria-pressed": "true", onclick: (event) => toggle(event, label) },
        h("i", { style: { background: classColor(label) } }),
        names?.[label] ?? String(label),
      );
    setChildren(this.#legend, present.map(chip));
  }

  #className(i) {
    const { labels, names } = this.#response;
    return labels ? (names?.[labels[i]] ?? String(labels[i])) : "";
  }

  // ---- From the map to the latent, and back

  #move(position) {
    if (!this.#projection) return;
    this.map.marker = position;
    this.latent.set(this.#projection.unproject(position, this.latent.z, this.#visibleWidth()));
  }

  #visibleWidth() {
    const { w, perPixel } = this.map.plane.frame();
    return w * perPixel;
  }

  #pick(i) {
    const { index, split, labels } = this.#response;
    // A conditional model reproduces an example only under the example's own class.
    const isClass = this.latent.model.conditional?.kind === "classes" && labels;
    this.latent.set(this.#projection.latentOf(i), { index: index[i], split }, isClass ? labels[i] : this.latent.c);
    this.map.marker = this.map.points[i];
  }

  #followLatent(isNewMap = false) {
    if (!this.#projection) return;
    // Where the map is not linear, the marker stays where the pointer put it.
    if (this.#projection.linear || isNewMap) this.map.marker = this.#projection.project(this.latent.z);
    const pins = Object.entries(this.latent.pins).map(([name, pin]) => [name, this.#projection.project(pin.z)]);
    this.map.pins = Object.fromEntries(pins);
    this.map.draw();
    // With two dimensions the decoded grid does not depend on the current latent.
    if (this.latent.model.latent > 2) this.#drawBackdropSoon();
  }

  // ---- The decoded grid under the points

  #isBackdropShown() {
    return this.backdropToggle.getAttribute("aria-pressed") === "true" && this.#projection?.linear;
  }

  #toggleBackdrop() {
    const isPressed = this.backdropToggle.getAttribute("aria-pressed") === "true";
    this.backdropToggle.setAttribute("aria-pressed", String(!isPressed));
    this.#drawBackdropSoon();
  }

  #drawBackdropSoon = debounce(() => withErrors(() => this.#drawBackdrop()), 220);

  /** Decode a grid of positions under the points, with the other directions of the latent as they are. */
  async #drawBackdrop() {
    const [turn, mapTurn] = [++this.#backdropTurn, this.#turn];
    if (!this.#isBackdropShown()) {
      if (this.map.backdrop) this.map.redraw();
      this.map.backdrop = null;
      return;
    }
    const { x, y, w, h: height } = this.map.plane.frame();
    const [columns, rows] = [w, height].map((size) => Math.max(3, Math.round(size / BACKDROP_CELL_PX)));
    const z = this.#projection.grid({ x, y }, columns, rows, this.latent.z);
    const request = { ...this.latent.requestFields, z, columns, format: "png" };
    const image = await createImageBitmap(await postForBlob("/api/decode", request));
    if (turn !== this.#backdropTurn || mapTurn !== this.#turn) return;
    this.map.backdrop = { image, x, y };
    this.map.redraw();
  }

  // ---- Examples

  #showCard(i, at) {
    this.#card.hidden = i === null || !this.#response;
    if (this.#card.hidden) return;
    const { split, index } = this.#response;
    const image = h("img", { src: exampleUrl(this.latent.run, split, index[i], 72), alt: "" });
    const words = h("p", {}, `${split} ${index[i]} `, h("b", {}, this.#className(i)));
    setChildren(this.#card, this.latent.model.picture ? image : null, words);
    placeBox(this.#card, this.map.plane.area, ...at);
  }

  #showSelection(indices) {
    this.#strip.hidden = !indices.length;
    if (!indices.length) return;
    const clear = () => {
      this.map.selected = new Set();
      this.map.redraw();
      this.#strip.hidden = true;
    };
    const decodeMean = () => this.latent.set(this.#projection.mean(indices));
    setChildren(
      this.#strip,
      h("p", {}, h("b", {}, `${indices.length} examples`), this.#countClasses(indices)),
      this.latent.model.picture ? this.#createStrip(indices.slice(0, MAX_STRIP_IMAGES)) : null,
      h("p.row", {}, button("Decode their mean latent", decodeMean), quietButton("Clear selection", clear)),
    );
  }

  #countClasses(indices) {
    const counts = new Map();
    for (const name of indices.map((i) => this.#className(i))) counts.set(name, (counts.get(name) ?? 0) + 1);
    const largest = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
    const classes = this.#response.labels ? `: ${largest.map(([name, n]) => `${name} ${n}`).join(" · ")}` : "";
    return indices.length > MAX_STRIP_IMAGES ? `${classes}, ${MAX_STRIP_IMAGES} of them:` : classes;
  }

  #createStrip(indices) {
    const { split, index } = this.#response;
    const images = [];
    for (let from = 0; from < indices.length; from += IMAGES_PER_STRIP) {
      const shown = indices.slice(from, from + IMAGES_PER_STRIP).map((i) => index[i]);
      images.push(h("img", { src: exampleUrl(this.latent.run, split, shown.join(","), 40), alt: "" }));
    }
    return h("div.strip", { role: "img", "aria-label": "examples within the line" }, images);
  }
}

/** The views of a model's latents: two dimensions of one's choice, PCA, t-SNE. */
class ViewChoice {
  controls = [];
  current = null;

  constructor(model, onChange) {
    this.size = model.latent;
    this.onChange = onChange;
    this.dimensions = mostActivePair(model);
    // A dimension of a codebook's entry has no meaning by itself.
    const hasDimensions = model.latent > 1 && !model.quantised;
    const projections =
      model.latent > 2
        ? [
            ["pca", "PCA"],
            ["tsne", "t-SNE"],
          ]
        : [];
    const pair = ["dims", model.latent === 2 ? "both dimensions" : "two dimensions"];
    const views = hasDimensions ? [pair, ...projections] : projections;
    if (!views.length) return;
    this.view = select("view of the latents", views, views[0][0], () => this.#change());
    this.pair = h(
      "span.pair",
      { hidden: !hasDimensions || model.latent < 3 },
      [0, 1].map((side) => this.#createSelect(side)),
    );
    this.controls = views.length > 1 ? [this.view, this.pair] : [this.pair];
    this.current = this.#currentView();
  }

  #currentView() {
    return this.view.value === "dims" ? `dims:${this.dimensions}` : this.view.value;
  }

  #change() {
    this.pair.hidden = this.view.value !== "dims";
    this.onChange(this.#currentView());
  }

  #createSelect(side) {
    const options = Array.from({ length: this.size }, (_, dim) => [dim, dimensionName(dim)]);
    const label = side ? "dimension upwards" : "dimension to the right";
    return select(label, options, this.dimensions[side], () => this.#chooseDimension(side));
  }

  #chooseDimension(side) {
    const selects = [...this.pair.children];
    // Both axes must differ: the other one takes the dimension that this one had.
    if (selects[0].value === selects[1].value) selects[1 - side].value = this.dimensions[side];
    this.dimensions = selects.map((one) => Number(one.value));
    this.#change();
  }
}

/** The two most active dimensions, in their own order. */
function mostActivePair(model) {
  return [...new Set([...(model.active ?? []), 0, 1])].slice(0, 2).sort((a, b) => a - b);
}
