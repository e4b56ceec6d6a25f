// The panel of the latent map: views, tools, colors, the card of an example, selections and nearest neighbors.

import { LatentMap, createMapControls, formatNumber, h, placeBox } from "/static/kit.js";
import { readNumbers, readState, writeState } from "./address.js";
import { exampleUrl, getJson, postForBlob } from "./api.js";
import { button, debounce, setChildren, withErrors } from "./dom.js";
import { LatentSpace } from "./latent_space.js";
import { MapColors } from "./map_colors.js";
import { MapProjection } from "./map_projection.js";
import { NUM_NEIGHBORS, NeighborPanel, SelectionPanel } from "./map_selection.js";
import { MapViews } from "./map_views.js";

/** Examples on the map, and numbers of all their latents together, at most. */
const MAX_POINTS = 2000;
const MAX_NUMBERS = 2_000_000;
const MIN_POINTS = 5;
const CARD_IMAGE_PX = 72;
/** About the side of an image in the decoded grid under the points. */
const BACKDROP_CELL_PX = 46;

export class MapPanel {
  /** The server's answer for the view that is shown, and its projection. */
  #response = null;
  #projection = null;
  /** The examples that are selected, and how; whether the others are hidden. */
  #selection = { indices: [], what: "" };
  #isIsolated = false;
  #turn = 0;
  #backdropTurn = 0;
  #caption = h("p.axes");
  #note = h("p.wrong.map-note", { hidden: true, role: "status" });
  #card = h("div.card", { hidden: true });
  #busy = h("p.busy", { role: "status" }, "encoding the data …");
  #plot = h("div.map-plot");
  #tools = h("span.map-tools");

