// Planes of points.

import { h } from "./elements.js";
import { clamp, extent, formatTicks, ticks } from "./numbers.js";
import { edgeColor } from "./point_colors.js";
import { FONT, cssColor, onColorChange, resolveColor } from "./theme.js";

/**
 * Points that are drawn at once, those of one color as one path, which is faster than one by one. So few that no color
 * covers another much more than it is covered.
 */
const POINTS_AT_ONCE = 200;

export const PLANE_MARGIN_PX = 16;
/** Radii of the rings of a standard normal prior, in standard deviations. */
export const PRIOR_RINGS_SD = [1, 2];
/** Half the width of the cross at a draw from the prior. */
const CROSS_PX = 2.5;
const TRANSITION_MS = 650;

/**
 * What a plane shows; `box` must be visible, by default all points, before it is zoomed.
 *
 * @typedef {object} PlaneView
 * @property {string[]} axes  labels of the horizontal and of the vertical axis
 * @property {?PlanePoints} points
 * @property {?{center: ?number[], draws: ?number[][]}} [prior]
 * @property {?number[][]} [box]  [[low, high], [low, high]]
 * @property {{factor: number, center: ?number[]}} [zoom]
 */

/**
 * Points, with their colors by the names of the style sheet or as #rrggbb.
 *
 * @typedef {object} PlanePoints
 * @property {number[]} x
 * @property {number[]} y
 * @property {(i: number) => string} color
 * @property {(i: number) => boolean} [isFaint]
 * @property {(i: number) => boolean} [isHidden]
 */

/** A plane with the same scale on both axes: grid, ticks, and points, drawn once and copied under what moves. */
export class Plane {
  #background = document.createElement("canvas");
  #axis = h("p.axis");
  #unit = h("p.unit");
  #left = h("div.left", { "aria-hidden": "true" });
  #below = h("div.below", { "aria-hidden": "true" });
  /** @type {any} */
  #view = null;
  #positions = [];
  #animation = 0;

