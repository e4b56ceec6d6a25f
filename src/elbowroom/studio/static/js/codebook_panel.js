// The codebook of a quantized model: which entry stands at each position, how examples use the entries, and another
// entry in its place.

import { clamp, cssColor, formatNumber, h, help, onColorChange } from "/static/kit.js";
import { button, oncePerFrame } from "./dom.js";

const BAR_HEIGHT_PX = 56;
const MIN_CELL_PX = 3;
const MAX_CELL_PX = 26;
const MAX_ROW_PX = 22;
const MIN_ROW_PX = 6;
/** Steps of the arrow keys: over positions and over entries. */
const KEYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class CodebookPanel {
  #canvas = h("canvas.codebook", { tabIndex: 0, role: "application", "aria-label": "codebook: positions by entries" });
  #words = h("p.quiet.entry", { "aria-live": "polite" });
  #position = 0;
  #showsUnused = false;

  /** @param {import("./latent_state.js").LatentState} latent with a codebook */
  constructor(latent) {
    const { codes, counts, positions } = latent.codebook;
    this.latent = latent;
    this.positions = positions;
    this.totals = codes.map((_, entry) => (counts ?? []).reduce((total, row) => total + row[entry], 0));
    /** The entries, the most used first. */
    this.allEntries = codes.map((_, entry) => entry).sort((a, b) => this.totals[b] - this.totals[a] || a - b);
    this.used = this.allEntries.filter((entry) => this.totals[entry] > 0);
    const toggle = button("Show unused entries", () => this.#toggleUnused(toggle), { "aria-pressed": "false" });
    toggle.hidden = !this.used.length || this.used.length === codes.length;
    this.element = h(
      "div.codebook-panel",
      {},
      h("h3", {}, "Codebook"),
      h("p.fine", {}, `${this.#describeUsage()} `, help("codebook")),
      h("div.wide", {}, this.#canvas),
      this.#words,
      h(
        "div.row",
        {},
        button("Most used entries", () => this.#useMostFrequent()),
        toggle,
      ),
    );
    this.#canvas.addEventListener("pointerdown", (event) => this.#press(event));
    this.#canvas.addEventListener("keydown", (event) => this.#moveByKey(event));
    latent.subscribe(() => this.#draw());
    this.stop = onColorChange(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** The entries that most examples have at each position. */
  mostFrequent() {
    const { counts, codes } = this.latent.codebook;
    const rows = counts ?? Array.from({ length: this.positions }, () => codes.map((_, entry) => -entry));
    return rows.map((row) => row.indexOf(Math.max(...row)));
  }

  #describeUsage() {
    const { codes, counts, examples, split } = this.latent.codebook;
    const axes = `Rows: ${this.positions} positions. Columns: entries, the most used first.`;
    if (!counts) return axes;
    const unused = codes.length - this.used.length;
    const others = unused ? `; ${formatNumber(unused)} by none` : "";
    const used = `${formatNumber(this.used.length)} of ${formatNumber(codes.length)} entries`;
    return `${axes} ${used} are used by ${formatNumber(examples)} ${split} examples${others}.`;
  }

  /** The entries of the columns: those in use and those chosen now, unless all are asked for. */
  get order() {
    if (this.#showsUnused || !this.used.length) return this.allEntries;
    const chosen = new Set(this.latent.z.length ? this.latent.entriesOf() : []);
    return this.allEntries.filter((entry) => this.totals[entry] > 0 || chosen.has(entry));
  }

  #toggleUnused(toggle) {
    this.#showsUnused = !this.#showsUnused;
    toggle.setAttribute("aria-pressed", String(this.#showsUnused));
    this.#draw();
  }

  #useMostFrequent() {
    this.latent.set(this.latent.latentOfEntries(this.mostFrequent()));
  }

  /** Put an entry at a position, and leave the others as they are. */
  #swap(position, entry) {
    const entries = this.latent.entriesOf();
    entries[position] = entry;
    this.#position = position;
    this.latent.set(this.latent.latentOfEntries(entries));
  }

  #press(event) {
    const { order, cell, row } = this.#layout();
    const column = Math.floor(event.offsetX / cell);
    const position = Math.floor((event.offsetY - BAR_HEIGHT_PX) / row);
    if (column < 0 || column >= order.length) return;
    this.#swap(position < 0 ? this.#position : clamp(position, 0, this.positions - 1), order[column]);
  }

  #moveByKey(event) {
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    const position = clamp(this.#position + step[0], 0, this.positions - 1);
    const entry = this.latent.entriesOf()[position];
    if (step[0]) {
      this.#position = position;
      this.#draw();
      return;
    }
    const { order } = this;
    this.#swap(position, order[clamp(order.indexOf(entry) + step[1], 0, order.length - 1)]);
  }

  /** The entries of the columns; sizes in pixels: of a column, of a row, and of the canvas. */
  #layout() {
    const { order } = this;
    const room = Math.max(this.element.clientWidth, 200);
    const cell = clamp(room / order.length, MIN_CELL_PX, MAX_CELL_PX);
    const row = clamp(220 / this.positions, MIN_ROW_PX, MAX_ROW_PX);
    return { order, cell, row, width: cell * order.length, height: BAR_HEIGHT_PX + row * this.positions };
  }

  #draw = oncePerFrame(() => {
    if (!this.latent.z.length) return;
    const { order, cell, row, width, height } = this.#layout();
    const scale = devicePixelRatio;
    Object.assign(this.#canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    Object.assign(this.#canvas.style, { width: `${width}px`, height: `${height}px` });
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    this.#drawUsage(pen, order, cell);
    this.#drawCounts(pen, order, cell, row);
    const entries = this.latent.entriesOf();
    this.#drawChosen(pen, order, cell, row, entries);
    this.#describe(entries);
  });

  #drawUsage(pen, order, cell) {
    const most = Math.max(1, ...this.totals);
    pen.fillStyle = cssColor("data");
    order.forEach((entry, column) => {
      const height = ((BAR_HEIGHT_PX - 6) * this.totals[entry]) / most;
      pen.fillRect(column * cell, BAR_HEIGHT_PX - 2 - height, Math.max(cell - 1, 1), height);
    });
  }

  /** Darker where more examples have the entry at the position, by the square root of their share. */
  #drawCounts(pen, order, cell, row) {
    const { counts, examples } = this.latent.codebook;
    pen.fillStyle = cssColor("wash");
    pen.fillRect(0, BAR_HEIGHT_PX, cell * order.length, row * this.positions);
    pen.fillStyle = cssColor("accent");
    (counts ?? []).forEach((ofEntries, position) =>
      order.forEach((entry, column) => {
        if (!ofEntries[entry]) return;
        pen.globalAlpha = Math.sqrt(ofEntries[entry] / examples);
        pen.fillRect(column * cell, BAR_HEIGHT_PX + position * row, cell, row - 1);
      }),
    );
    pen.globalAlpha = 1;
  }

  #drawChosen(pen, order, cell, row, entries) {
    entries.forEach((entry, position) => {
      const [x, y] = [order.indexOf(entry) * cell, BAR_HEIGHT_PX + position * row];
      const isCurrent = position === this.#position;
      pen.strokeStyle = cssColor("ink");
      pen.lineWidth = isCurrent ? 2.5 : 1.2;
      pen.strokeRect(x + 0.5, y + 0.5, Math.max(cell - 1, 2), row - 2);
    });
  }

  #describe(entries) {
    const entry = entries[this.#position];
    const { counts, examples, split } = this.latent.codebook;
    const n = counts?.[this.#position][entry];
    const share = counts
      ? `: of ${formatNumber(examples)} ${split} examples ${n || "none"} ${n === 1 ? "has" : "have"} it there`
      : "";
    this.#words.textContent = `Position ${this.#position + 1}, entry ${entry + 1}${share}.`;
    this.#canvas.setAttribute("aria-valuetext", this.#words.textContent);
  }
}
