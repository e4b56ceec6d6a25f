// Latent map: a canvas of points with a marker to drag, pan, zoom and lasso.

import { cssColor, h, oncePerFrame } from "./dom.js";

/** Ten colors that the color-blind can tell apart, as in all figures of a run. */
export const CLASS_COLORS = [
  "#1491ad",
  "#f4c914",
  "#972207",
  "#8dd5fe",
  "#f48113",
  "#a56c5b",
  "#a495ff",
  "#7a2a86",
  "#04c493",
  "#6b5fd4",
];
const HIT_RADIUS_PX = 9;

/**
 * A canvas of points. Tools: "move" drags the marker, "pan" the map, "lasso" selects points.
 * Handlers: onMove(x, y), onPick(i), onLasso([i…]), onHover(i or null, position), onViewChange().
 */
export class LatentMap {
  points = [];
  labels = null;
  hidden = new Set();
  selected = new Set();
  marker = null;
  pins = {};
  /** An image under the points, and the range of the map that it covers: {image, left, right, low, high}. */
  backdrop = null;
  tool = "move";
  #fittedView = { scale: 1, x: 0, y: 0 };
  #view = null;
  #loop = [];
  #touches = new Map();
  #gesture = null;

  constructor(handlers) {
    this.handlers = handlers;
    this.canvas = h("canvas.plane", {
      tabIndex: 0,
      role: "application",
      "aria-label": "latent map: arrow keys move the decoded point, plus and minus zoom",
    });
    this.draw = oncePerFrame(() => this.#draw());
    this.resizeObserver = new ResizeObserver(() => {
      this.#fitToPoints();
      this.draw();
    });
    this.resizeObserver.observe(this.canvas);
    this.darkScheme = matchMedia("(prefers-color-scheme: dark)");
    this.darkScheme.addEventListener("change", this.draw);
    const listen = (name, act, options) => this.canvas.addEventListener(name, act, options);
    listen("pointerdown", (event) => this.#onPointerDown(event));
    listen("pointermove", (event) => this.#onPointerMove(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, (event) => this.#onPointerUp(event));
    listen("pointerleave", () => this.handlers.onHover?.(null));
    listen(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * 0.0016), ...this.#canvasPosition(event));
      },
      { passive: false },
    );
    listen("keydown", (event) => this.#onKeyDown(event));
  }

  destroy() {
    this.resizeObserver.disconnect();
    this.darkScheme.removeEventListener("change", this.draw);
  }

  /** Show new points, and fit the view to them. */
  setPoints(points, labels) {
    Object.assign(this, { points, labels, chosen: new Set(), pins: {}, backdrop: null });
    this.#view = null;
    this.#fitToPoints();
    this.draw();
  }

  /** Fit the view to all points. */
  fitView() {
    this.#view = { ...this.#fittedView };
    this.handlers.onViewChange?.();
    this.draw();
  }

  /** Zoom about a position on the canvas, by default its middle. */
  zoom(by, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const view = this.#view;
    const scale = Math.min(Math.max(view.scale * by, this.#fittedView.scale * 0.3), this.#fittedView.scale * 200);
    const share = scale / view.scale;
    this.#view = { scale, x: x - (x - view.x) * share, y: y - (y - view.y) * share };
    this.handlers.onViewChange?.();
    this.draw();
  }

  /** The range of the map that is visible. */
  get visibleRange() {
    const [[left, high], [right, low]] = [
      this.#toPlane([0, 0]),
      this.#toPlane([this.canvas.clientWidth, this.canvas.clientHeight]),
    ];
    return { left, right, low, high };
  }

  /** The width of the visible range. */
  get visibleWidth() {
    return this.canvas.clientWidth / this.#view.scale;
  }

  #fitToPoints() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    const cut = (values) => {
      const all = values.sort((a, b) => a - b);
      return [all[Math.floor(all.length * 0.002)] ?? -3, all[Math.ceil(all.length * 0.998) - 1] ?? 3];
    };
    const [left, right] = cut(this.points.map((p) => p[0]));
    const [low, high] = cut(this.points.map((p) => p[1]));
    const scale = 0.9 * Math.min(width / (right - left || 1), height / (high - low || 1));
    this.#fittedView = {
      scale,
      x: width / 2 - (scale * (left + right)) / 2,
      y: height / 2 + (scale * (low + high)) / 2,
    };
    this.#view ??= { ...this.#fittedView };
  }

  #canvasPosition(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  #toPlane([x, y]) {
    return [(x - this.#view.x) / this.#view.scale, (this.#view.y - y) / this.#view.scale];
  }
  #toCanvas([x, y]) {
    return [this.#view.x + x * this.#view.scale, this.#view.y - y * this.#view.scale];
  }

  #nearestPoint(at, within = HIT_RADIUS_PX) {
    let best = null,
      least = within * within;
    this.points.forEach((point, i) => {
      if (this.hidden.has(this.labels?.[i])) return;
      const [x, y] = this.#toCanvas(point);
      const distance = (x - at[0]) ** 2 + (y - at[1]) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  #onPointerDown(event) {
    if (event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#touches.set(event.pointerId, this.#canvasPosition(event));
    const at = this.#canvasPosition(event);
    this.#gesture = {
      at,
      view: { ...this.#view },
      moved: false,
      tool: event.button === 1 || event.shiftKey ? "pan" : this.tool,
    };
    if (this.#gesture.tool === "lasso") this.#loop = [at];
  }

  #onPointerMove(event) {
    const at = this.#canvasPosition(event);
    if (!this.#touches.has(event.pointerId)) {
      if (event.pointerType === "mouse") {
        const i = this.#nearestPoint(at);
        this.handlers.onHover?.(i, at);
      }
      return;
    }
    const before = this.#touches.get(event.pointerId);
    if (this.#touches.size === 2) {
      const other = [...this.#touches].find(([id]) => id !== event.pointerId)[1];
      const [now, then] = [at, before].map((p) => Math.hypot(p[0] - other[0], p[1] - other[1]));
      this.zoom(now / then, (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
      this.#gesture.moved = true;
    } else if (this.#gesture) this.#drag(at);
    this.#touches.set(event.pointerId, at);
  }

  #drag(at) {
    const start = this.#gesture;
    if (!start.moved && Math.hypot(at[0] - start.at[0], at[1] - start.at[1]) < 4) return;
    start.moved = true;
    this.handlers.onHover?.(null);
    if (start.tool === "move") this.handlers.onMove(...this.#toPlane(at));
    if (start.tool === "pan")
      this.#view = {
        scale: this.#view.scale,
        x: start.view.x + at[0] - start.at[0],
        y: start.view.y + at[1] - start.at[1],
      };
    if (start.tool === "lasso") this.#loop.push(at);
    this.draw();
  }

  #onPointerUp(event) {
    this.#touches.delete(event.pointerId);
    const start = this.#gesture;
    if (this.#touches.size || !start) return;
    this.#gesture = null;
    if (!start.moved) {
      const i = this.#nearestPoint(start.at, 14);
      if (i !== null) this.handlers.onPick(i);
      else if (start.tool === "move") this.handlers.onMove(...this.#toPlane(start.at));
    } else if (start.tool === "lasso" && event.type === "pointerup") {
      const within = this.points.flatMap((point, i) =>
        !this.hidden.has(this.labels?.[i]) && isInsideLoop(this.#toCanvas(point), this.#loop) ? [i] : [],
      );
      this.selected = new Set(within);
      this.handlers.onLasso(within);
    }
    this.#loop = [];
    if (start.tool === "pan" && start.moved) this.handlers.onViewChange?.();
    this.draw();
  }

  #onKeyDown(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in steps && this.marker) {
      const by = (this.visibleWidth / 60) * (event.shiftKey ? 5 : 1);
      this.handlers.onMove(this.marker[0] + by * steps[event.key][0], this.marker[1] + by * steps[event.key][1]);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fitView();
    else return;
    event.preventDefault();
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    context.clearRect(0, 0, width, height);
    if (!this.#view) return;
    if (this.backdrop) {
      const { image, left, right, low, high } = this.backdrop;
      const [[x, y], [far, below]] = [this.#toCanvas([left, high]), this.#toCanvas([right, low])];
      context.globalAlpha = 0.75;
      context.drawImage(image, x, y, far - x, below - y);
      context.globalAlpha = 1;
    }
    const [ox, oy] = this.#toCanvas([0, 0]);
    context.strokeStyle = cssColor("rule");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(ox, 0);
    context.lineTo(ox, height);
    context.moveTo(0, oy);
    context.lineTo(width, oy);
    if (!this.backdrop) context.stroke();
    context.strokeStyle = "rgb(0 0 0 / 0.55)";
    const size =
      (this.backdrop ? 1.25 : 1) * Math.min(5, 2.3 * Math.sqrt(Math.max(1, this.#view.scale / this.#fittedView.scale)));
    const plain = cssColor("model");
    const some = this.selected.size > 0;
    this.points.forEach((point, i) => {
      const label = this.labels?.[i];
      if (this.hidden.has(label)) return;
      const [x, y] = this.#toCanvas(point);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) return;
      context.globalAlpha = some ? (this.selected.has(i) ? 1 : 0.16) : 0.82;
      context.fillStyle =
        label === undefined || label === null || label < 0 ? plain : CLASS_COLORS[label % CLASS_COLORS.length];
      context.beginPath();
      context.arc(x, y, size, 0, 7);
      context.fill();
      if (this.backdrop) context.stroke();
    });
    context.globalAlpha = 1;
    for (const [name, point] of Object.entries(this.pins)) this.#drawPin(context, this.#toCanvas(point), name);
    if (this.marker) this.#drawMarker(context, this.#toCanvas(this.marker));
    if (this.#loop.length > 1) {
      context.beginPath();
      this.#loop.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.fillStyle = cssColor("accent");
      context.globalAlpha = 0.12;
      context.fill();
      context.globalAlpha = 1;
      context.strokeStyle = cssColor("accent");
      context.lineWidth = 1.5;
      context.stroke();
    }
  }

  #drawMarker(context, [x, y]) {
    context.lineWidth = 5;
    context.strokeStyle = cssColor("paper");
    context.beginPath();
    context.arc(x, y, 10, 0, 7);
    context.stroke();
    context.lineWidth = 2.5;
    context.strokeStyle = cssColor("ink");
    context.beginPath();
    context.arc(x, y, 10, 0, 7);
    context.stroke();
    context.fillStyle = cssColor("ink");
    context.beginPath();
    context.arc(x, y, 2, 0, 7);
    context.fill();
  }

  #drawPin(context, [x, y], name) {
    context.fillStyle = cssColor("ink");
    context.strokeStyle = cssColor("paper");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 9, 0, 7);
    context.fill();
    context.stroke();
    context.fillStyle = cssColor("paper");
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(name, x, y + 0.5);
  }
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
