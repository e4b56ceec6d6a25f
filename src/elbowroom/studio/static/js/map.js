// The plane of codes: points to look at, a hand to drag, a lasso.

import { colour, h, perFrame } from "./dom.js";

/** Ten colours that stay apart also for the colour-blind, as in every figure of a run. */
export const CLASSES = ["#1491ad", "#f4c914", "#972207", "#8dd5fe", "#f48113", "#a56c5b", "#a495ff", "#7a2a86", "#04c493", "#6b5fd4"];
const NEAR = 9;

/**
 * A canvas of points. Tools: "move" drags the hand, "pan" the plane, "lasso" draws around points.
 * Calls onmove(x, y), onpick(i), onlasso([i…]), onhover(i or null, at).
 */
export class Plane {
  points = [];
  labels = null;
  hidden = new Set();
  chosen = new Set();
  hand = null;
  pins = {};
  /** A picture under the points, and the corner of the plane that it covers: {image, left, right, low, high}. */
  backdrop = null;
  tool = "move";
  #fit = { scale: 1, x: 0, y: 0 };
  #view = null;
  #loop = [];
  #touches = new Map();
  #start = null;

  constructor(on) {
    this.on = on;
    this.canvas = h("canvas.plane", { tabIndex: 0, role: "application", "aria-label": "plane of codes: arrow keys move the point that is decoded, plus and minus zoom" });
    this.draw = perFrame(() => this.#draw());
    this.size = new ResizeObserver(() => { this.#measure(); this.draw(); });
    this.size.observe(this.canvas);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", this.draw);
    const listen = (name, act, options) => this.canvas.addEventListener(name, act, options);
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, (event) => this.#up(event));
    listen("pointerleave", () => this.on.hover?.(null));
    listen("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY * 0.0016), ...this.#at(event)); }, { passive: false });
    listen("keydown", (event) => this.#key(event));
  }

  leave() {
    this.size.disconnect();
    this.scheme.removeEventListener("change", this.draw);
  }

  /** New points; the view is fitted to them. */
  show(points, labels) {
    Object.assign(this, { points, labels, chosen: new Set(), pins: {}, backdrop: null });
    this.#view = null;
    this.#measure();
    this.draw();
  }

  /** The whole plane again. */
  fit() { this.#view = { ...this.#fit }; this.on.view?.(); this.draw(); }

  /** Larger or smaller about a place on the canvas, its middle if none is given. */
  zoom(by, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const view = this.#view;
    const scale = Math.min(Math.max(view.scale * by, this.#fit.scale * 0.3), this.#fit.scale * 200);
    const share = scale / view.scale;
    this.#view = { scale, x: x - (x - view.x) * share, y: y - (y - view.y) * share };
    this.on.view?.();
    this.draw();
  }

  /** The part of the plane that is seen. */
  get seen() {
    const [[left, high], [right, low]] = [this.#there([0, 0]), this.#there([this.canvas.clientWidth, this.canvas.clientHeight])];
    return { left, right, low, high };
  }

  /** How wide the plane is that one sees. */
  get reach() { return this.canvas.clientWidth / this.#view.scale; }

  #measure() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    const cut = (values) => { const all = values.sort((a, b) => a - b); return [all[Math.floor(all.length * 0.002)] ?? -3, all[Math.ceil(all.length * 0.998) - 1] ?? 3]; };
    const [left, right] = cut(this.points.map((p) => p[0]));
    const [low, high] = cut(this.points.map((p) => p[1]));
    const scale = 0.9 * Math.min(width / (right - left || 1), height / (high - low || 1));
    this.#fit = { scale, x: width / 2 - (scale * (left + right)) / 2, y: height / 2 + (scale * (low + high)) / 2 };
    this.#view ??= { ...this.#fit };
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  #there([x, y]) { return [(x - this.#view.x) / this.#view.scale, (this.#view.y - y) / this.#view.scale]; }
  #here([x, y]) { return [this.#view.x + x * this.#view.scale, this.#view.y - y * this.#view.scale]; }

  #nearest(at, within = NEAR) {
    let best = null, least = within * within;
    this.points.forEach((point, i) => {
      if (this.hidden.has(this.labels?.[i])) return;
      const [x, y] = this.#here(point);
      const distance = (x - at[0]) ** 2 + (y - at[1]) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  #down(event) {
    if (event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#touches.set(event.pointerId, this.#at(event));
    const at = this.#at(event);
    this.#start = { at, view: { ...this.#view }, moved: false, tool: event.button === 1 || event.shiftKey ? "pan" : this.tool };
    if (this.#start.tool === "lasso") this.#loop = [at];
  }

  #move(event) {
    const at = this.#at(event);
    if (!this.#touches.has(event.pointerId)) {
      if (event.pointerType === "mouse") { const i = this.#nearest(at); this.on.hover?.(i, at); }
      return;
    }
    const before = this.#touches.get(event.pointerId);
    if (this.#touches.size === 2) {
      const other = [...this.#touches].find(([id]) => id !== event.pointerId)[1];
      const [now, then] = [at, before].map((p) => Math.hypot(p[0] - other[0], p[1] - other[1]));
      this.zoom(now / then, (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
      this.#start.moved = true;
    } else if (this.#start) this.#drag(at);
    this.#touches.set(event.pointerId, at);
  }

  #drag(at) {
    const start = this.#start;
    if (!start.moved && Math.hypot(at[0] - start.at[0], at[1] - start.at[1]) < 4) return;
    start.moved = true;
    this.on.hover?.(null);
    if (start.tool === "move") this.on.move(...this.#there(at));
    if (start.tool === "pan") this.#view = { scale: this.#view.scale, x: start.view.x + at[0] - start.at[0], y: start.view.y + at[1] - start.at[1] };
    if (start.tool === "lasso") this.#loop.push(at);
    this.draw();
  }

  #up(event) {
    this.#touches.delete(event.pointerId);
    const start = this.#start;
    if (this.#touches.size || !start) return;
    this.#start = null;
    if (!start.moved) {
      const i = this.#nearest(start.at, 14);
      if (i !== null) this.on.pick(i);
      else if (start.tool === "move") this.on.move(...this.#there(start.at));
    } else if (start.tool === "lasso" && event.type === "pointerup") {
      const within = this.points.flatMap((point, i) => (!this.hidden.has(this.labels?.[i]) && inside(this.#here(point), this.#loop) ? [i] : []));
      this.chosen = new Set(within);
      this.on.lasso(within);
    }
    this.#loop = [];
    if (start.tool === "pan" && start.moved) this.on.view?.();
    this.draw();
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in steps && this.hand) {
      const by = (this.reach / 60) * (event.shiftKey ? 5 : 1);
      this.on.move(this.hand[0] + by * steps[event.key][0], this.hand[1] + by * steps[event.key][1]);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
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
      const [[x, y], [far, below]] = [this.#here([left, high]), this.#here([right, low])];
      context.globalAlpha = 0.75;
      context.drawImage(image, x, y, far - x, below - y);
      context.globalAlpha = 1;
    }
    const [ox, oy] = this.#here([0, 0]);
    context.strokeStyle = colour("rule");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(ox, 0); context.lineTo(ox, height);
    context.moveTo(0, oy); context.lineTo(width, oy);
    if (!this.backdrop) context.stroke();
    context.strokeStyle = "rgb(0 0 0 / 0.55)";
    const size = (this.backdrop ? 1.25 : 1) * Math.min(5, 2.3 * Math.sqrt(Math.max(1, this.#view.scale / this.#fit.scale)));
    const plain = colour("model");
    const some = this.chosen.size > 0;
    this.points.forEach((point, i) => {
      const label = this.labels?.[i];
      if (this.hidden.has(label)) return;
      const [x, y] = this.#here(point);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) return;
      context.globalAlpha = some ? (this.chosen.has(i) ? 1 : 0.16) : 0.82;
      context.fillStyle = label === undefined || label === null || label < 0 ? plain : CLASSES[label % CLASSES.length];
      context.beginPath();
      context.arc(x, y, size, 0, 7);
      context.fill();
      if (this.backdrop) context.stroke();
    });
    context.globalAlpha = 1;
    for (const [name, point] of Object.entries(this.pins)) this.#flag(context, this.#here(point), name);
    if (this.hand) this.#ring(context, this.#here(this.hand));
    if (this.#loop.length > 1) {
      context.beginPath();
      this.#loop.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.fillStyle = colour("accent"); context.globalAlpha = 0.12; context.fill();
      context.globalAlpha = 1; context.strokeStyle = colour("accent"); context.lineWidth = 1.5; context.stroke();
    }
  }

  #ring(context, [x, y]) {
    context.lineWidth = 5; context.strokeStyle = colour("paper");
    context.beginPath(); context.arc(x, y, 10, 0, 7); context.stroke();
    context.lineWidth = 2.5; context.strokeStyle = colour("ink");
    context.beginPath(); context.arc(x, y, 10, 0, 7); context.stroke();
    context.fillStyle = colour("ink"); context.beginPath(); context.arc(x, y, 2, 0, 7); context.fill();
  }

  #flag(context, [x, y], name) {
    context.fillStyle = colour("ink"); context.strokeStyle = colour("paper"); context.lineWidth = 2;
    context.beginPath(); context.arc(x, y, 9, 0, 7); context.fill(); context.stroke();
    context.fillStyle = colour("paper"); context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "center"; context.textBaseline = "middle";
    context.fillText(name, x, y + 0.5);
  }
}

/** Whether a point lies within a closed line: it is crossed an odd number of times on the way out. */
export function inside([x, y], loop) {
  let within = false;
  for (let i = 0, j = loop.length - 1; i < loop.length; j = i++) {
    const [[ax, ay], [bx, by]] = [loop[i], loop[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}
