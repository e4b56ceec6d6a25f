// What is read from a chart, by pointer and keys.

import { lineKey } from "./chart_settings.js";
import { h, placeBox } from "./elements.js";
import { clamp, extent, formatDuration, formatMetric, formatNumber, nearestIndex } from "./numbers.js";
import { legendKey, resolveColor } from "./theme.js";

/** How far the keys + and − zoom, at each press. */
const KEY_ZOOM = 1.5;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const ENDS = { Home: 0, End: Infinity };

/** What is read from a chart under the pointer, or at the place that the arrow keys move, and where it is shown. */
export class ChartReading {
  // Where it is: an index into all steps or, of a reading of the nearest line, into the steps of that line.
  #index = null;
  #lineIndex = 0;
  #spots = [];
  /** @type {?{readings: object[], x: number}} */
  #shown = null;
  #listeners = new AbortController();

  /**
   * @param {HTMLElement} area
   * @param {any} plot  of uPlot
   * @param {import("./charts.js").ChartData} chart
   * @param {import("./charts.js").ChartOptions} options
   */
  constructor(area, plot, chart, options) {
    this.area = area;
    this.plot = plot;
    this.chart = chart;
    this.options = options;
    this.rule = plot.over.appendChild(h("span.rule", { hidden: true }));
    this.box = plot.over.appendChild(h("div.reading", { hidden: true }));
    for (const name of ["pointermove", "pointerdown"])
      this.#listen(plot.over, name, (event) => event.isPrimary && this.#followPointer(event));
    for (const name of ["pointerleave", "pointercancel"]) this.#listen(plot.over, name, () => this.#leave());
    this.#listen(area, "blur", () => this.#leave());
    this.#listen(area, "keydown", (event) => this.#onKey(event));
  }

  #listen(element, name, listener) {
    element.addEventListener(name, listener, { signal: this.#listeners.signal });
  }

  /** Let two fingers and the keys +, − and 0 zoom the horizontal axis. */
  zoomWith(zoom) {
    const { plot } = this;
    /** @returns {[number, number]} */
    const range = () => [plot.scales.x.min, plot.scales.x.max];
    this.#listen(this.area, "keydown", (event) => {
      const factor = { "+": 1 / KEY_ZOOM, "=": 1 / KEY_ZOOM, "-": KEY_ZOOM }[event.key];
      if (event.key === "0") zoom(null);
      if (factor) zoom(zoomedRange(range(), this.#x ?? (range()[0] + range()[1]) / 2, factor, extent(plot.data[0])));
    });
    followPinch(plot.over, this.#listeners.signal, () => {
      const start = range();
      this.#leave();
      return (fraction, factor) => zoom(zoomedRange(start, mix(start, fraction), factor, extent(plot.data[0])));
    });
  }

  destroy() {
    this.#listeners.abort();
  }

