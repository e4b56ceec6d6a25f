// Latent space: points on three axes, turned by hand and by keyboard, on a plain canvas.

import {
  FONT,
  PRIOR_RINGS_SD,
  clamp,
  cssColor,
  drawDots,
  drawRings,
  drawMarker,
  drawPin,
  formatTicks,
  h,
  onColorChange,
  ticks,
} from "/static/kit.js";
import { oncePerFrame } from "./dom.js";
import { rotate, turn } from "./rotation.js";

/** Radians of a pixel of dragging, and of one press of an arrow key. */
const RADIANS_PER_PX = 0.008;
const KEY_RADIANS = Math.PI / 24;
const START = { yaw: -0.6, pitch: 0.35 };
const MARGIN_PX = 26;
const HOVER_RADIUS_PX = 9;
const PRESS_RADIUS_PX = 14;
const DRAG_START_PX = 4;
const ZOOM_RANGE = [0.3, 50];
const ZOOM_STEP = 1.33;
/** Points drawn together; from the farthest to the nearest their size grows between these factors. */
const POINTS_AT_ONCE = 100;
const NEARNESS_SIZES = [0.7, 1.3];
const POINT_RADIUS_PX = 3;
const TURNS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LABEL = "latents in three dimensions: arrow keys turn them, plus and minus zoom, 0 turns and zooms back";

/** Points in space. Handlers: onPick(i), onHover(i or null, pixels), onViewChange(). */
export class LatentSpace {
  /** @type {number[][]} */
  points = [];
  /** @type {string[]} */
  colors = [];
  isHidden = (_) => false;
  selected = new Set();
  focus = { point: -1, neighbors: [] };
  marker = null;
  pins = {};
  rotation = START;
  #factor = 1;
  #shown = null;
  #screen = [];
  #pointer = null;

