// What is read from a chart, by pointer and keys.

import { h, placeBox } from "./elements.js";
import { clamp, formatMetric, formatNumber, nearestIndex } from "./numbers.js";
import { legendKey, resolveColor } from "./theme.js";

/** What is read from a chart under the pointer, or at the place that the arrow keys move, and where it is shown. */
export class ChartReading {
  // Where it is: an index into all steps or, of a reading of the nearest line, into the steps of that line.
  #index = null;
  #lineIndex = 0;
  #spots = [];
  #listeners = new AbortController();

  constructor(area, plot, chart, options) {
    Object.assign(this, { plot, chart, options });
    this.rule = plot.over.appendChild(h("span.rule", { hidden: true }));
    this.box = plot.over.appendChild(h("div.reading", { hidden: true, role: "status" }));
    const { signal } = this.#listeners;
    for (const name of ["pointermove", "pointerdown"])
      plot.over.addEventListener(name, (event) => this.#followPointer(event), { signal });
    plot.over.addEventListener("pointerleave", () => this.#hide(), { signal });
    area.addEventListener("blur", () => this.#hide(), { signal });
    area.addEventListener("keydown", (event) => this.#onKey(event), { signal });
  }

  destroy() {
    this.#listeners.abort();
  }

  get #lines() {
    return this.chart.lines.filter((line) => !line.silent && line.x.length);
  }

  #followPointer(event) {
    if (!this.#lines.length) return;
    const bounds = this.plot.over.getBoundingClientRect();
    const [left, top] = [event.clientX - bounds.left, event.clientY - bounds.top];
    if (this.options.nearest) this.#showPoint(...this.#nearestPoint(left, top));
    else this.#showStep(nearestIndex(this.plot.data[0], this.plot.posToVal(left, "x")));
  }

  #onKey(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Escape") this.#hide();
    if (!move || !this.#lines.length) return;
    event.preventDefault();
    const isStart = this.#index === null;
    const steps = this.options.nearest ? this.#lines[this.#lineIndex].x : this.plot.data[0];
    const index = isStart ? steps.length - 1 : this.#index + move[1];
    if (this.options.nearest) this.#showPoint(this.#lineIndex + (isStart ? 0 : move[0]), index);
    else this.#showStep(index);
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
    const { plot, chart, options, rule, box } = this;
    const left = plot.valToPos(x, "x");
    rule.hidden = Boolean(options.nearest || chart.labels);
    rule.style.left = `${left}px`;
    this.#placeSpots(readings);
    options.onRead?.(readings, x);
    if (options.box === false) return;
    box.replaceChildren(...readingRows(chart, readings, x, options.nearest));
    box.hidden = false;
    placeBox(box, plot.over, left, options.nearest ? this.#spotTop(readings[0]) : null);
  }

  #placeSpots(readings) {
    const { plot } = this;
    while (this.#spots.length < readings.length) this.#spots.push(plot.over.appendChild(h("span.spot")));
    this.#spots.forEach((spot, i) => {
      const read = readings[i];
      spot.hidden = !read || read.value === null || Boolean(read.line.bars);
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
    this.options.onRead?.(null, null);
  }
}

const readingAt = (line, index) => ({
  line,
  index,
  x: line.x[index],
  value: line.y[index],
  sd: line.sd?.[index] ?? null,
});

/** The rows of a reading: the place, and each line's value; the line's own step where that is another. */
function readingRows(chart, readings, x, isNearest) {
  const place = chart.labels ? chart.labels[x] : `${chart.axis} ${formatNumber(x)}`;
  const rows = readings
    .filter(({ value }) => value !== null && value !== undefined)
    .filter(({ line, x: own }) => !line.bars || own === x)
    .map(({ line, x: own, value, sd }) => {
      const spread = sd === null ? "" : ` ± ${formatMetric(sd)}`;
      const step = own === x || isNearest ? null : h("small", {}, `at ${formatNumber(own)}`);
      return h("div", {}, h("span", {}, legendKey(line), line.name, step), h("b", {}, formatMetric(value) + spread));
    });
  const heading = h(isNearest ? "div" : "b", {}, place);
  return isNearest ? [...rows, heading] : [heading, ...rows];
}
