// Latent map: the kit's plane of points with a marker to drag, pan, zoom and lasso.

import { MAX_CLASS_COLORS, classColor, createPlane, cssColor, drawMarker, drawPin, h } from "/static/kit.js";
import { oncePerFrame } from "./dom.js";

/** How far from a point the pointer hits it, in pixels: hovering and pressing. */
const HOVER_RADIUS_PX = 9;
const PRESS_RADIUS_PX = 14;
/** A pointer that moved less has pressed, not dragged. */
const DRAG_START_PX = 4;
/** The smallest and the largest zoom; 1 shows all points. */
const ZOOM_RANGE = [0.3, 200];
/** The share of points that a fitted view leaves out at each end. */
const OUTLIER_SHARE = 0.002;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const LABEL = "latent map: arrow keys move the decoded point, plus and minus zoom";

const distanceBetween = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
const between = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];

/** The range of most numbers, without outliers. */
function coreRange(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.length - 1;
  return [sorted[Math.floor(last * OUTLIER_SHARE)] ?? -3, sorted[Math.ceil(last * (1 - OUTLIER_SHARE))] ?? 3];
}

/**
 * A plane of points. Tools: "move" drags the marker, "pan" the map, "lasso" selects points.
 * Handlers: onMove(position), onPick(i), onLasso([i…]), onHover(i or null, pixels), onViewChange().
 */
export class LatentMap {
  points = [];
  labels = null;
  hidden = new Set();
  selected = new Set();
  /** The position of the decoded latent, and those of the pinned ones by name. */
  marker = null;
  pins = {};
  /** An image under the points, and the range that it covers: {image, x, y}. */
  backdrop = null;
  tool = "move";
  /** The names of the axes, the coordinates of the points, and the range of most of them. */
  #shown = null;
  #zoom = { factor: 1, center: null };
  #loop = [];
  #touches = new Map();
  #gesture = null;

