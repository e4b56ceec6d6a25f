// Latent map: a plane of points with a marker to drag, pan, zoom and lasso.

import { h, pressOnly } from "./elements.js";
import { clamp, extent, formatNumber } from "./numbers.js";
import { PLANE_MARGIN_PX, Plane, drawMarker, drawPin } from "./planes.js";
import { cssColor } from "./theme.js";

/** How far from a point the pointer hits it, in pixels: hovering and pressing. */
const HOVER_RADIUS_PX = 9;
const PRESS_RADIUS_PX = 14;
/** A pointer that moved less has pressed, not dragged. */
const DRAG_START_PX = 4;
/** The smallest and the largest zoom; 1 shows all points. */
const ZOOM_RANGE = [0.3, 200];
/** The share of points that a fitted view leaves out at each end. */
const OUTLIER_SHARE = 0.002;
/** Steps of the arrow keys, in pixels: alone, and with Shift. */
const [KEY_STEP_PX, LONG_KEY_STEP_PX] = [12, 60];
/** How near the marker comes to the border when what is decoded lies outside. */
const MARKER_MARGIN_PX = 3;
/** Zoom of one press of a button or a key. */
const ZOOM_STEP = 1.33;
/** Corners of a lasso, at most. */
const MAX_LOOP_CORNERS = 48;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const MAP_LABEL =
  "latent map: arrow keys move the decoded point, with Shift in larger steps; Enter takes the example nearest to it; " +
  "plus and minus zoom, 0 shows all";

const distanceBetween = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
const midpoint = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];

/** Limit a function to one call per frame. */
function oncePerFrame(work) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      work();
    });
  };
}

/** The range of most numbers, without outliers. */
function coreRange(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.length - 1;
  return [sorted[Math.floor(last * OUTLIER_SHARE)] ?? -3, sorted[Math.ceil(last * (1 - OUTLIER_SHARE))] ?? 3];
}

/**
 * What a map shows.
 *
 * @typedef {object} MapContent
 * @property {number[][]} points  (n, 2)
 * @property {string[]} colors  of each point: a color, or the name of one in the style sheet
 * @property {string[]} axes  labels of the axes, with units
 * @property {?{center: ?number[], draws: ?number[][]}} [prior]
 * @property {?number[][]} [box]  what must be visible; by default most points
 * @property {boolean} [isLinear]  whether the way from one latent to another is a straight line on it
 */

/**
 * A plane of points. Tools: "move" drags the marker, "pan" the map, "lasso" selects points.
 * Handlers: onMove(position), onPick(i), onLasso(line on the plane), onHover(i or null, pixels), onViewChange().
 */
export class LatentMap {
  points = [];
  colors = [];
  /** Which points are not shown. */
  isHidden = (_) => false;
  selected = new Set();
  /** The point whose neighbors are shown, and these. */
  focus = { point: -1, neighbors: [] };
  /** The position of the decoded latent, and those of the pinned ones by name. */
  marker = null;
  pins = {};
  /** An image under the points, and the range that it covers: {image, x, y}. */
  backdrop = null;
  tool = "move";
  #shown = null;
  #zoom = { factor: 1, center: null };
  #loop = [];
  #touches = new Map();
  #gesture = null;
  #announcement = h("p.said", { "aria-live": "polite" });

