// A canvas to draw a digit on, with the mouse or a finger: pens of three widths, undo and clear.

import { h } from "/static/kit.js";
import { choiceGroup, debounce, quietButton } from "./dom.js";

const SIDE_PX = 280;
const PEN_WIDTHS = [
  [12, "thin"],
  [22, "medium"],
  [34, "thick"],
];
const REST_MS = 350;

/**
 * A pad that calls onDraw with a data URL when the pen has rested, and onClear when nothing is left on it. White ink on
 * black, as in the data.
 *
 * @param {(png: string) => void} onDraw @param {() => void} onClear
 */
export function createDrawPad(onDraw, onClear) {
  const pad = new DrawPad(onDraw, onClear);
  return { element: pad.element, clear: () => pad.clear() };
}

class DrawPad {
  /** @type {{width: number, points: number[][]}[]} */
  #strokes = [];
  #penWidth = 22;
  #canvas = h("canvas.pad", { width: SIDE_PX, height: SIDE_PX, role: "img", "aria-label": "a sheet to draw on" });
  #hint = h("p.pad-hint", { "aria-hidden": "true" }, "Draw here");
  #undo = quietButton("Undo", () => this.#removeLast(), { disabled: true });

  constructor(onDraw, onClear) {
    this.onClear = onClear;
    this.report = debounce(() => {
      if (this.#strokes.length) onDraw(this.#canvas.toDataURL("image/png"));
    }, REST_MS);
    const widths = choiceGroup("pen width", PEN_WIDTHS, 22, (width) => (this.#penWidth = Number(width)));
    const clear = () => {
      this.clear();
      onClear();
    };
    this.element = h(
      "div.sheet-to-draw",
      {},
      h("div.pad-area", {}, this.#canvas, this.#hint),
      widths,
      h("div.row", {}, this.#undo, quietButton("Clear", clear)),
    );
    this.#listen();
    this.#draw();
  }

  /** Remove what was drawn. */
  clear() {
    this.#strokes = [];
    this.#draw();
  }

  #removeLast() {
    this.#strokes.pop();
    this.#draw();
    if (this.#strokes.length) this.report();
    else this.onClear();
  }

  #listen() {
    let isDown = false;
    this.#canvas.addEventListener("pointerdown", (event) => {
      this.#canvas.setPointerCapture(event.pointerId);
      isDown = true;
      this.#strokes.push({ width: this.#penWidth, points: [this.#position(event)] });
      this.#draw();
    });
    this.#canvas.addEventListener("pointermove", (event) => {
      if (!isDown) return;
      this.#strokes.at(-1).points.push(this.#position(event));
      this.#draw();
    });
    const lift = () => {
      isDown = false;
      this.report();
    };
    this.#canvas.addEventListener("pointerup", lift);
    this.#canvas.addEventListener("pointercancel", lift);
  }

  #position(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE_PX) / box.width, ((event.clientY - box.top) * SIDE_PX) / box.height];
  }

  #draw() {
    const pen = this.#canvas.getContext("2d");
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, SIDE_PX, SIDE_PX);
    Object.assign(pen, { strokeStyle: "#fff", lineCap: "round", lineJoin: "round" });
    for (const { width, points } of this.#strokes) {
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(...points[0]);
      // A press without a move is a dot.
      for (const point of points.length > 1 ? points : [[points[0][0], points[0][1] + 0.1]]) pen.lineTo(...point);
      pen.stroke();
    }
    this.#hint.hidden = this.#strokes.length > 0;
    this.#undo.disabled = !this.#strokes.length;
  }
}