  /** @param {import("./latent_state.js").LatentState} latent */
  constructor(latent) {
    this.latent = latent;
    this.element = h("section.panel.map", { "aria-label": "latent map" });
    const handlers = {
      onPick: (i) => this.#pick(i),
      onHover: debounce((i, at) => this.#showCard(i, at), 40),
      onViewChange: () => this.#onViewChange(),
    };
    this.plane = new LatentMap({
      ...handlers,
      onMove: (position) => this.#move(position),
      onLasso: (loop) => this.#lasso(loop),
    });
    this.space = new LatentSpace(handlers);
    this.map = this.plane;
    this.#createPanels();
    latent.subscribe(() => this.#followLatent());
    this.#open();
  }

  destroy() {
    this.plane.destroy();
    this.space.destroy();
  }

  #createPanels() {
    this.views = new MapViews(this.latent.model, (view) => this.#show(view));
    this.colors = new MapColors(this.latent.run, () => this.#recolor());
    this.selection = new SelectionPanel({
      onClear: () => this.#select([], ""),
      onIsolate: (isIsolated) => this.#isolate(isIsolated),
      onDecodeMean: (indices) => this.latent.isMovable && this.latent.set(this.#projection.mean(indices)),
    });
    this.neighbors = new NeighborPanel({ onPick: (i) => this.#pick(i), onClose: () => this.#focus(-1) });
    this.backdropToggle = button("Decoded grid", () => this.#toggleBackdrop(), {
      hidden: true,
      "aria-pressed": "false",
      title: "decode latents all over the map",
    });
    const search = { type: "search", placeholder: "find a label", "aria-label": "find a label", hidden: true };
    this.names = h("datalist", { id: "map-labels" });
    this.search = h("input.find", { ...search, oninput: debounce(() => this.#find(this.search.value), 150) });
    this.search.setAttribute("list", "map-labels");
  }

  #open() {
    if (!this.views.current)
      return setChildren(this.element, h("p.quiet", {}, "The latent has one dimension: use the slider."));
    setChildren(
      this.element,
      h("header.row", {}, this.views.controls, this.colors.control),
      h("div.row", {}, this.#tools, this.backdropToggle, this.search, this.names),
      this.#note,
      this.#plot,
      this.#caption,
      this.colors.legend,
      this.selection.element,
      this.neighbors.element,
    );
    this.#place(this.plane);
    this.#show(this.views.current, true);
  }

  /** Put the plane or the space where the map is. */
  #place(map) {
    this.map = map;
    setChildren(this.#plot, map.element);
    setChildren(this.#tools, createMapControls(map, map === this.plane ? ["move", "pan", "lasso"] : []));
    this.#area.append(this.#card, this.#busy);
  }

  get #area() {
    return this.map === this.plane ? this.plane.plane.area : this.space.area;
  }

  async #show(view, isFirst = false) {
    const turn = ++this.#turn;
    const { run, model } = this.latent;
    const n = Math.max(MIN_POINTS, Math.min(MAX_POINTS, Math.floor(MAX_NUMBERS / model.latent)));
    this.#busy.hidden = false;
    this.#busy.textContent = view === "tsne" ? "t-SNE takes a few seconds …" : "encoding the data …";
    const explain = (error) => {
      if (turn === this.#turn) this.#busy.textContent = `No map: ${model.why ?? error.message}`;
    };
    const response = await getJson("/api/plane", { run, view, n }).catch(explain);
    if (turn !== this.#turn || !response) return;
    this.#busy.hidden = true;
    this.#showResponse({ ...response, request: { n } }, isFirst);
  }

  #showResponse(response, isFirst) {
    // What the address says, before it is overwritten by what is shown now.
    const state = isFirst ? readMapState() : null;
    this.#response = response;
    this.#projection = new MapProjection(response);
    this.views.follow(response.view);
    this.colors.show(response);
    const map = response.view === "pca3" ? this.space : this.plane;
    if (map !== this.map) this.#place(map);
    map.isHidden = (i) => this.colors.isHidden(i) || (this.#isIsolated && !map.selected.has(i));
    const { points, axes, prior } = response;
    const isLinear = this.#projection.isLinear;
    map.show({ points, colors: this.colors.colors, axes: Object.values(axes), prior, isLinear });
    this.#showWords();
    this.#showSearch();
    this.#keepSelection(state);
    this.#followLatent(true);
    const isPlane = map === this.plane;
    this.backdropToggle.hidden = !this.latent.model.picture || !this.#projection.isLinear || !isPlane;
    if (state?.zoom) map.setZoom(state.zoom);
  }

  #showWords() {
    const { points, split, prior, note } = this.#response;
    this.#caption.textContent = `${formatNumber(points.length)} examples of the ${split} split. ${prior.words}`;
    this.#note.hidden = !note;
    this.#note.textContent = note;
  }

  /** The examples of the map, as the panels below it show them. */
  get #examples() {
    const { run, model } = this.latent;
    const { split, index, unit, labels } = this.#response;
    const className = (i) => this.#className(i);
    return { run, hasImages: model.picture, split, index, unit, hasLabels: Boolean(labels), className };
  }

  #className(i) {
    const { labels, names } = this.#response;
    return labels ? (names?.[labels[i]] ?? String(labels[i])) : "";
  }

  #recolor() {
    this.map.colors = this.colors.colors;
    this.map.redraw();
  }

  // ---- From the map to the latent, and back

  #move(position) {
    if (!this.#projection || !this.latent.isMovable) return;
    this.plane.marker = position;
    const { w, perPixel } = this.plane.plane.frame();
    this.latent.set(this.#projection.unproject(position, this.latent.z, w * perPixel));
  }

  #pick(i) {
    const { index, split, labels } = this.#response;
    // A conditional model reproduces an example only under the example's own class.
    const isClass = this.latent.model.conditional?.kind === "classes" && labels;
    this.latent.set(this.#projection.latentOf(i), { index: index[i], split }, isClass ? labels[i] : this.latent.c);
    this.map.marker = this.map.points[i];
    this.#focus(i);
  }

  #followLatent(isNewMap = false) {
    if (!this.#projection || !this.latent.z.length) return;
    // Where the map is not linear, the marker stays where the pointer put it.
    if (this.#projection.isLinear || isNewMap) this.map.marker = this.#projection.project(this.latent.z);
    const pins = Object.entries(this.latent.pins).map(([name, pin]) => [name, this.#projection.project(pin.z)]);
    this.map.pins = Object.fromEntries(pins);
    this.map.draw();
    // With two dimensions the decoded grid does not depend on the current latent.
    if (this.latent.model.latent > 2) this.#drawBackdropSoon();
  }

  #onViewChange() {
    const { factor, center } = this.map.zoomState;
    writeState({ zoom: center ? [factor, ...center] : null });
    this.#drawBackdropSoon();
  }

  // ---- The decoded grid under the points

  get #isBackdropShown() {
    const isPressed = this.backdropToggle.getAttribute("aria-pressed") === "true";
    return isPressed && this.#projection?.isLinear && this.map === this.plane;
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
    if (!this.#isBackdropShown) {
      if (this.plane.backdrop) this.plane.redraw();
      this.plane.backdrop = null;
      return;
    }
    const { x, y, w, h: height } = this.plane.plane.frame();
    const [columns, rows] = [w, height].map((size) => Math.max(3, Math.round(size / BACKDROP_CELL_PX)));
    const z = this.#projection.grid({ x, y }, columns, rows, this.latent.z);
    const request = { ...this.latent.requestFields, z, columns, format: "png" };
    const image = await createImageBitmap(await postForBlob("/api/decode", request));
    if (turn !== this.#backdropTurn || mapTurn !== this.#turn) return;
    this.plane.backdrop = { image, x, y };
    this.plane.redraw();
  }

  // ---- Examples

  #showCard(i, at) {
    this.#card.hidden = i === null || !this.#response;
    if (this.#card.hidden) return;
    const { split, index } = this.#response;
    const image = h("img", { src: exampleUrl(this.latent.run, split, index[i], CARD_IMAGE_PX), alt: "" });
    const value = this.colors.describe(i);
    const words = h(
      "p",
      {},
      `${split} ${index[i]} `,
      h("b", {}, this.#className(i)),
      value ? h("span", {}, value) : null,
    );
    setChildren(this.#card, this.latent.model.picture ? image : null, words);
    placeBox(this.#card, this.#area, ...at);
  }

  /** Show the nearest neighbors of an example; -1 shows none. */
  #focus(i) {
    const neighbors = i < 0 ? [] : this.#projection.nearestTo(i, NUM_NEIGHBORS);
    this.map.focus = { point: i, neighbors: neighbors.map((one) => one.i) };
    this.map.draw();
    this.neighbors.show(i, neighbors, this.#examples);
    writeState({ near: i < 0 ? null : this.#response.index[i] });
  }

  // ---- Selections

  #lasso(loop) {
    this.search.value = "";
    writeState({ sel: loop.flat(), find: null });
    const indices = this.plane.pointsInLoop(loop);
    this.#select(indices, indices.length || loop.length > 2 ? "within the line" : "");
  }

  /** Select the examples whose label has this text. */
  #find(text) {
    const wanted = text.trim().toLowerCase();
    const names = this.map.points.map((_, i) => this.#className(i).toLowerCase());
    const isExact = names.includes(wanted);
    const matches = (name) => (isExact ? name === wanted : name.includes(wanted));
    const found = wanted ? names.flatMap((name, i) => (matches(name) ? [i] : [])) : [];
    writeState({ find: wanted ? text.trim() : null, sel: null });
    this.#select(found, wanted ? `with the label “${text.trim()}”` : "");
  }

  #select(indices, what) {
    this.#selection = { indices, what };
    if (!what) {
      this.search.value = "";
      writeState({ sel: null, find: null });
    }
    this.map.select(indices);
    this.#isolate(this.#isIsolated && indices.length > 0);
  }

  /** Hide all examples but the selected ones, and zoom to them; or show all of them. */
  #isolate(isIsolated) {
    const isChange = isIsolated !== this.#isIsolated;
    this.#isIsolated = isIsolated;
    const { indices, what } = this.#selection;
    if (isIsolated && this.map === this.plane) this.plane.zoomToPoints(indices);
    else if (isChange) this.map.fitView();
    this.map.redraw();
    this.selection.show(indices, this.#examples, what, isIsolated);
  }

  #showSearch() {
    const { labels } = this.#response;
    const names = labels ? [...new Set(labels.map((_, i) => this.#className(i)))] : [];
    this.search.hidden = names.length < 2;
    setChildren(
      this.names,
      names.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).map((value) => h("option", { value })),
    );
  }

  /** Select in a new view what was selected in the last one, or what the address says. */
  #keepSelection(state) {
    const { index } = this.#response;
    const near = state ? index.indexOf(state.near) : index.indexOf(Number(readState().near ?? NaN));
    if (near >= 0) this.#focus(near);
    else this.neighbors.show(-1, [], this.#examples);
    if (state?.find) {
      this.search.value = state.find;
      this.#find(state.find);
    } else if (state?.loop && this.map === this.plane) this.#lasso(state.loop);
    else this.#select(this.#selection.indices, this.#selection.what);
  }
}

/** What the address says of a map: the zoom, the example whose neighbors are shown, and what is selected. */
function readMapState() {
  const [zoom, sel, near] = [readNumbers("zoom"), readNumbers("sel"), readNumbers("near")];
  const loop = sel?.length >= 6 && sel.length % 2 === 0 ? sel : null;
  return {
    zoom: zoom?.length === 3 ? { factor: zoom[0], center: zoom.slice(1) } : null,
    loop: loop && Array.from({ length: loop.length / 2 }, (_, i) => loop.slice(2 * i, 2 * i + 2)),
    near: near?.[0] ?? null,
    find: readState().find ?? "",
  };
}