  constructor(handlers) {
    this.handlers = handlers;
    this.canvas = h("canvas.space", { tabIndex: 0, role: "application", "aria-label": LABEL });
    this.area = h("div.area", {}, this.canvas);
    this.hint = h("p.axis");
    this.element = h("div.scatter", {}, h("div.plot", {}, h("div.left"), this.area, this.hint));
    this.draw = this.redraw = oncePerFrame(() => this.#draw());
    const listen = (name, act, options = {}) => this.canvas.addEventListener(name, act, options);
    listen("pointerdown", (event) => this.#onDown(event));
    listen("pointermove", (event) => this.#onMove(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, (event) => this.#onUp(event));
    listen("pointerleave", () => this.handlers.onHover(null));
    listen("wheel", (event) => this.#onWheel(event), { passive: false });
    listen("keydown", (event) => this.#onKey(event));
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.area);
    this.forget = onColorChange(() => this.draw());
  }

  destroy() {
    this.resizing.disconnect();
    this.forget();
  }

  /** Show other points, (n, 3), all of them in view. */
  show({ points, colors, axes, prior = null }) {
    Object.assign(this, { points, colors, selected: new Set(), pins: {} });
    this.focus = { point: -1, neighbors: [] };
    const center = [0, 1, 2].map((k) => points.reduce((sum, point) => sum + point[k], 0) / points.length);
    const lengths = points.map((point) => Math.hypot(...point.map((value, k) => value - center[k])));
    const rings = prior?.center ? PRIOR_RINGS_SD.at(-1) : 0;
    this.#shown = { axes, prior, center, reach: Math.max(rings, ...lengths) || 1 };
    this.hint.textContent = `PC: ${axes.join("; ")}. Drag to turn; the view is orthographic.`;
    this.fitView();
  }

  /** The direction and the zoom. */
  get zoomState() {
    const isFitted = this.#factor === 1 && this.rotation === START;
    return { factor: this.#factor, center: isFitted ? null : [this.rotation.yaw, this.rotation.pitch] };
  }

  setZoom({ factor, center }) {
    this.#factor = clamp(factor, ZOOM_RANGE[0], ZOOM_RANGE[1]);
    this.rotation = center ? turn({ yaw: center[0], pitch: center[1] }, 0, 0) : START;
    this.draw();
    this.handlers.onViewChange();
  }

  fitView() {
    this.setZoom({ factor: 1, center: null });
  }

  zoom(by) {
    const { yaw, pitch } = this.rotation;
    this.setZoom({ factor: this.#factor * by, center: [yaw, pitch] });
  }

  /** Bring some points forward; none brings all of them. */
  select(indices) {
    this.selected = new Set(indices);
    this.draw();
  }

  /** Where a point is on the canvas, in pixels. */
  #toScreen(point) {
    const { clientWidth: w, clientHeight: height } = this.area;
    const { center, reach } = this.#shown;
    const scale = (this.#factor * (Math.min(w, height) / 2 - MARGIN_PX)) / reach;
    const [across, up, near] = rotate(
      this.rotation,
      point.map((value, k) => value - center[k]),
    );
    return [w / 2 + across * scale, height / 2 - up * scale, near / reach, scale];
  }

  // ---- Gestures

  #onDown(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.#positionOf(event);
    this.#pointer = { start: at, last: at, isDrag: false };
  }

  #positionOf(event) {
    const bounds = this.canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }

  #onMove(event) {
    const at = this.#positionOf(event);
    const pointer = this.#pointer;
    if (!pointer) {
      const i = this.#pointAt(at, HOVER_RADIUS_PX);
      if (event.pointerType === "mouse") this.handlers.onHover(i < 0 ? null : i, at);
      return;
    }
    if (!pointer.isDrag && Math.hypot(at[0] - pointer.start[0], at[1] - pointer.start[1]) < DRAG_START_PX) return;
    pointer.isDrag = true;
    this.handlers.onHover(null);
    const [dx, dy] = [at[0] - pointer.last[0], at[1] - pointer.last[1]];
    this.rotation = turn(this.rotation, dx * RADIANS_PER_PX, dy * RADIANS_PER_PX);
    pointer.last = at;
    this.draw();
  }

  #onUp(event) {
    const pointer = this.#pointer;
    this.#pointer = null;
    if (pointer?.isDrag) return this.handlers.onViewChange();
    const i = event.type === "pointerup" && pointer ? this.#pointAt(pointer.start, PRESS_RADIUS_PX) : -1;
    if (i >= 0) this.handlers.onPick(i);
  }

  /** The point nearest to a position; of those as near, the one nearest to the eye. */
  #pointAt(position, reach) {
    const [x, y] = position;
    let [best, least] = [-1, reach];
    this.#screen.forEach(([a, b, near], i) => {
      const distance = Math.hypot(a - x, b - y) - near;
      const isFaint = this.selected.size > 0 && !this.selected.has(i);
      if (distance < least && !isFaint && !this.isHidden(i)) [best, least] = [i, distance];
    });
    return best;
  }

