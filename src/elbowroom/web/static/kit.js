// The kit of all pages: elements, numbers, colors, axes, charts drawn by uPlot, and planes of points.
// Pages that are one file hold its text, the studio imports it; uPlot is a global in both.
/* global uPlot */

// ---- Elements

/** Create an element: h("a.big", {href, onclick}, "text", child, …); null children are left out. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) setAttribute(element, key, value);
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function setAttribute(element, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key === "style") for (const [name, set] of Object.entries(value)) element.style.setProperty(name, set);
  else if (key in element && key !== "list" && key !== "form") element[key] = value;
  else element.setAttribute(key, value === true ? "" : value);
}

/** The elements that a selector finds, as an array. */
export const queryAll = (selector, root = document) => [...root.querySelectorAll(selector)];

/** The data that a page of one file carries. */
export const pageData = () => JSON.parse(document.getElementById("data").textContent);

/** Mark one of several buttons as pressed. */
export const pressOnly = (buttons, pressed) =>
  buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));

// ---- Numbers: what elbowroom.formatting does in Python

const MISSING = "—";
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const raise = (power) =>
  String(power)
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
const separateThousands = (text) =>
  text.replace("-", "−").replace(/\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

/** Format with a fixed number of decimals: 1,234.50. */
export function formatFixed(value, places = 2) {
  if (!Number.isFinite(value)) return MISSING;
  const text = value.toFixed(places);
  return separateThousands(/[1-9]/.test(text) ? text : text.replace("-", ""));
}

/** Format to significant digits, without zeros at the end; whole digits are never rounded away: 12,346, 5·10⁻⁵. */
export function formatNumber(value, digits = 4) {
  if (!Number.isFinite(value)) return MISSING;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}·10${raise(Number(power))}`.replace("-", "−");
  }
  return separateThousands(size >= 10 ** digits ? value.toFixed(0) : String(Number(value.toPrecision(digits))));
}

/** Format a measured value: two decimals; three significant digits below 0.1; none from 10,000 on. */
export function formatMetric(value) {
  if (!Number.isFinite(value)) return MISSING;
  const size = Math.abs(value);
  return size !== 0 && size < 0.1 ? formatNumber(value, 3) : formatFixed(value, size >= 10000 ? 0 : 2);
}

/** Round numbers within [low, high], about `count` of them, at a step of 1, 2, 2.5 or 5 times a power of ten. */
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return { values: [low], step: Math.abs(low) || 1 };
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = Number((size * [1, 2, 2.5, 5, 10].find((m) => size * m >= rough * 0.75)).toPrecision(3));
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++)
    values.push(Number((i * step).toPrecision(12)));
  return { values, step };
}

/** Format the ticks of an axis: as many digits as tell ticks of this step apart. */
function formatTicks(values, step) {
  const places = decimalPlaces(step);
  const largest = Math.max(...values.map(Math.abs));
  if (places > 4 || largest >= 1e15) {
    const digits = Math.floor(Math.log10(largest || 1)) + places + 1;
    return values.map((value) => formatNumber(value, clamp(digits, 1, 15)));
  }
  return values.map((value) => formatFixed(value, places));
}

/** The number of decimals that write a number exactly. */
function decimalPlaces(value) {
  const [mantissa, power] = Number(value.toPrecision(6)).toExponential().split("e");
  return Math.max((mantissa.split(".")[1] ?? "").length - Number(power), 0);
}

/** The name of a latent dimension, counted from one as in all figures: z₁, z₂, … */
export const dimensionName = (index) => `z${String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit])}`;

// ---- Colors

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const printing = matchMedia("print");

/** Call a function when the colors of the page change: to dark, to light, to print. Return a function that stops it. */
function onColorChange(callback) {
  const queries = [darkScheme, printing];
  queries.forEach((query) => query.addEventListener("change", callback));
  return () => queries.forEach((query) => query.removeEventListener("change", callback));
}

/** A color of the style sheet by its name without dashes, in the current color scheme. */
export const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The color of a line: a name of the style sheet, or a color. */
const resolveColor = (color) => (color.startsWith("#") ? color : cssColor(color));

/** The number of classes that have a color of their own. */
export const MAX_CLASS_COLORS = 10;

/** The color of a class by its number. */
export const classColor = (index) => cssColor(`class-${index % MAX_CLASS_COLORS}`);

const NUM_LINE_COLORS = 8;
const DASHES = [undefined, [6, 4], [1.5, 3]];

/** The style of one of many lines: eight colors that the color-blind can tell apart, dashed from the ninth line on. */
export const lineStyle = (index) => ({
  color: `line-${index % NUM_LINE_COLORS}`,
  dash: DASHES[Math.floor(index / NUM_LINE_COLORS) % DASHES.length],
});

/** A color scale for labels that are numbers: from dark to light, in contrast to the page at both ends. */
const SEQUENTIAL_STOPS = [
  [68, 40, 120],
  [49, 104, 142],
  [33, 145, 140],
  [83, 197, 104],
  [232, 210, 60],
];

/** The color at a position from 0 to 1 of the sequential scale. */
function sequentialColor(fraction) {
  const position = clamp(fraction, 0, 1) * (SEQUENTIAL_STOPS.length - 1);
  const low = Math.min(Math.floor(position), SEQUENTIAL_STOPS.length - 2);
  const mix = (v, i) => Math.round(v + (SEQUENTIAL_STOPS[low + 1][i] - v) * (position - low));
  return `rgb(${SEQUENTIAL_STOPS[low].map(mix).join(" ")})`;
}

/**
 * The colors of labels: a color of its own for each class, or a scale for numbers.
 *
 * @param {?number[]} values  the label of each example; null for none
 * @param {string[]} classes  the names of 0, 1, …; empty where labels are numbers
 * @returns {{color: (i: number) => string, range: ?[number, number]}}
 */
export function labelColors(values, classes) {
  if (!values) {
    const model = cssColor("model");
    return { color: () => model, range: null };
  }
  if (classes.length) {
    const colors = classes.map((_, i) => classColor(i));
    return { color: (i) => colors[values[i]], range: null };
  }
  const range = extent(values);
  return { color: (i) => sequentialColor((values[i] - range[0]) / (range[1] - range[0] || 1)), range };
}

/** A legend of the sequential scale: lowest value, ramp, highest value. */
export function rampLegend(title, [low, high]) {
  const stops = [0, 0.25, 0.5, 0.75, 1].map(sequentialColor).join(", ");
  const ramp = h("i.ramp", { style: { background: `linear-gradient(90deg, ${stops})` } });
  return [h("span", {}, `${title} ${formatNumber(low)}`), ramp, h("span", {}, formatNumber(high))];
}

/** The least and the greatest of some numbers. */
const extent = (values) =>
  values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);

// ---- Charts

const FONT = "11.5px -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif";
const MIN_WIDTH_PX = 160;
/** Steps between ticks of an axis of whole numbers. */
const WHOLE_STEPS = [1, 2, 5].flatMap((m) => Array.from({ length: 12 }, (_, k) => m * 10 ** k)).sort((a, b) => a - b);

/**
 * A line of a chart, or its bars.
 *
 * @typedef {object} Line
 * @property {string} name
 * @property {string} color  a color, or the name of one in the style sheet
 * @property {number[]} x  rising
 * @property {(?number)[]} y  null is a gap
 * @property {number[]} [dash]
 * @property {number} [width]
 * @property {number} [alpha]  opacity
 * @property {boolean} [markers]  whether each point is marked
 * @property {boolean} [silent]  whether it is left out of what is read from the chart
 * @property {boolean} [bars]  whether its values are bars from zero
 * @property {(?number)[]} [sd]  standard deviations, which are read beside the values
 */

/**
 * A chart drawn by uPlot. The values under the pointer are read from each line at the line's own step; with the
 * keyboard, left and right move along the lines, and with `nearest` up and down from line to line.
 *
 * @param {HTMLElement} area  what the chart fills; its aria-label names the chart
 * @param {{axis: string, lines: Line[], limits?: [number, number], labels?: string[], counted?: boolean}} chart
 *   `labels` name x = 0, 1, …; `counted` puts the ticks at whole numbers, by default where all x are
 * @param {object} options
 * @param {number} [options.height]  in pixels; by default that of the area
 * @param {boolean} [options.nearest]  read only the line that is nearest to the pointer
 * @param {boolean} [options.zoom]  whether dragging zooms the horizontal axis, and a double click shows all of it
 * @param {(u: object, low: number, high: number) => [number, number]} [options.range]  limits of the vertical axis
 * @param {(readings: ?object[], chart: object) => void} [options.onRead]  called with what is read
 * @param {boolean} [options.box]  whether what is read is shown in a box beside the pointer
 */
export function createChart(area, chart, options = {}) {
  const height = () => options.height ?? Math.max(area.clientHeight, 60);
  const width = () => Math.max(area.clientWidth, MIN_WIDTH_PX);
  let [plot, reading, isFaded] = [null, null, () => false];
  const draw = () => {
    reading?.destroy();
    plot?.destroy();
    plot = new uPlot(
      { width: width(), height: height(), ...plotOptions(chart, options) },
      joinLines(chart.lines),
      area,
    );
    reading = new ChartReading(area, plot, chart, options);
    fade(isFaded);
  };
  const fade = (test) => {
    isFaded = test;
    chart.lines.forEach((line, i) => {
      plot.series[i + 1].alpha = (line.alpha ?? 1) * (isFaded(line) ? 0.16 : 1);
    });
    plot.redraw(false, false);
  };
  draw();
  const resizing = new ResizeObserver(() => {
    if (plot.width !== width() || plot.height !== height()) plot.setSize({ width: width(), height: height() });
  });
  resizing.observe(area);
  const forget = onColorChange(() => plot.redraw(false, true));
  return {
    /** Show other lines, or the same with other values. */
    update(next) {
      const isSame =
        next.lines.length === chart.lines.length && next.lines.every((l, i) => looksLike(l, chart.lines[i]));
      chart = next;
      if (!isSame) return draw();
      reading.chart = chart;
      plot.setData(joinLines(chart.lines));
    },
    /** Make the lines that a test picks faint. */
    fade,
    destroy() {
      resizing.disconnect();
      forget();
      plot.destroy();
    },
  };
}

/** The width in pixels that bars take at most, and the room for their axis. */
const [BAR_WIDTH_PX, BAR_AXIS_PX] = [56, 44];

/** Draw the charts of a page in their places; `optionsOf` gives each figure's options. Return the charts. */
export const drawCharts = (charts, optionsOf = () => ({}), root = document) =>
  queryAll("[data-chart]", root).map((figure) => {
    const chart = charts[Number(figure.dataset.chart)];
    if (chart.labels) figure.style.maxWidth = `${Math.max(220, BAR_AXIS_PX + BAR_WIDTH_PX * chart.labels.length)}px`;
    return createChart(figure.querySelector(".area"), chart, optionsOf(figure));
  });

const looksLike = (a, b) => a.name === b.name && a.color === b.color && a.x.length > 1 === b.x.length > 1;
const joinLines = (lines) => (lines.length ? uPlot.join(lines.map(({ x, y }) => [x, y])) : [[]]);

function plotOptions(chart, options) {
  return {
    legend: { show: false },
    padding: [8, 10, 0, 0],
    cursor: { x: false, y: false, points: { show: false }, drag: { x: Boolean(options.zoom), y: false } },
    scales: {
      x: { time: false, range: (u, low, high) => horizontalRange(chart, u.data[0], low, high) },
      y: { range: options.range ?? ((_, low, high) => verticalRange(chart, low, high)) },
    },
    axes: [horizontalAxis(chart), verticalAxis()],
    series: [{}, ...chart.lines.map(seriesOptions)],
  };
}

function seriesOptions(line) {
  const stroke = () => resolveColor(line.color);
  const base = { label: line.name, stroke, alpha: line.alpha ?? 1 };
  if (line.bars) {
    return { ...base, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.72, 46] }) };
  }
  const points = { show: Boolean(line.markers) || line.x.length === 1, size: 6, width: 0, fill: stroke };
  return { ...base, width: line.width ?? 1.8, dash: line.dash, points };
}

function horizontalRange(chart, steps, low, high) {
  if (chart.labels) return [-0.6, chart.labels.length - 0.4];
  if (steps.length < 2) return steps.length ? [steps[0] - 0.5, steps[0] + 0.5] : [0, 1];
  // Room for the first and last markers.
  const margin = 0.02 * (high - low);
  return [low - margin, high + margin];
}

function verticalRange(chart, low, high) {
  if (chart.limits) return chart.limits;
  if (low === null) return [0, 1];
  if (chart.lines.some((line) => line.bars)) return [Math.min(0, low * 1.04), high > 0 ? high * 1.04 : 1];
  if (low === high) return [low - 0.5, high + 0.5];
  const margin = 0.06 * (high - low);
  return [low - margin, high + margin];
}

function horizontalAxis(chart) {
  const axis = { stroke: () => cssColor("quiet"), font: FONT, size: 24, gap: 6, grid: { show: false } };
  const ticks = { stroke: () => cssColor("data"), width: 1, size: 0 };
  const border = { show: true, stroke: () => cssColor("data"), width: 1 };
  if (chart.labels) {
    const shown = (u) => chart.labels.map((_, i) => i).filter((i) => i % labelStep(u, chart.labels) === 0);
    return { ...axis, ticks, border, splits: shown, values: (_, indices) => indices.map((i) => chart.labels[i]) };
  }
  const isWhole = chart.counted ?? chart.lines.every((line) => line.x.every(Number.isInteger));
  const incrs = isWhole ? WHOLE_STEPS : undefined;
  return {
    ...axis,
    ticks,
    border,
    incrs,
    space: tickSpace,
    values: (_, splits, i, space, step) => formatTicks(splits, step),
  };
}

/** The least distance between ticks of a horizontal axis in pixels, so that their labels stand apart. */
const tickSpace = (u, axis, low, high) => 18 + 6.5 * Math.max(...[low, high].map((end) => formatNumber(end, 3).length));

/** Every how many bars have room for a label. */
const labelStep = (u, labels) =>
  Math.ceil((labels.length * (8 + 6.5 * Math.max(...labels.map((label) => label.length)))) / (u.width - 40));

function verticalAxis() {
  return {
    stroke: () => cssColor("quiet"),
    font: FONT,
    gap: 4,
    space: 28,
    size: axisWidth,
    grid: { stroke: () => cssColor("grid"), width: 1 },
    ticks: { show: false },
    values: (_, splits, i, space, step) => formatTicks(splits, step),
  };
}

/** The width that the labels of a vertical axis take, in pixels. */
function axisWidth(u, labels) {
  u.ctx.font = FONT;
  return 10 + Math.ceil(Math.max(10, ...(labels ?? []).map((label) => u.ctx.measureText(label).width)));
}

/** The index of the entry of a rising list that is nearest to a value. */
function nearestIndex(sorted, value) {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}

/** What is read from a chart under the pointer, or at the place that the arrow keys move, and where it is shown. */
class ChartReading {
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

/** A piece of a line, to name it by. */
export function legendKey({ color, dash, bars }) {
  return h(bars ? "i.key.block" : "i.key", { style: { background: dashedBackground(resolveColor(color), dash) } });
}

/** A background of dashes and gaps. */
function dashedBackground(color, dash) {
  if (!dash?.length) return color;
  let end = 0;
  const stops = dash.map((length, i) => `${i % 2 ? "transparent" : color} ${end}px ${(end += length)}px`);
  return `repeating-linear-gradient(90deg, ${stops.join(", ")})`;
}

/** Place a box beside a position in an area, on the side that has room. */
export function placeBox(box, area, x, y = null) {
  const [width, room] = [box.offsetWidth, area.clientWidth];
  const left = x + 14 + width > room ? x - 14 - width : x + 14;
  box.style.left = `${clamp(left, -34, Math.max(room - width, -34))}px`;
  if (y !== null) box.style.top = `${y > area.clientHeight / 2 ? y - box.offsetHeight - 12 : y + 12}px`;
}

// ---- Planes of points

/**
 * Points that are drawn at once, those of one color as one path, which is faster than one by one. So few that no color
 * covers another much more than it is covered.
 */
const POINTS_AT_ONCE = 200;

const PLANE_MARGIN_PX = 16;
const TRANSITION_MS = 650;

/**
 * A plane with the same scale on both axes: grid, ticks, and points, which are drawn once and copied under what moves.
 *
 * @param {HTMLElement} host  gets the axes and the canvas
 * @param {object} options
 * @param {string} options.label  accessible name of the canvas
 * @param {string} [options.role]  of the canvas
 * @param {(pen: CanvasRenderingContext2D, frame: object) => void} [options.drawOver]  draws what lies over the points
 * @param {(pen: CanvasRenderingContext2D, frame: object) => void} [options.drawUnder]  draws what lies under the points
 */
export function createPlane(host, { label, role = "img", drawOver = () => {}, drawUnder = () => {} }) {
  const canvas = h("canvas", { tabIndex: 0, role, "aria-label": label });
  const background = document.createElement("canvas");
  const [area, unit, axis] = [h("div.area", {}, canvas), h("p.unit"), h("p.axis")];
  const [left, below] = [h("div.left", { "aria-hidden": "true" }), h("div.below", { "aria-hidden": "true" })];
  host.append(unit, h("div.plot", {}, left, area, below, axis));
  let [view, positions, animation] = [null, [], 0];
  /** Sizes and conversions of the plane as it is now. */
  const frame = () => planeFrame(area, view);

  function drawBackground() {
    const f = frame();
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(f.w * ratio), Math.round(f.h * ratio)];
    for (const one of [background, canvas]) {
      if (one.width !== width || one.height !== height) Object.assign(one, { width, height });
    }
    const pen = background.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, f.w, f.h);
    const [horizontal, vertical] = [ticks(...f.x, f.w > 480 ? 8 : 5), ticks(...f.y, 6)];
    labelTicks(left, below, f, horizontal, vertical);
    [axis.textContent, unit.textContent] = view.axes;
    drawGrid(pen, f, horizontal, vertical);
    drawUnder(pen, f);
    if (view.points) drawPoints(pen, f.w, view.points, positions);
  }

  /** Draw what lies over the points anew. */
  function draw() {
    if (!view || !background.width || !background.height) return;
    const pen = canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(background, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawOver(pen, frame());
  }

  /** Draw everything anew; if animated, the points move to their places. */
  function redraw(isAnimated = false) {
    cancelAnimationFrame(animation);
    if (!view || !area.clientWidth) return;
    const f = frame();
    const from = positions;
    const to = view.points ? view.points.x.map((x, i) => f.toScreen([x, view.points.y[i]])) : [];
    const show = (now) => {
      positions = now;
      drawBackground();
      draw();
    };
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches || from.length !== to.length;
    if (!isAnimated || isStill) return show(to);
    const start = performance.now();
    const step = (now) => {
      const t = clamp((now - start) / TRANSITION_MS, 0, 1);
      const eased = 1 - (1 - t) ** 3;
      show(to.map((end, i) => end.map((v, k) => from[i][k] + (v - from[i][k]) * eased)));
      if (t < 1) animation = requestAnimationFrame(step);
    };
    animation = requestAnimationFrame(step);
  }

  const resizing = new ResizeObserver(() => redraw());
  resizing.observe(area);
  const forget = onColorChange(() => redraw());
  return {
    canvas,
    area,
    frame,
    draw,
    redraw,
    /**
     * Show points: {axes: [x, y], points: ?{x, y, color(i), isFaint(i), isHidden(i)}, box: ?[[low, high], [low, high]],
     * zoom: ?{factor, center}}; the box is what must be visible, by default all points, before it is zoomed.
     */
    setView(next, isAnimated = false) {
      const box = next.box ?? [extent(next.points.x), extent(next.points.y)];
      view = { ...next, box };
      redraw(isAnimated);
    },
    destroy() {
      resizing.disconnect();
      forget();
    },
    /** Where a pointer event is on the canvas, in pixels. */
    eventPosition(event) {
      const bounds = canvas.getBoundingClientRect();
      return [clamp(event.clientX - bounds.left, 0, bounds.width), clamp(event.clientY - bounds.top, 0, bounds.height)];
    },
    /** Where a point is on the canvas, in pixels. */
    pointPosition: (i) => positions[i],
    /** The index of the point nearest to a position on the canvas within `reach` pixels, or -1. */
    pointAt: (position, reach) => (view?.points ? pointWithin(positions, view.points, position, reach) : -1),
    /** The index of the nearest point in a direction, as the arrow keys move; the same point where there is none. */
    pointTowards(direction, from) {
      const start = from >= 0 ? positions[from] : [area.clientWidth / 2, area.clientHeight / 2];
      return pointAhead(positions, view.points, direction, start, from);
    },
  };
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

/** Draw points at their positions, the faint ones below. */
function drawPoints(pen, width, points, positions) {
  const { color, isFaint = () => false, isHidden = () => false } = points;
  const radius = pointRadius(positions.length, width);
  const shown = positions.map((_, i) => i).filter((i) => !isHidden(i));
  pen.lineWidth = 0.7;
  pen.strokeStyle = cssColor("ring");
  pen.globalAlpha = 0.4;
  const idle = cssColor("idle");
  drawDots(pen, positions, shown.filter(isFaint), radius * 0.7, () => idle);
  pen.globalAlpha = 0.92;
  const vivid = shown.filter((i) => !isFaint(i));
  for (let from = 0; from < vivid.length; from += POINTS_AT_ONCE)
    drawDots(pen, positions, vivid.slice(from, from + POINTS_AT_ONCE), radius, color);
  pen.globalAlpha = 1;
}

/** Draw circles at the positions of some points, those of each color as one path. */
function drawDots(pen, positions, indices, radius, color) {
  const paths = new Map();
  for (const i of indices) {
    const name = color(i);
    if (!paths.has(name)) paths.set(name, new Path2D());
    const [x, y] = positions[i];
    paths.get(name).moveTo(x + radius, y);
    paths.get(name).arc(x, y, radius, 0, 2 * Math.PI);
  }
  for (const [name, path] of paths) {
    pen.fillStyle = name;
    pen.fill(path);
    pen.stroke(path);
  }
}

function pointWithin(positions, { isFaint = () => false, isHidden = () => false }, [x, y], reach) {
  let [best, least] = [-1, reach * reach];
  positions.forEach(([a, b], i) => {
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < least && !isFaint(i) && !isHidden(i)) [best, least] = [i, distance];
  });
  return best;
}

function pointAhead(positions, { isFaint = () => false, isHidden = () => false }, [dx, dy], [x, y], from) {
  let [best, least] = [from, Infinity];
  positions.forEach(([a, b], i) => {
    const ahead = (a - x) * dx + (b - y) * dy;
    const cost = ahead + 3 * (Math.abs((a - x) * dy) + Math.abs((b - y) * dx));
    if (i !== from && !isFaint(i) && !isHidden(i) && ahead > 0.01 && cost < least) [best, least] = [i, cost];
  });
  return best;
}

/** Draw the ring around the place that is decoded. */
export function drawMarker(pen, [x, y]) {
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
export function drawPin(pen, [x, y], name) {
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
