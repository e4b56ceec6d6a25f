// Charts drawn by uPlot, a global of every page.
/* global uPlot */

import { ChartReading } from "./chart_reading.js";
import { TIME_STEPS_S, formatNumber, formatTicks, formatTimeTicks, logTicks } from "./numbers.js";
import { FONT, cssColor, onColorChange, resolveColor } from "./theme.js";

const [MIN_WIDTH_PX, MIN_HEIGHT_PX] = [160, 60];
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
 * @property {Record<string, number[]>} [positions]  its x by the name of the axis, where there are several
 * @property {string|number} [group]  what it has in common with lines of other charts, if not its name
 * @property {(?number)[]} [smoothed]  moving averages, which are read beside the values
 * @property {boolean} [silent]  whether it is left out of what is read from the chart
 * @property {boolean} [bars]  whether its values are bars from zero
 * @property {(?number)[]} [sd]  standard deviations, which are read beside the values
 */

/**
 * What a chart shows.
 *
 * @typedef {object} ChartData
 * @property {string} axis  name of the horizontal axis
 * @property {Line[]} lines
 * @property {?[number, number]} [limits]  of the vertical axis while all of the horizontal axis is shown
 * @property {string[]} [labels]  names of x = 0, 1, …
 * @property {boolean} [counted]  whether ticks stand at whole numbers; by default where all x are
 * @property {boolean} [isTime]  whether x are seconds
 * @property {0|1|-1} [log]  the sign of all values, if the vertical axis is logarithmic
 */

/**
 * @typedef {object} ChartOptions
 * @property {number} [height]  in pixels; by default that of the area
 * @property {boolean} [nearest]  read only the line that is nearest to the pointer
 * @property {(line: Line) => boolean} [isReadable]  whether a line may be the nearest
 * @property {(u: object, low: number, high: number) => [number, number]} [range]  limits of the vertical axis
 * @property {(readings: ?object[], x: ?number) => void} [onRead]  called with what is read
 * @property {(place: ?{x: number, line: ?Line}) => void} [onPlace]  called where the user reads; with null at the end
 * @property {(zoom: ?[number, number]) => void} [onZoom]  called with the part of the horizontal axis to show; makes
 *   dragging, two fingers and the keys +, − and 0 zoom
 * @property {boolean} [box]  whether what is read is shown in a box beside the pointer
 * @property {(plot: object, chart: ChartData) => void} [onDraw]  called after each drawing, to place what lies over it
 */

/** The opacity of a line that stands back. */
const FADED_ALPHA = 0.16;

/**
 * A chart drawn by uPlot. The values under the pointer are read from each line at the line's own step; with the
 * keyboard, left and right move along the lines, and with `nearest` up and down from line to line.
 */
class PlottedChart {
  #isFaded = () => false;

  /** @param {HTMLElement} area  what the chart fills @param {ChartData} chart @param {ChartOptions} options */
  constructor(area, chart, options) {
    this.area = area;
    this.chart = chart;
    this.options = options;
    /** @type {?[number, number]} */
    this.zoom = null;
    this.plot = null;
    this.reading = null;
    this.#draw();
    this.resizing = new ResizeObserver(() => this.#fit());
    this.resizing.observe(area);
    this.forget = onColorChange(() => this.plot.redraw(false, true));
  }

  #size() {
    const { area, options } = this;
    const height = options.height ?? Math.max(area.clientHeight, MIN_HEIGHT_PX);
    return { width: Math.max(area.clientWidth, MIN_WIDTH_PX), height };
  }