  #onWheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * 0.0016));
  }

  #onKey(event) {
    const direction = TURNS[event.key];
    const acts = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": 1 / ZOOM_STEP };
    if (direction) {
      this.rotation = turn(this.rotation, direction[0] * KEY_RADIANS, direction[1] * KEY_RADIANS);
      this.setZoom(this.zoomState);
    } else if (event.key in acts) this.zoom(acts[event.key]);
    else if (event.key === "0") this.fitView();
    else return;
    event.preventDefault();
  }

  // ---- Drawing

  #draw() {
    const { clientWidth: w, clientHeight: height } = this.area;
    if (!this.#shown || !w || !height) return;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(w * ratio), height: Math.round(height * ratio) });
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#screen = this.points.map((point) => this.#toScreen(point));
    this.#drawAxes(pen);
    this.#drawDraws(pen);
    this.#drawPoints(pen);
    this.#drawRings(pen);
    this.#drawAxisLabels(pen);
    this.#drawFocus(pen);
    for (const [name, position] of Object.entries(this.pins)) drawPin(pen, this.#toScreen(position), name);
    if (this.marker) drawMarker(pen, this.#toScreen(this.marker));
  }

  /** Where a value of an axis through the middle is. */
  #onAxis(k, value) {
    return this.#toScreen(this.#shown.center.map((middle, j) => (j === k ? value : middle)));
  }

  #drawAxes(pen) {
    const { axes, center, reach } = this.#shown;
    Object.assign(pen, { strokeStyle: cssColor("quiet"), lineWidth: 1 });
    pen.beginPath();
    axes.forEach((_, k) => {
      pen.moveTo(...this.#onAxis(k, center[k] - reach).slice(0, 2));
      pen.lineTo(...this.#onAxis(k, center[k] + reach).slice(0, 2));
    });
    pen.stroke();
  }

  /** Write ticks and names of the axes over the points, in contrast to them. */
  #drawAxisLabels(pen) {
    const { axes, center, reach } = this.#shown;
    const halo = { lineWidth: 3, strokeStyle: cssColor("paper") };
    Object.assign(pen, {
      font: FONT,
      textAlign: "center",
      textBaseline: "middle",
      ...halo,
      fillStyle: cssColor("ink"),
    });
    const write = (text, at, below) => {
      const [x, y] = at;
      pen.strokeText(text, x, y + below);
      pen.fillText(text, x, y + below);
    };
    axes.forEach((name, k) => {
      const { values, step } = ticks(center[k] - reach, center[k] + reach, 4);
      formatTicks(values, step).forEach((text, i) => write(text, this.#onAxis(k, values[i]), 8));
      write(name.split(",")[0].replace("principal axis", "PC"), this.#onAxis(k, center[k] + reach), -10);
    });
  }

  #drawDraws(pen) {
    pen.fillStyle = cssColor("quiet");
    for (const draw of this.#shown.prior?.draws ?? []) {
      const [x, y] = this.#toScreen(draw);
      pen.fillRect(x - 1, y - 1, 2, 2);
    }
  }

  /** The rings of the prior are the outlines of spheres, which look the same from everywhere. */
  #drawRings(pen) {
    const { prior } = this.#shown;
    if (!prior?.center) return;
    const [x, y, , scale] = this.#toScreen(prior.center);
    drawRings(pen, [x, y], 1 / scale);
  }

  /** Draw the points from the farthest to the nearest. */
  #drawPoints(pen) {
    const isFaint = (i) => this.selected.size > 0 && !this.selected.has(i);
    const shown = this.#screen.map((_, i) => i).filter((i) => !this.isHidden(i));
    const byDepth = shown.sort((a, b) => this.#screen[a][2] - this.#screen[b][2]);
    const styles = new Map();
    pen.globalAlpha = 0.4;
    drawDots(pen, this.#screen, byDepth.filter(isFaint), POINT_RADIUS_PX * 0.7, () => "idle", styles);
    pen.globalAlpha = 1;
    const vivid = byDepth.filter((i) => !isFaint(i));
    const [small, large] = NEARNESS_SIZES;
    for (let from = 0; from < vivid.length; from += POINTS_AT_ONCE) {
      const near = this.#screen[vivid[from]][2];
      const radius = POINT_RADIUS_PX * (small + ((large - small) * (near + 1)) / 2);
      drawDots(pen, this.#screen, vivid.slice(from, from + POINTS_AT_ONCE), radius, (i) => this.colors[i], styles);
    }
  }

  #drawFocus(pen) {
    const { point, neighbors } = this.focus;
    if (point < 0) return;
    const [x, y] = this.#screen[point];
    Object.assign(pen, { strokeStyle: cssColor("ink"), lineWidth: 1.2 });
    for (const i of neighbors.filter((one) => !this.isHidden(one))) {
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(...this.#screen[i].slice(0, 2));
      pen.stroke();
    }
  }
}
