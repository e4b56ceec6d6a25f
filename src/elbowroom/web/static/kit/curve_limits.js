// The vertical limits of curves, without first values and spikes that would dwarf everything else.

import { clamp, extent } from "./numbers.js";

/** Shares of a curve: of its positions at its start, which may be cut off; of its points at its end, which never is. */
const [START_SHARE, END_SHARE] = [0.1, 0.1];
/** A curve of fewer points is shown whole. */
const MIN_POINTS = 10;
/** The share of the other values, at each end of their range, that may be cut off. */
const SPIKE_SHARE = 0.01;
/** How many times the range of the rest a value lies outside it, if it is cut off. */
const FAR = 3;
const MARGIN_SHARE = 0.06;

/**
 * The limits that hold all values of some curves but those of their starts, and spikes, that are far from the rest.
 *
 * A start is measured by its positions, not its points: a training writes down its first steps one by one.
 *
 * @param {number[]} positions  of the points of all curves, rising
 * @param {(?number)[][]} curves  null is a gap
 * @returns {?[number, number]} null if there are no values
 */
export function curveLimits(positions, curves) {
  const present = curves.map((curve) => pointsOf(positions, curve));
  const all = present.flat().map((point) => point.value);
  if (!all.length) return null;
  const [low, high] = quantiles(present.flatMap(withoutStart).map((point) => point.value));
  const reach = FAR * (high - low);
  const ends = present.flatMap((points) => points.slice(-Math.max(Math.ceil(points.length * END_SHARE), 1)));
  const near = all.filter((value) => value >= low - reach && value <= high + reach);
  const [least, most] = extent([...near, ...ends.map((point) => point.value)]);
  const margin = MARGIN_SHARE * (most - least) || 0.5;
  return [least - margin, most + margin];
}

const pointsOf = (positions, curve) =>
  curve.map((value, i) => ({ x: positions[i], value })).filter(({ value }) => Number.isFinite(value));

function withoutStart(points) {
  if (points.length < MIN_POINTS) return points;
  const [first, last] = [points[0].x, points[points.length - 1].x];
  return points.filter(({ x }) => x > first + START_SHARE * (last - first));
}

/** The least and the greatest value, without a hundredth of them at each end. */
function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = clamp(Math.floor(sorted.length * SPIKE_SHARE), 0, sorted.length - 1);
  return [sorted[cut], sorted[sorted.length - 1 - cut]];
}

/** The limits of curves as `createChart` takes them. */
export const curveRange = (plot, low, high) => curveLimits(plot.data[0], plot.data.slice(1)) ?? [low ?? 0, high ?? 1];