  constructor(handlers) {
    this.handlers = handlers;
    this.element = h("div.scatter");
    const draw = { drawUnder: (...args) => this.#drawUnder(...args), drawOver: (...args) => this.#drawOver(...args) };
    this.plane = new Plane(this.element, { label: MAP_LABEL, role: "application", ...draw });
    this.element.append(this.#announcement);
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
    listen("pointerleave", () => this.handlers.onHover?.(null));
    listen("wheel", (event) => this.#onWheel(event), { passive: false });
    listen("keydown", (event) => this.#onKeyDown(event));
  }

  destroy() {
    this.plane.destroy();
  }

  /** Show other points, all of them in view. @param {MapContent} content */
  show({ points, colors, axes, prior = null, box = null, isLinear = true }) {
    Object.assign(this, { points, colors, selected: new Set(), pins: {}, backdrop: null });
    this.focus = { point: -1, neighbors: [] };
    const [x, y] = [0, 1].map((k) => points.map((point) => point[k]));
    // Where the prior has mass and the data has none, one should see that.
    const around = [x, y].map((values, k) => coreRange([...values, ...(prior?.draws ?? []).map((draw) => draw[k])]));
    this.#shown = { axes, prior, x, y, box: box ?? around, isLinear };
    this.fitView();
  }

  /** Show all points. */
  fitView() {
    this.setZoom({ factor: 1, center: null });
  }

  /** The zoom: {factor, center}; without a center all points are in view. */
  get zoomState() {
    return { ...this.#zoom };
  }

  setZoom({ factor, center }) {
    this.#zoom = { factor: clamp(factor, ZOOM_RANGE[0], ZOOM_RANGE[1]), center };
    this.#showView();
    this.handlers.onViewChange?.();
  }

  /** Zoom about a position on the canvas, which stays where it is; by default its middle. */
  zoom(by, at = null) {
    const { w, h: height, perPixel, toPlane } = this.plane.frame();
    const [x, y] = at ?? [w / 2, height / 2];
    const [px, py] = toPlane([x, y]);
    const factor = clamp(this.#zoom.factor * by, ZOOM_RANGE[0], ZOOM_RANGE[1]);
    const next = (perPixel * this.#zoom.factor) / factor;
    this.#zoomTo(factor, [px - (x - w / 2) * next, py + (y - height / 2) * next]);
    this.handlers.onViewChange?.();
  }

  /** Zoom to some of the points. */
  zoomToPoints(indices) {
    const { w, h: height, perPixel } = this.plane.frame();
    const [[x0, x1], [y0, y1]] = [0, 1].map((k) => extent(indices.map((i) => this.points[i][k])));
    const needed = Math.max((x1 - x0) / (w - 2 * PLANE_MARGIN_PX), (y1 - y0) / (height - 2 * PLANE_MARGIN_PX));
    const factor = needed > 0 ? (perPixel * this.#zoom.factor) / needed : 1;
    this.setZoom({ factor, center: [(x0 + x1) / 2, (y0 + y1) / 2] });
  }

  #zoomTo(factor, center) {
    // The plane's frame follows at once, its drawing with the next frame of the page.
    Object.assign(this.#zoom, { factor, center });
    this.redraw();
  }

  #showView() {
    if (!this.#shown) return;
    const { axes, prior, x, y, box } = this.#shown;
    const isFaint = (i) => this.selected.size > 0 && !this.selected.has(i);
    const points = x.length ? { x, y, color: (i) => this.colors[i], isFaint, isHidden: this.isHidden } : null;
    this.plane.setView({ axes, prior, points, box, zoom: this.#zoom });
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
    this.handlers.onHover?.(i < 0 ? null : i, at);
  }

  #pinch(pointerId, before, at) {
    const [, other] = [...this.#touches].find(([id]) => id !== pointerId);
    this.#gesture.moved = true;
    this.zoom(distanceBetween(at, other) / distanceBetween(before, other), midpoint(at, other));
  }

  #drag(at) {
    const { at: start, tool, center, moved } = this.#gesture;
    if (!moved && distanceBetween(at, start) < DRAG_START_PX) return;
    this.#gesture.moved = true;
    this.handlers.onHover?.(null);
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
    else if (gesture.tool === "lasso" && event.type === "pointerup") this.handlers.onLasso(this.#loopOnPlane());
    else if (gesture.tool === "pan") this.handlers.onViewChange?.();
    this.#loop = [];
    this.draw();
  }

  #press({ at, tool }) {
    const i = this.handlers.onPick ? this.plane.pointAt(at, PRESS_RADIUS_PX) : -1;
    if (i >= 0) this.handlers.onPick(i);
    else if (tool === "move") this.handlers.onMove(this.plane.frame().toPlane(at));
  }

  /** The line of the lasso on the plane, of so few corners that an address has room for them. */
  #loopOnPlane() {
    const { toPlane } = this.plane.frame();
    const every = Math.ceil(this.#loop.length / MAX_LOOP_CORNERS);
    return this.#loop.filter((_, i) => i % every === 0).map(toPlane);
  }

  /** The points within a closed line on the plane. */
  pointsInLoop(loop) {
    const isInside = (i) => !this.isHidden(i) && isInsideLoop(this.points[i], loop);
    return this.points.map((_, i) => i).filter(isInside);
  }

  /** Bring some points forward; none brings all of them. */
  select(indices) {
    this.selected = new Set(indices);
    this.redraw();
  }

  #onWheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * 0.0016), this.plane.eventPosition(event));
  }

  #onKeyDown(event) {
    const direction = ARROWS[event.key];
    const zooms = {
      "+": () => this.zoom(ZOOM_STEP),
      "=": () => this.zoom(ZOOM_STEP),
      "-": () => this.zoom(1 / ZOOM_STEP),
    };
    const act = { ...zooms, 0: () => this.fitView(), Enter: () => this.#pickNearest() }[event.key];
    if (direction && this.marker) this.#moveMarker(direction, event.shiftKey ? LONG_KEY_STEP_PX : KEY_STEP_PX);
    else if (act) act();
    else return;
    event.preventDefault();
  }

  #moveMarker(direction, pixels) {
    const step = pixels * this.plane.frame().perPixel;
    this.handlers.onMove(this.marker.map((value, k) => value + step * direction[k]));
    const place = this.marker.map((value, k) => `${this.#shown.axes[k].split(",")[0]} ${formatNumber(value, 3)}`);
    this.#announcement.textContent = place.join(", ");
  }

  #pickNearest() {
    if (!this.handlers.onPick || !this.marker) return;
    const i = this.plane.pointAt(this.plane.frame().toScreen(this.marker), Infinity);
    if (i >= 0) this.handlers.onPick(i);
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

  #drawOver(pen, { w, h: height, toScreen }) {
    this.#drawNeighbors(pen);
    const pins = Object.entries(this.pins).map(([name, position]) => [name, toScreen(position)]);
    if (pins.length === 2 && this.#shown.isLinear) drawPath(pen, pins[0][1], pins[1][1]);
    for (const [name, at] of pins) drawPin(pen, at, name);
    if (this.marker) {
      const within = (value, size) => clamp(value, MARKER_MARGIN_PX, size - MARKER_MARGIN_PX);
      const [x, y] = toScreen(this.marker);
      drawMarker(pen, [within(x, w), within(y, height)]);
    }
    if (this.#loop.length > 1) drawLoop(pen, this.#loop);
  }

  /** Draw lines from a point to its neighbors. */
  #drawNeighbors(pen) {
    const { point, neighbors } = this.focus;
    if (point < 0) return;
    const shown = [point, ...neighbors].filter((i, n) => n === 0 || !this.isHidden(i));
    const [start, ...ends] = shown.map((i) => this.plane.pointPosition(i));
    Object.assign(pen, { strokeStyle: cssColor("ink"), lineWidth: 1.2 });
    for (const end of ends) {
      pen.beginPath();
      pen.moveTo(...start);
      pen.lineTo(...end);
      pen.moveTo(end[0] + 6, end[1]);
      pen.arc(...end, 6, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
}

function drawPath(pen, from, to) {
  Object.assign(pen, { strokeStyle: cssColor("ink"), lineWidth: 1.2, globalAlpha: 0.55 });
  pen.setLineDash([4, 4]);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
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

// ---- Controls

const TOOL_LABELS = { move: "Decode", pan: "Pan", lasso: "Lasso" };
const TOOL_TITLES = {
  move: "decode the latent under the pointer",
  pan: "drag the map; with any tool, hold Shift",
  lasso: "draw a line around examples to select them",
};

/** Buttons of what the pointer does on a map, if there is a choice, and of its zoom. */
export function createMapControls(map, tools = Object.keys(TOOL_LABELS)) {
  const press = (label, act, name = null) =>
    h("button", { type: "button", "aria-label": name, title: name ?? "", onclick: act }, label);
  const zoom = [
    press("−", () => map.zoom(1 / ZOOM_STEP), "zoom out"),
    press("Fit", () => map.fitView(), "fit the map to all points"),
    press("+", () => map.zoom(ZOOM_STEP), "zoom in"),
  ];
  const group = (label, buttons) => h("div.views", { role: "group", "aria-label": label }, buttons);
  const groups = [group("zoom", zoom)];
  if (tools.length > 1) groups.unshift(group("what the pointer does on the map", toolButtons(map, tools)));
  return groups;
}

function toolButtons(map, tools) {
  const mark = () => {
    map.canvas.dataset.tool = map.tool;
    pressOnly(
      buttons,
      buttons.find((button) => button.value === map.tool),
    );
  };
  const choose = (event) => {
    map.tool = event.currentTarget.value;
    mark();
  };
  const create = (value) =>
    h("button", { type: "button", value, title: TOOL_TITLES[value], onclick: choose }, TOOL_LABELS[value]);
  const buttons = tools.map(create);
  mark();
  return buttons;
}
