// Numbers as text, as elbowroom.formatting writes them in Python, and the ticks of axes.

export const MISSING = "—";
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
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
export function formatTicks(values, step) {
  const places = decimalPlaces(step);
  const largest = Math.max(...values.map(Math.abs));
  if (places > 4 || largest >= 1e15) {
    const digits = Math.floor(Math.log10(largest || 1)) + places + 1;
    return values.map((value) => formatNumber(value, clamp(digits, 1, 15)));
  }
  return values.map((value) => formatFixed(value, places));
}

/** The number of decimals that write a number exactly. */
export function decimalPlaces(value) {
  const [mantissa, power] = Number(value.toPrecision(6)).toExponential().split("e");
  return Math.max((mantissa.split(".")[1] ?? "").length - Number(power), 0);
}

/** The name of a latent dimension, counted from one as in all figures: z₁, z₂, … */
export const dimensionName = (index) => `z${String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit])}`;

/** The least and the greatest of some numbers. */
export const extent = (values) =>
  values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);

/** The index of the entry of a rising list that is nearest to a value. */
export function nearestIndex(sorted, value) {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}