  constructor(handlers) {
    this.handlers = handlers;
    this.element = h("div.scatter");
    const draw = { drawUnder: (...args) => this.#drawUnder(...args), drawOver: (...args) => this.#drawOver(...args) };
    this.plane = createPlane(this.element, { label: LABEL, role: "application", ...draw });
    this.canvas = this.plane.canvas;
    this.canvas.classList.add("plane");
    /** Draw what moves over the points anew. */
    this.draw = oncePerFrame(() => this.plane.draw());
    /** Draw the points anew, too. */
    this.redraw = oncePerFrame(() => this.#showView());
    const listen = (name, act, options = {}) => this.canvas.addEventListener(name, act, options);
    listen("pointerdown", (event) => this.#onPointerDown(event));
    listen("pointermove", (event) => this.#onPointerMove(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, (event) => this.#onPointerUp(event));
    listen("pointerleave", () => this.handlers.onHover(null));
    listen("wheel", (event) => this.#onWheel(event), { passive: false });
    listen("keydown", (event) => this.#onKeyDown(event));
  }

  destroy() {
    this.plane.destroy();
  }

  /** Show new points under axes with these names, all of them in view. */
  setPoints(points, labels, axes) {
    Object.assign(this, { points, labels, hidden: new Set(), selected: new Set(), pins: {}, backdrop: null });
    const [x, y] = [0, 1].map((k) => points.map((point) => point[k]));
    this.#shown = { axes, x, y, box: [coreRange(x), coreRange(y)] };
    this.fitView();
  }

  /** Show all points. */
  fitView() {
    this.#zoom = { factor: 1, center: null };
    this.#showView();
    this.handlers.onViewChange();
  }

  /** Zoom about a position on the canvas, which stays where it is; by default its middle. */
  zoom(by, at = null) {
    const { w, h: height, perPixel, toPlane } = this.plane.frame();
    const [x, y] = at ?? [w / 2, height / 2];
    const [px, py] = toPlane([x, y]);
    const factor = Math.min(Math.max(this.#zoom.factor * by, ZOOM_RANGE[0]), ZOOM_RANGE[1]);
    const next = (perPixel * this.#zoom.factor) / factor;
    this.#zoomTo(factor, [px - (x - w / 2) * next, py + (y - height / 2) * next]);
    this.handlers.onViewChange();
  }

  #zoomTo(factor, center) {
    // The plane's frame follows at once, its drawing with the next frame of the page.
    Object.assign(this.#zoom, { factor, center });
    this.redraw();
  }

  #showView() {
    if (!this.#shown) return;
    const { axes, x, y, box } = this.#shown;
    const isFaint = (i) => this.selected.size > 0 && !this.selected.has(i);
    const points = { x, y, color: this.#pointColors(), isFaint, isHidden: (i) => this.hidden.has(this.labels?.[i]) };
    this.plane.setView({ axes, points, box, zoom: this.#zoom });
  }

  #pointColors() {
    const unlabeled = cssColor("model");
    // A color is looked up once, not for every point.
    const colors = Array.from({ length: MAX_CLASS_COLORS }, (_, label) => classColor(label));
    return (i) => (this.labels?.[i] >= 0 ? colors[this.labels[i] % MAX_CLASS_COLORS] : unlabeled);
  }

  // ---- Gestures

  #onPointerDown(event) {
    if (event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.plane.eventPosition(event);
    this.#touches.set(event.pointerId, at);
    const tool = event.button === 1 || event.shiftKey ? "pan" : this.tool;
    this.#gesture = { at, center: this.plane.frame().center, moved: false, tool };
    if (tool === "lasso") this.#loop = [at];
  }

  #onPointerMove(event) {
    const at = this.plane.eventPosition(event);
    const before = this.#touches.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.#hover(at);
      return;
    }
    if (this.#touches.size === 2) this.#pinch(event.pointerId, before, at);
    else if (this.#gesture) this.#drag(at);
    this.#touches.set(event.pointerId, at);
  }

  #hover(at) {
    const i = this.plane.pointAt(at, HOVER_RADIUS_PX);
    this.handlers.onHover(i < 0 ? null : i, at);
  }

  #pinch(pointerId, before, at) {
    const [, other] = [...this.#touches].find(([id]) => id !== pointerId);
    this.#gesture.moved = true;
    this.zoom(distanceBetween(at, other) / distanceBetween(before, other), between(at, other));
  }

  #drag(at) {
    const { at: start, tool, center, moved } = this.#gesture;
    if (!moved && distanceBetween(at, start) < DRAG_START_PX) return;
    this.#gesture.moved = true;
    this.handlers.onHover(null);
    const { toPlane, perPixel } = this.plane.frame();
    if (tool === "move") this.handlers.onMove(toPlane(at));
    const offset = [(start[0] - at[0]) * perPixel, (at[1] - start[1]) * perPixel];
    if (tool === "pan") this.#zoomTo(this.#zoom.factor, [center[0] + offset[0], center[1] + offset[1]]);
    if (tool === "lasso") this.#loop.push(at);
    this.draw();
  }

  #onPointerUp(event) {
    this.#touches.delete(event.pointerId);
    const gesture = this.#gesture;
    if (this.#touches.size || !gesture) return;
    this.#gesture = null;
    if (!gesture.moved) this.#press(gesture);
    else if (gesture.tool === "lasso" && event.type === "pointerup") this.#select(this.#pointsInLoop());
    else if (gesture.tool === "pan") this.handlers.onViewChange();
    this.#loop = [];
    this.draw();
  }

  #press({ at, tool }) {
    const i = this.plane.pointAt(at, PRESS_RADIUS_PX);
    if (i >= 0) this.handlers.onPick(i);
    else if (tool === "move") this.handlers.onMove(this.plane.frame().toPlane(at));
  }

  #pointsInLoop() {
    const isInside = (i) => !this.hidden.has(this.labels?.[i]) && isInsideLoop(this.plane.pointPosition(i), this.#loop);
    return this.points.map((_, i) => i).filter(isInside);
  }

  #select(indices) {
    this.selected = new Set(indices);
    this.redraw();
    this.handlers.onLasso(indices);
  }

  #onWheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * 0.0016), this.plane.eventPosition(event));
  }

  #onKeyDown(event) {
    const direction = DIRECTIONS[event.key];
    const zooms = { "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8) };
    const act = { ...zooms, 0: () => this.fitView() }[event.key];
    if (direction && this.marker) this.#moveMarker(direction, event.shiftKey ? 60 : 12);
    else if (act) act();
    else return;
    event.preventDefault();
  }

  #moveMarker(direction, pixels) {
    const step = pixels * this.plane.frame().perPixel;
    this.handlers.onMove(this.marker.map((value, k) => value + step * direction[k]));
  }

  // ---- Drawing

  #drawUnder(pen, { toScreen }) {
    if (!this.backdrop) return;
    const { image, x, y } = this.backdrop;
    const [[left, top], [right, bottom]] = [toScreen([x[0], y[1]]), toScreen([x[1], y[0]])];
    pen.globalAlpha = 0.75;
    pen.drawImage(image, left, top, right - left, bottom - top);
    pen.globalAlpha = 1;
  }

  #drawOver(pen, { toScreen }) {
    for (const [name, position] of Object.entries(this.pins)) drawPin(pen, toScreen(position), name);
    if (this.marker) drawMarker(pen, toScreen(this.marker));
    if (this.#loop.length > 1) drawLoop(pen, this.#loop);
  }
}

function drawLoop(pen, loop) {
  pen.beginPath();
  for (const at of loop) pen.lineTo(...at);
  pen.closePath();
  Object.assign(pen, { fillStyle: cssColor("accent"), strokeStyle: cssColor("accent"), lineWidth: 1.5 });
  pen.globalAlpha = 0.12;
  pen.fill();
  pen.globalAlpha = 1;
  pen.stroke();
}

/** Whether a point lies inside a closed line: a ray from it crosses the line an odd number of times. */
export function isInsideLoop([x, y], loop) {
  let within = false;
  for (let i = 0, j = loop.length - 1; i < loop.length; j = i++) {
    const [[ax, ay], [bx, by]] = [loop[i], loop[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}
