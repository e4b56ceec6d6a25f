// Charts drawn by uPlot, a global of every page.
/* global uPlot */

import { ChartReading } from "./chart_reading.js";
import { queryAll } from "./elements.js";
import { formatNumber, formatTicks } from "./numbers.js";
import { FONT, cssColor, onColorChange, resolveColor } from "./theme.js";

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