  get #lines() {
    return this.chart.lines.filter((line) => !line.silent && line.x.length);
  }

  /** Where it is on the horizontal axis. */
  get #x() {
    if (this.#index === null) return null;
    return this.#steps[Math.min(this.#index, this.#steps.length - 1)];
  }

  get #steps() {
    const lines = this.#lines;
    if (this.options.nearest) return lines[Math.min(this.#lineIndex, lines.length - 1)].x;
    return this.plot.data[0];
  }

  #followPointer(event) {
    if (!this.#lines.length) return;
    const bounds = this.plot.over.getBoundingClientRect();
    const [left, top] = [event.clientX - bounds.left, event.clientY - bounds.top];
    if (this.options.nearest) this.#showPoint(...this.#nearestPoint(left, top));
    else this.#showStep(nearestIndex(this.plot.data[0], this.plot.posToVal(left, "x")));
    this.#announcePlace();
  }

  #onKey(event) {
    const move = MOVES[event.key];
    if (event.key === "Escape") this.#leave();
    if (!(move || event.key in ENDS) || !this.#lines.length) return;
    event.preventDefault();
    const isStart = this.#index === null;
    const moved = isStart ? Infinity : this.#index + (move?.[1] ?? 0);
    const index = clamp(move ? moved : ENDS[event.key], ...this.#shownIndices());
    if (this.options.nearest) this.#showPoint(this.#lineIndex + (isStart ? 0 : (move?.[0] ?? 0)), index);
    else this.#showStep(index);
    this.#announcePlace();
  }

  /** The first and the last index in the part of the horizontal axis that is shown. @returns {[number, number]} */
  #shownIndices() {
    const { min, max } = this.plot.scales.x;
    const shown = this.#steps.map((x, i) => (x >= min && x <= max ? i : -1)).filter((i) => i >= 0);
    return shown.length ? [shown[0], shown.at(-1)] : [0, this.#steps.length - 1];
  }

  /** Tell where the user reads; a screen reader says what this chart reads, not what those do that follow it. */
  #announcePlace() {
    this.box.setAttribute("role", "status");
    this.options.onPlace?.({ x: this.#x, line: this.options.nearest ? this.#lines[this.#lineIndex] : null });
  }

  #leave() {
    this.#hide();
    this.options.onPlace?.(null);
  }

  /** Read the chart at a place of another: its step, and with `nearest` its line. */
  readAt(place) {
    this.box.removeAttribute("role");
    const lines = this.#lines;
    const lineIndex = place?.line ? lines.findIndex((line) => lineKey(line) === lineKey(place.line)) : 0;
    if (!place || !lines.length || lineIndex < 0) return this.#hide();
    if (this.options.nearest) this.#showPoint(lineIndex, nearestIndex(lines[lineIndex].x, place.x));
    else this.#showStep(nearestIndex(this.plot.data[0], place.x));
  }

  /** Read each line at its own step that is nearest to one of all steps. */
  #showStep(index) {
    const steps = this.plot.data[0];
    this.#index = clamp(index, 0, steps.length - 1);
    const x = steps[this.#index];
    const readings = this.#lines.map((line) => readingAt(line, nearestIndex(line.x, x)));
    this.#show(readings, x);
  }

  /** Read one line at one of its steps. */
  #showPoint(lineIndex, index) {
    this.#lineIndex = clamp(lineIndex, 0, this.#lines.length - 1);
    const line = this.#lines[this.#lineIndex];
    this.#index = clamp(index, 0, line.x.length - 1);
    this.#show([readingAt(line, this.#index)], line.x[this.#index]);
  }

  #nearestPoint(left, top) {
    const { plot, options } = this;
    let [least, best] = [Infinity, [0, 0]];
    this.#lines.forEach((line, n) => {
      if (options.isReadable && !options.isReadable(line)) return;
      line.x.forEach((x, i) => {
        if (line.y[i] === null) return;
        const distance = (plot.valToPos(x, "x") - left) ** 2 + (plot.valToPos(line.y[i], "y") - top) ** 2;
        if (distance < least) [least, best] = [distance, [n, i]];
      });
    });
    return best;
  }

  #show(readings, x) {
    const { chart, options, rule, box } = this;
    this.#shown = { readings, x };
    rule.hidden = Boolean(options.nearest || chart.labels);
    box.replaceChildren(...readingRows(chart, readings, x, options.nearest));
    box.hidden = options.box === false;
    this.place();
    options.onRead?.(readings, x);
  }

  /** Place what is read where it stands on the axes now. */
  place() {
    if (!this.#shown) return;
    const { readings, x } = this.#shown;
    const left = this.plot.valToPos(x, "x");
    const { min, max } = this.plot.scales.x;
    if (x < min || x > max) return this.#hide();
    this.rule.style.left = `${left}px`;
    this.#placeSpots(readings);
    const [first] = /** @type {{value: ?number}[]} */ (readings);
    placeBox(this.box, this.plot.over, left, this.options.nearest ? this.#spotTop(first) : null);
  }

  #placeSpots(readings) {
    const { plot } = this;
    while (this.#spots.length < readings.length) this.#spots.push(plot.over.appendChild(h("span.spot")));
    this.#spots.forEach((spot, i) => {
      const read = readings[i];
      const { min, max } = plot.scales.x;
      const isOutside = !read || read.x < min || read.x > max;
      spot.hidden = isOutside || read.value === null || Boolean(read.line.bars);
      if (spot.hidden) return;
      const place = { left: `${plot.valToPos(read.x, "x")}px`, top: `${this.#spotTop(read)}px` };
      Object.assign(spot.style, place, { background: resolveColor(read.line.color) });
    });
  }

  #spotTop({ value }) {
    return clamp(this.plot.valToPos(value ?? 0, "y"), 0, this.plot.over.clientHeight);
  }

  #hide() {
    for (const element of [this.rule, this.box, ...this.#spots]) element.hidden = true;
    if (this.#index !== null) this.options.onRead?.(null, null);
    this.#index = null;
    this.#shown = null;
  }
}

/** The value at a fraction of a range. @param {[number, number]} range @param {number} fraction */
const mix = ([low, high], fraction) => low + (high - low) * fraction;

/**
 * A range made wider or narrower around a place in it; null where it has all of `whole`.
 *
 * @param {[number, number]} range
 * @param {number} x
 * @param {number} factor  of its width
 * @param {[number, number]} whole
 */
export function zoomedRange([low, high], x, factor, whole) {
  const range = [x - (x - low) * factor, x + (high - x) * factor];
  return range[0] <= whole[0] && range[1] >= whole[1] ? null : range;
}

/**
 * Call what `begin` returns while two fingers are on an element: with the place between them at the start as a fraction
 * of its width, and the distance at the start by the distance now.
 */
function followPinch(element, signal, begin) {
  const fingers = new Map();
  let [zoom, width, center] = [null, 1, 0];
  const places = () => [...fingers.values()];
  const distance = () => Math.max(Math.abs(places()[0] - places()[1]), 1);
  const start = () => {
    const bounds = element.getBoundingClientRect();
    [zoom, width] = [begin(), distance()];
    center = ((places()[0] + places()[1]) / 2 - bounds.left) / bounds.width;
  };
  const listen = (name, listener) =>
    element.addEventListener(name, (event) => event.pointerType === "touch" && listener(event), { signal });
  listen("pointerdown", ({ pointerId, clientX }) => fingers.set(pointerId, clientX).size === 2 && start());
  listen("pointermove", ({ pointerId, clientX }) => {
    if (!fingers.has(pointerId)) return;
    fingers.set(pointerId, clientX);
    if (fingers.size === 2) zoom?.(center, width / distance());
  });
  const lift = ({ pointerId }) => fingers.delete(pointerId);
  ["pointerup", "pointercancel", "pointerleave"].forEach((name) => listen(name, lift));
}

const readingAt = (line, index) => ({
  line,
  index,
  x: line.x[index],
  value: line.y[index],
  sd: line.sd?.[index] ?? null,
  smoothed: line.smoothed?.[index] ?? null,
});

/** The rows of a reading: the place, and each line's value; the line's own step where that is another. */
function readingRows(chart, readings, x, isNearest) {
  const format = chart.isTime ? formatDuration : formatNumber;
  const place = chart.labels ? chart.labels[x] : `${chart.axis} ${format(x)}`;
  const rows = readings
    .filter(({ value }) => value !== null && value !== undefined)
    .filter(({ line, x: own }) => !line.bars || own === x)
    .map(({ line, x: own, value, sd, smoothed }) => {
      const spread = sd === null ? "" : ` ± ${formatMetric(sd)}`;
      const step = own === x || isNearest ? null : h("small", {}, `at ${format(own)}`);
      const mean = smoothed === null ? null : h("small", {}, `smoothed ${formatMetric(smoothed)}`);
      const name = h("span", {}, legendKey(line), line.name, step);
      return h("div", {}, name, h("span", {}, mean, h("b", {}, formatMetric(value) + spread)));
    });
  const heading = h(isNearest ? "div" : "b", {}, place);
  return isNearest ? [...rows, heading] : [heading, ...rows];
}