  /**
   * @param {HTMLElement} host  gets the axes and the canvas
   * @param {object} options
   * @param {string} options.label  accessible name of the canvas
   * @param {string} [options.role]  of the canvas
   * @param {(pen: CanvasRenderingContext2D, frame: object) => void} [options.drawOver]  draws what lies over the points
   * @param {(pen: CanvasRenderingContext2D, frame: object) => void} [options.drawUnder]  draws what lies under them
   */
  constructor(host, { label, role = "img", drawOver = () => {}, drawUnder = () => {} }) {
    this.canvas = h("canvas", { tabIndex: 0, role, "aria-label": label });
    this.area = h("div.area", {}, this.canvas);
    this.drawOver = drawOver;
    this.drawUnder = drawUnder;
    host.append(this.#unit, h("div.plot", {}, this.#left, this.area, this.#below, this.#axis));
    this.resizing = new ResizeObserver(() => this.redraw());
    this.resizing.observe(this.area);
    this.forget = onColorChange(() => this.redraw());
  }

  destroy() {
    this.resizing.disconnect();
    this.forget();
  }

  /**
   * Show other points; if animated, they move to their places. The rings of the prior are always in view: without them
   * a plane whose points are all the same but for rounding would look like any other.
   *
   * @param {PlaneView} view
   */
  setView(view, isAnimated = false) {
    const { points, prior } = view;
    const drawn = (k) => (prior?.draws ?? []).map((draw) => draw[k]);
    const box = view.box ?? [extent([...points.x, ...drawn(0)]), extent([...points.y, ...drawn(1)])];
    this.#view = { ...view, box: includePrior(box, prior) };
    this.redraw(isAnimated);
  }

  /** Sizes and conversions of the plane as it is now. */
  frame() {
    return planeFrame(this.area, this.#view);
  }

  /** Draw what lies over the points anew. */
  draw() {
    if (!this.#view || !this.#background.width || !this.#background.height) return;
    const pen = this.canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.#background, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawOver(pen, this.frame());
  }

  /** Draw everything anew; if animated, the points move to their places. */
  redraw(isAnimated = false) {
    cancelAnimationFrame(this.#animation);
    if (!this.#view || !this.area.clientWidth) return;
    const { points } = this.#view;
    const { toScreen } = this.frame();
    const from = this.#positions;
    const to = points ? points.x.map((x, i) => toScreen([x, points.y[i]])) : [];
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches || from.length !== to.length;
    if (!isAnimated || isStill) this.#showAt(to);
    else this.#animate(from, to);
  }

  #animate(from, to) {
    const start = performance.now();
    const step = (now) => {
      const t = clamp((now - start) / TRANSITION_MS, 0, 1);
      const eased = 1 - (1 - t) ** 3;
      this.#showAt(to.map((end, i) => end.map((v, k) => from[i][k] + (v - from[i][k]) * eased)));
      if (t < 1) this.#animation = requestAnimationFrame(step);
    };
    this.#animation = requestAnimationFrame(step);
  }

  #showAt(positions) {
    this.#positions = positions;
    this.#drawBackground();
    this.draw();
  }

  #drawBackground() {
    const [f, view] = [this.frame(), this.#view];
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(f.w * ratio), Math.round(f.h * ratio)];
    for (const one of [this.#background, this.canvas]) {
      if (one.width !== width || one.height !== height) Object.assign(one, { width, height });
    }
    const pen = this.#background.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, f.w, f.h);
    const [horizontal, vertical] = [ticks(f.x[0], f.x[1], f.w > 480 ? 8 : 5), ticks(f.y[0], f.y[1], 6)];
    labelTicks(this.#left, this.#below, f, horizontal, vertical);
    [this.#axis.textContent, this.#unit.textContent] = view.axes;
    drawGrid(pen, f, horizontal, vertical);
    this.drawUnder(pen, f);
    if (view.prior?.draws) drawCrosses(pen, view.prior.draws.map(f.toScreen));
    if (view.points) drawPoints(pen, f.w, view.points, this.#positions);
    if (view.prior?.center) drawRings(pen, f.toScreen(view.prior.center), f.perPixel);
  }

  /** Where a pointer event is on the canvas, in pixels. */
  eventPosition(event) {
    const bounds = this.canvas.getBoundingClientRect();
    return [clamp(event.clientX - bounds.left, 0, bounds.width), clamp(event.clientY - bounds.top, 0, bounds.height)];
  }

  /** Where a point is on the canvas, in pixels. */
  pointPosition(i) {
    return this.#positions[i];
  }

  /** The index of the point nearest to a position on the canvas within `reach` pixels, or -1. */
  pointAt(position, reach) {
    return this.#view?.points ? pointWithin(this.#positions, this.#view.points, position, reach) : -1;
  }

  /** The index of the nearest point in a direction, as the arrow keys move; the same point where there is none. */
  pointTowards(direction, from) {
    const start = from >= 0 ? this.#positions[from] : [this.area.clientWidth / 2, this.area.clientHeight / 2];
    return pointAhead(this.#positions, this.#view.points, direction, start, from);
  }
}

/** A box that holds the rings of the prior, too. */
function includePrior(box, prior) {
  if (!prior?.center) return box;
  const reach = PRIOR_RINGS_SD.at(-1);
  return box.map((range, k) => extent([...range, prior.center[k] - reach, prior.center[k] + reach]));
}

/** Sizes and conversions of a plane that shows a box of the latent space in an area. */
function planeFrame(area, { box, zoom }) {
  const [w, h] = [area.clientWidth, area.clientHeight];
  const [[x0, x1], [y0, y1]] = box;
  const inner = (size) => Math.max(size - 2 * PLANE_MARGIN_PX, 1);
  const { factor = 1, center = null } = zoom ?? {};
  const perPixel = (Math.max((x1 - x0) / inner(w), (y1 - y0) / inner(h)) || 1) / factor;
  const [cx, cy] = center ?? [(x0 + x1) / 2, (y0 + y1) / 2];
  const [low, high] = [cx - (w / 2) * perPixel, cy + (h / 2) * perPixel];
  return {
    w,
    h,
    perPixel,
    center: [cx, cy],
    x: [low, low + w * perPixel],
    y: [high - h * perPixel, high],
    toScreen: ([x, y]) => [(x - low) / perPixel, (high - y) / perPixel],
    toPlane: ([x, y]) => [low + x * perPixel, high - y * perPixel],
  };
}

/** Write the labels of ticks beside a plane. */
function labelTicks(left, below, f, horizontal, vertical) {
  const labels = ({ values, step }, side, [low, high]) => {
    const texts = formatTicks(values, step);
    const place = (v) => `${(100 * (v - low)) / (high - low)}%`;
    return values.map((v, i) => h("span", { style: { [side]: place(v) } }, texts[i]));
  };
  left.replaceChildren(...labels(vertical, "bottom", f.y));
  below.replaceChildren(...labels(horizontal, "left", f.x));
  const longest = Math.max(...formatTicks(vertical.values, vertical.step).map((text) => text.length));
  left.style.width = `${Math.max(2.4, 0.58 * longest + 1)}em`;
}

function drawGrid(pen, f, horizontal, vertical) {
  pen.strokeStyle = cssColor("grid");
  pen.lineWidth = 1;
  pen.beginPath();
  for (const v of vertical.values) line(pen, [0, f.toScreen([0, v])[1]], [f.w, f.toScreen([0, v])[1]]);
  for (const v of horizontal.values) line(pen, [f.toScreen([v, 0])[0], 0], [f.toScreen([v, 0])[0], f.h]);
  pen.stroke();
}

function line(pen, from, to) {
  pen.moveTo(...from);
  pen.lineTo(...to);
}

/** Draw crosses, as at draws from a learned prior. */
function drawCrosses(pen, positions) {
  Object.assign(pen, { strokeStyle: cssColor("quiet"), lineWidth: 1 });
  pen.beginPath();
  for (const [x, y] of positions) {
    line(pen, [x - CROSS_PX, y - CROSS_PX], [x + CROSS_PX, y + CROSS_PX]);
    line(pen, [x - CROSS_PX, y + CROSS_PX], [x + CROSS_PX, y - CROSS_PX]);
  }
  pen.stroke();
}

/** Draw the rings of a standard normal prior about a place, with their radii, in contrast to points and page. */
export function drawRings(pen, at, perPixel) {
  const [x, y] = at;
  const text = { font: FONT, textAlign: "left", textBaseline: "bottom", fillStyle: cssColor("ink") };
  for (const [width, color, dash] of [
    [3, "paper", []],
    [1.2, "ink", [5, 4]],
  ]) {
    Object.assign(pen, {
      lineWidth: width,
      strokeStyle: cssColor(color),
      globalAlpha: color === "ink" ? 1 : 0.6,
      ...text,
    });
    pen.setLineDash(dash);
    for (const radius of PRIOR_RINGS_SD) {
      const r = radius / perPixel;
      const label = [x + r * Math.SQRT1_2 + 3, y - r * Math.SQRT1_2 - 1];
      pen.beginPath();
      pen.arc(x, y, r, 0, 2 * Math.PI);
      pen.stroke();
      if (color === "paper") pen.strokeText(`${radius}σ`, ...label);
      else pen.fillText(`${radius}σ`, ...label);
    }
  }
  pen.setLineDash([]);
}

/** Draw points at their positions, the faint ones below. */
function drawPoints(pen, width, points, positions) {
  const { color, isFaint = (_) => false, isHidden = (_) => false } = points;
  const radius = pointRadius(positions.length, width);
  const shown = positions.map((_, i) => i).filter((i) => !isHidden(i));
  const styles = new Map();
  pen.lineWidth = 1;
  pen.globalAlpha = 0.4;
  drawDots(pen, positions, shown.filter(isFaint), radius * 0.7, () => "idle", styles);
  pen.globalAlpha = 1;
  const vivid = shown.filter((i) => !isFaint(i));
  for (let from = 0; from < vivid.length; from += POINTS_AT_ONCE)
    drawDots(pen, positions, vivid.slice(from, from + POINTS_AT_ONCE), radius, color, styles);
}

/**
 * Draw circles at the positions of some points, those of each color as one path, with an edge in contrast to the page;
 * `styles` keeps the colors that were looked up from one call to the next.
 */
export function drawDots(pen, positions, indices, radius, color, styles = new Map()) {
  const paths = new Map();
  for (const i of indices) {
    const name = color(i);
    if (!paths.has(name)) paths.set(name, new Path2D());
    const [x, y] = positions[i];
    paths.get(name).moveTo(x + radius, y);
    paths.get(name).arc(x, y, radius, 0, 2 * Math.PI);
  }
  for (const [name, path] of paths) {
    if (!styles.has(name)) styles.set(name, dotStyle(resolveColor(name)));
    Object.assign(pen, styles.get(name));
    pen.fill(path);
    pen.stroke(path);
  }
}

const dotStyle = (color) => ({ fillStyle: color, strokeStyle: edgeColor(color) });

function pointWithin(positions, { isFaint = (_) => false, isHidden = (_) => false }, [x, y], reach) {
  let [best, least] = [-1, reach * reach];
  positions.forEach(([a, b], i) => {
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < least && !isFaint(i) && !isHidden(i)) [best, least] = [i, distance];
  });
  return best;
}

function pointAhead(positions, { isFaint = (_) => false, isHidden = (_) => false }, [dx, dy], [x, y], from) {
  let [best, least] = [from, Infinity];
  positions.forEach(([a, b], i) => {
    const ahead = (a - x) * dx + (b - y) * dy;
    const cost = ahead + 3 * (Math.abs((a - x) * dy) + Math.abs((b - y) * dx));
    if (i !== from && !isFaint(i) && !isHidden(i) && ahead > 0.01 && cost < least) [best, least] = [i, cost];
  });
  return best;
}

/** Draw the ring around the place that is decoded. */
export function drawMarker(pen, at) {
  const [x, y] = at;
  for (const [width, color] of [
    [6, "paper"],
    [3, "ink"],
  ]) {
    Object.assign(pen, { lineWidth: width, strokeStyle: cssColor(color) });
    pen.beginPath();
    pen.arc(x, y, 13, 0, 2 * Math.PI);
    pen.stroke();
  }
}

/** Draw a place that is kept, with its name. */
export function drawPin(pen, at, name) {
  const [x, y] = at;
  Object.assign(pen, { lineWidth: 1.2, strokeStyle: cssColor("ink"), fillStyle: cssColor("paper") });
  pen.beginPath();
  pen.arc(x, y, 9, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  Object.assign(pen, { fillStyle: cssColor("ink"), font: `600 ${FONT}`, textAlign: "center", textBaseline: "middle" });
  pen.fillText(name, x, y + 0.5);
}

/** The radius of a point in pixels: the smaller, the more there are. */
const pointRadius = (n, width) => (n > 1000 ? 3 : n > 300 ? 3.8 : 4.6) * (width < 420 ? 0.8 : 1);