  #fit() {
    const size = this.#size();
    if (this.plot.width !== size.width || this.plot.height !== size.height) this.plot.setSize(size);
  }

  #draw() {
    const { area, chart, options } = this;
    this.reading?.destroy();
    this.plot?.destroy();
    this.plot = new uPlot({ ...this.#size(), ...plotOptions(this) }, joinLines(chart.lines), area);
    this.reading = new ChartReading(area, this.plot, chart, options);
    if (options.onZoom) this.reading.zoomWith((zoom) => options.onZoom(zoom));
    this.fade(this.#isFaded);
  }

  /** Show other lines, or the same with other values: a curve that grows is not drawn from the start. */
  update(chart) {
    const isSame = looksLike(chart, this.chart);
    this.chart = chart;
    if (!isSame) return this.#draw();
    this.reading.chart = chart;
    this.plot.setData(joinLines(chart.lines));
  }

  /** Show a part of the horizontal axis, with the vertical axis for it; all of it for null. */
  setZoom(zoom) {
    this.zoom = zoom;
    this.plot.setScale("x", { min: 0, max: 1 }); // The range is that of `horizontalRange`.
  }

  /** Make the lines that a test picks faint. */
  fade(test) {
    this.#isFaded = test;
    this.chart.lines.forEach((line, i) => {
      this.plot.series[i + 1].alpha = (line.alpha ?? 1) * (test(line) ? FADED_ALPHA : 1);
    });
    this.plot.redraw(false, false);
  }

  /** Show what is read at a place of another chart; nothing for null. */
  readAt(place) {
    this.reading.readAt(place);
  }

  destroy() {
    this.resizing.disconnect();
    this.forget();
    this.reading.destroy();
    this.plot.destroy();
  }
}

/** Draw a chart. @param {HTMLElement} area @param {ChartData} chart @param {ChartOptions} options */
export const createChart = (area, chart, options = {}) => new PlottedChart(area, chart, options);

/** The width in pixels that bars take at most, and the room for their axis. */
const [BAR_WIDTH_PX, BAR_AXIS_PX] = [56, 44];

/** Limit the width of a figure of bars to what its bars take. */
export function limitBars(figure, chart) {
  if (chart.labels) figure.style.maxWidth = `${Math.max(220, BAR_AXIS_PX + BAR_WIDTH_PX * chart.labels.length)}px`;
}

/** Whether two charts differ in their values alone. */
const looksLike = (chart, other) =>
  chart.axis === other.axis &&
  (chart.log ?? 0) === (other.log ?? 0) &&
  chart.lines.length === other.lines.length &&
  chart.lines.every((line, i) => isSameStyle(line, other.lines[i]));

const isSameStyle = (line, other) =>
  line.name === other.name &&
  line.color === other.color &&
  line.alpha === other.alpha &&
  line.x.length > 1 === other.x.length > 1;

/** @returns {any} */
const joinLines = (lines) => (lines.length ? uPlot.join(lines.map(({ x, y }) => [x, y])) : [[]]);

/** @returns {any} */
function plotOptions(view) {
  const { chart, options } = view;
  const range = (u, low, high) => verticalRange(view, u, low, high);
  return {
    legend: { show: false },
    padding: [8, 10, 0, 0],
    cursor: {
      x: false,
      y: false,
      points: { show: false },
      drag: { x: Boolean(options.onZoom), y: false, setScale: false },
      bind: { dblclick: () => () => options.onZoom?.(null) },
    },
    hooks: {
      setSelect: [(u) => zoomToSelection(u, options)],
      draw: [() => view.reading?.place(), (u) => options.onDraw?.(u, view.chart)],
    },
    scales: {
      x: { time: false, range: (u) => view.zoom ?? horizontalRange(view.chart, u.data[0]) },
      y: { range, ...(chart.log ? logarithmicScale(chart.log) : {}) },
    },
    axes: [horizontalAxis(chart), chart.log ? logarithmicAxis() : verticalAxis()],
    series: [{}, ...chart.lines.map(seriesOptions)],
  };
}

/** The least width of what is dragged to zoom, in pixels. */
const MIN_DRAG_PX = 6;

function zoomToSelection(u, { onZoom }) {
  const { left, width } = u.select;
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  if (onZoom && width >= MIN_DRAG_PX) onZoom([u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
}

/** The scale of the logarithm of values of one sign: −100 stands above −1,000, as far as 1,000 above 100. */
const logarithmicScale = (sign) => ({
  distr: 100,
  fwd: (value) => sign * Math.log10(Math.max(sign * value, Number.MIN_VALUE)),
  bwd: (power) => sign * 10 ** (sign * power),
});

function seriesOptions(line) {
  const stroke = () => resolveColor(line.color);
  const base = { label: line.name, stroke, alpha: line.alpha ?? 1 };
  if (line.bars) {
    return { ...base, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.72, 46] }) };
  }
  const points = { show: Boolean(line.markers) || line.x.length === 1, size: 6, width: 0, fill: stroke };
  return { ...base, width: line.width ?? 1.8, dash: line.dash, points };
}

function horizontalRange(chart, steps) {
  if (chart.labels) return [-0.6, chart.labels.length - 0.4];
  if (steps.length < 2) return steps.length ? [steps[0] - 0.5, steps[0] + 0.5] : [0, 1];
  const [low, high] = [steps[0], steps.at(-1)];
  // Room for the first and last markers.
  const margin = 0.02 * (high - low);
  return [low - margin, high + margin];
}

function verticalRange({ chart, options, zoom }, u, low, high) {
  if (low === null) return chart.limits ?? [0, 1];
  if (chart.log) return logarithmicRange(low, high);
  if (!zoom && chart.limits) return chart.limits;
  if (!zoom && options.range) return options.range(u, low, high);
  if (chart.lines.some((line) => line.bars)) return [Math.min(0, low * 1.04), high > 0 ? high * 1.04 : 1];
  if (low === high) return [low - 0.5, high + 0.5];
  const margin = 0.06 * (high - low);
  return [low - margin, high + margin];
}

/** Room below and above, as a factor: a twentieth of the range, at least a fiftieth of the value. */
function logarithmicRange(low, high) {
  const factor = Math.max((high / low) ** (low > 0 ? 0.05 : -0.05), 1.02);
  return low > 0 ? [low / factor, high * factor] : [low * factor, high / factor];
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
  const incrs = chart.isTime ? TIME_STEPS_S : isWhole ? WHOLE_STEPS : undefined;
  const format = chart.isTime ? formatTimeTicks : formatTicks;
  return {
    ...axis,
    ticks,
    border,
    incrs,
    space: tickSpace(chart.isTime),
    values: (_, splits, i, space, step) => format(splits, step),
  };
}

/** The least distance between ticks of a horizontal axis in pixels, so that their labels stand apart. */
const tickSpace = (isTime) => (u, axis, low, high) =>
  (isTime ? 40 : 18) + 6.5 * Math.max(...[low, high].map((end) => formatNumber(end, 3).length));

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

/** The distance between ticks of a logarithmic axis, in pixels. */
const LOG_TICK_PX = 32;

function logarithmicAxis() {
  const axisTicks = (u) => {
    const { min, max } = u.scales.y;
    return logTicks(min, max, Math.max(u.over.clientHeight / LOG_TICK_PX, 3));
  };
  const values = (u, splits) => formatTicks(splits, axisTicks(u).step);
  // All of them have room, unlike the nine of each power of ten of which uPlot would leave some without a label.
  return { ...verticalAxis(), splits: (u) => axisTicks(u).values, filter: (u, splits) => splits, values };
}

/** The width that the labels of a vertical axis take, in pixels. */
function axisWidth(u, labels) {
  u.ctx.font = FONT;
  return 10 + Math.ceil(Math.max(10, ...(labels ?? []).map((label) => u.ctx.measureText(label).width)));
}
