// Curves of a comparison as data: lines of groups from rows of their runs, rate and distortion. Without elements.

import { formatMetric, ticks } from "./kit/numbers.js";

/**
 * @typedef {{name: string, protocol: number, color: string|number, dash: number[]}} ComparedGroup
 * @typedef {{run: string, name: string, group: number, counts: boolean}} ComparedRun
 * @typedef {Record<string, (?number)[]>} Columns  step, epoch, seconds and terms of the rows of a split
 */

/** How the line of one run is drawn behind the mean of its group. */
const SEED_STYLE = { width: 1, alpha: 0.32, silent: true };
/** Lines of equal ELBO across a chart, about. */
const NUM_ELBO_LINES = 6;
/** Room around the points of rate and distortion, as a share of their range. */
const RATE_MARGIN = 0.12;

/** Points of a run's term: its steps, values, and positions on each horizontal axis; null if it has none. */
export function runPoints(columns, term, split) {
  const values = columns?.[term];
  if (!values) return null;
  const kept = values.map((_, i) => i).filter((i) => values[i] !== null && values[i] !== undefined);
  if (!kept.length) return null;
  const pick = (list) => kept.map((i) => list?.[i] ?? null);
  const step = pick(columns.step);
  // Epochs of rows within an epoch are parts of it.
  const perStep = (columns.epoch?.at(-1) ?? 0) / (columns.step.at(-1) || 1);
  const epoch = split === "train" ? step.map((n) => n * perStep) : pick(columns.epoch);
  return { y: pick(values), positions: { epoch, step, time: pick(columns.seconds) } };
}

/** The mean over runs at the steps that all of them have, with the standard deviation over them (n − 1). */
export function meanPoints(runs) {
  const byStep = runs.map(({ y, positions }) => new Map(positions.step.map((step, i) => [step, i])));
  const steps = runs[0].positions.step.filter((step) => byStep.every((map) => map.has(step)));
  const at = (step, read) => runs.map((run, k) => read(run)[byStep[k].get(step)]);
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const y = steps.map((step) => average(at(step, (run) => run.y)));
  const sd = steps.map((step, i) => {
    const squares = at(step, (run) => run.y).map((value) => (value - y[i]) ** 2);
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (squares.length - 1));
  });
  const position = (axis) => steps.map((step) => average(at(step, (run) => run.positions[axis])));
  return { y, sd, positions: { epoch: position("epoch"), step: steps, time: position("time") } };
}

const makeLine = (group, points, style = {}) => ({
  name: group.name,
  group: group.name,
  color: group.color,
  dash: group.dash,
  x: points.positions.step,
  markers: points.y.length === 1,
  ...points,
  ...style,
});

/**
 * The lines of a group for a term: the mean over those of its runs that count, and each run behind it; of a group of
 * one run, its line. Where no run is finished, all count.
 *
 * @param {ComparedGroup} group
 * @param {ComparedRun[]} runs  those of the group
 * @param {Record<string, Record<string, Columns>>} curves  by run and split
 */
export function groupLines(group, runs, curves, term, split) {
  const found = runs.map((run) => ({ run, points: runPoints(curves[run.run]?.[split], term, split) }));
  const all = found.filter(({ points }) => points);
  const counting = all.filter(({ run }) => run.counts);
  const averaged = counting.length ? counting : all;
  if (!all.length) return [];
  if (all.length === 1) return [makeLine(group, all[0].points)];
  const seeds = all.map(({ points }) => makeLine(group, points, SEED_STYLE));
  const mean = averaged.length === 1 ? averaged[0].points : meanPoints(averaged.map(({ points }) => points));
  return [...seeds, makeLine(group, mean)];
}

/**
 * Rate and distortion of groups as a chart: KL against reconstruction, −log p(x|z), in nats per example, and lines on
 * which their sum, the negative ELBO, is the same (Alemi et al. 2018, arXiv 1711.00464).
 *
 * @param {{group: ComparedGroup, rate: number, distortion: number, runs: [number, number][]}[]} points  the mean of
 *   each group, and (rate, distortion) of its runs
 */
export function rateChart(points) {
  const runs = points.flatMap((point) => [[point.rate, point.distortion], ...point.runs]);
  const [[low, most], y] = [0, 1].map((k) => paddedRange(runs.map((pair) => pair[k])));
  // No KL is negative.
  /** @type {[number, number]} */
  const x = [Math.max(low, 0), most];
  const base = ({ name, color }) => ({ group: name, color, markers: true });
  const dots = points.map(({ group, runs: seeds }) => {
    const sorted = [...seeds].sort((a, b) => a[0] - b[0]);
    const place = { x: sorted.map(([rate]) => rate), y: sorted.map(([, distortion]) => distortion) };
    return { name: group.name, ...base(group), ...place, width: 0, alpha: 0.4, silent: true };
  });
  const means = points.map(({ group, rate, distortion }) => {
    const name = `${group.name}, ELBO ${formatMetric(-rate - distortion)}`;
    return { name, ...base(group), x: [rate], y: [distortion] };
  });
  return { axis: "KL", limits: y, lines: [...elboLines(x, y), ...dots.filter((dot) => dot.x.length > 1), ...means] };
}

/** @param {number[]} values @returns {[number, number]} */
function paddedRange(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = RATE_MARGIN * (high - low || Math.abs(high) || 1);
  return [low - margin, high + margin];
}

/** Lines of equal ELBO within the ranges of rate and distortion. */
export function elboLines([x0, x1], [y0, y1]) {
  const { values } = ticks(-(x1 + y1), -(x0 + y0), NUM_ELBO_LINES);
  const line = (elbo) => ({ name: `ELBO ${formatMetric(elbo)}`, x: [x0, x1], y: [-elbo - x0, -elbo - x1] });
  return values.map((elbo) => ({ ...line(elbo), elbo, color: "data", width: 1, dash: [2, 4], silent: true }));
}
