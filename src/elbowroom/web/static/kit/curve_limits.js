// The vertical limits of curves, without first values and spikes that would dwarf everything else.

import { clamp, extent } from "./numbers.js";

/** The share of a curve's points at its start, and at its end: the first may be cut off, the last never. */
const [START_SHARE, END_SHARE] = [0.1, 0.1];
/** The share of the other values, at each end of their range, that may be cut off. */
const SPIKE_SHARE = 0.01;
/** How many times the range of the rest a value lies outside it, if it is cut off. */
const FAR = 3;
const MARGIN_SHARE = 0.06;

/**
 * The limits that hold all values of some curves but those of their starts, and spikes, that are far from the rest.
 *
 * @param {(?number)[][]} curves  null is a gap
 * @returns {?[number, number]} null if there are no values
 */
export function curveLimits(curves) {
  const present = curves.map((curve) => curve.filter((value) => Number.isFinite(value)));
  const all = present.flat();
  if (!all.length) return null;
  const rest = present.flatMap((curve) => curve.slice(Math.floor(curve.length * START_SHARE)));
  const [low, high] = quantiles(rest);
  const reach = FAR * (high - low);
  const ends = present.flatMap((curve) => curve.slice(-Math.max(Math.ceil(curve.length * END_SHARE), 1)));
  const near = all.filter((value) => value >= low - reach && value <= high + reach);
  const [least, most] = extent([...near, ...ends]);
  const margin = MARGIN_SHARE * (most - least) || 0.5;
  return [least - margin, most + margin];
}

/** The least and the greatest value, without a hundredth of them at each end. */
function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = clamp(Math.floor(sorted.length * SPIKE_SHARE), 0, sorted.length - 1);
  return [sorted[cut], sorted[sorted.length - 1 - cut]];
}

/** The limits of curves as `createChart` takes them. */
export const curveRange = (plot, low, high) => curveLimits(plot.data.slice(1)) ?? [low ?? 0, high ?? 1];
