// Numbers as text, as elbowroom.formatting writes them in Python, and the ticks of axes.

/** @typedef {number | null | undefined} MaybeNumber  what is missing is written as a dash */
/** @typedef {{values: number[], step: ?number}} Ticks  rising; the step is null for a logarithmic axis */

export const MISSING = "—";
/** @type {(value: number, low: number, high: number) => number} */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
/** @type {(power: number) => string} */
const raise = (power) =>
  String(power)
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]);
/** @type {(text: string) => string} */
const separateThousands = (text) =>
  text.replace("-", "−").replace(/\d+/, (/** @type {string} */ whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

/** @param {MaybeNumber} value @returns {value is number} */
const isNumber = (value) => Number.isFinite(value);

/** Format with a fixed number of decimals: 1,234.50. @param {MaybeNumber} value */
export function formatFixed(value, places = 2) {
  if (!isNumber(value)) return MISSING;
  const text = value.toFixed(places);
  return separateThousands(/[1-9]/.test(text) ? text : text.replace("-", ""));
}

/**
 * Format to significant digits, without zeros at the end; whole digits are never rounded away: 12,346, 5·10⁻⁵.
 *
 * @param {MaybeNumber} value
 */
export function formatNumber(value, digits = 4) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}·10${raise(Number(power))}`.replace("-", "−");
  }
  return separateThousands(size >= 10 ** digits ? value.toFixed(0) : String(Number(value.toPrecision(digits))));
}

/**
 * Format a measured value: two decimals; three significant digits below 0.1; none from 10,000 on.
 *
 * @param {MaybeNumber} value
 */
export function formatMetric(value) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  return size !== 0 && size < 0.1 ? formatNumber(value, 3) : formatFixed(value, size >= 10000 ? 0 : 2);
}

/**
 * Round numbers within [low, high], about `count` of them, at a step of 1, 2, 2.5 or 5 times a power of ten.
 *
 * @param {number} low
 * @param {number} high
 * @returns {{values: number[], step: number}}
 */
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return { values: [low], step: Math.abs(low) || 1 };
  const size = 10 ** Math.floor(Math.log10(rough));
  const multiple = [1, 2, 2.5, 5].find((m) => size * m >= rough * 0.75) ?? 10;
  const step = Number((size * multiple).toPrecision(3));
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++)
    values.push(Number((i * step).toPrecision(12)));
  return { values, step };
}

/** From this size on, or below it, the ticks of an axis are multiples of a power of ten. */
const [LARGE_TICK, SMALL_TICK] = [1e7, 1e-3];

/**
 * Format the ticks of an axis: as many digits as tell ticks of this step apart, in one unit.
 *
 * @param {number[]} values
 * @param {?number} step  the distance between them; null for ticks of a logarithmic axis
 * @returns {string[]}
 */
export function formatTicks(values, step) {
  const sizes = values.map(Math.abs).filter(Boolean);
  const largest = Math.max(...sizes, 0);
  if (step === null) return formatLogTicks(values, Math.min(...sizes), largest);
  const isScaled = largest !== 0 && (largest < SMALL_TICK || largest >= LARGE_TICK);
  const power = isScaled ? Number(largest.toExponential(9).split("e")[1]) : 0;
  const places = Math.max(power - lastDigitPower(step), 0);
  return values.map((value) => (isScaled ? formatScaled(value, power, places) : formatFixed(value, places)));
}

/** @type {(values: number[], least: number, largest: number) => string[]} */
const formatLogTicks = (values, least, largest) =>
  least >= SMALL_TICK && largest < LARGE_TICK
    ? values.map((value) => formatNumber(value))
    : values.map((value) => formatScaled(value, Number(value.toExponential(9).split("e")[1]), 0));

/** Format a number as a multiple of a power of ten. @type {(value: number, power: number, places: number) => string} */
const formatScaled = (value, power, places) =>
  value === 0 ? "0" : `${formatFixed(value / 10 ** power, places)}·10${raise(power)}`;

/** The power of ten of the last digit of a number: 1 of 50, −2 of 0.25. @param {number} value */
function lastDigitPower(value) {
  const [mantissa, power] = Number(value.toPrecision(6)).toExponential().split("e");
  return Number(power) - (mantissa.split(".")[1] ?? "").length;
}

/**
 * Round numbers for a logarithmic axis within [low, high], which have one sign: multiples of powers of ten, or evenly
 * spaced ones where there is less than one power between the ends.
 *
 * @param {number} low
 * @param {number} high
 * @returns {Ticks}
 */
export function logTicks(low, high, count = 6) {
  if (high < 0) {
    const { values, step } = logTicks(-high, -low, count);
    return { values: values.map((value) => -value).reverse(), step };
  }
  const decades = Math.log10(high / low);
  if (decades < 1) return ticks(low, high, count);
  const mantissas = decades <= count / 3 ? [1, 2, 5] : decades <= 3 ? [1, 3] : [1];
  const stride = Math.ceil(decades / count);
  const values = [];
  for (let power = Math.floor(Math.log10(low) / stride) * stride; 10 ** power <= high; power += stride)
    values.push(...mantissas.map((mantissa) => Number(`${mantissa}e${power}`)));
  return { values: values.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)), step: null };
}

const [MINUTE_S, HOUR_S] = [60, 3600];
/** Steps between ticks of an axis of time, in seconds. */
export const TIME_STEPS_S = [
  ...[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_S),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((hours) => hours * HOUR_S),
];

/**
 * Format ticks in seconds: in seconds, minutes or hours by their step.
 *
 * @param {number[]} values
 * @param {number} step
 */
export function formatTimeTicks(values, step) {
  const [unit, seconds] = step >= HOUR_S ? ["h", HOUR_S] : step >= MINUTE_S ? ["min", MINUTE_S] : ["s", 1];
  return formatTicks(
    values.map((value) => value / seconds),
    step / seconds,
  ).map((text) => `${text} ${unit}`);
}

/** Format seconds: 4.2 s, 41 s, 3 min 05 s, 2 h 10 min. @param {MaybeNumber} seconds */
export function formatDuration(seconds) {
  if (!isNumber(seconds)) return MISSING;
  if (seconds < 9.95) return `${formatFixed(seconds, 1)} s`;
  const whole = Math.round(seconds);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  if (whole < MINUTE_S) return `${whole} s`;
  if (whole < HOUR_S) return `${Math.floor(whole / MINUTE_S)} min ${two(whole % MINUTE_S)} s`;
  return `${Math.floor(whole / HOUR_S)} h ${two(Math.floor((whole % HOUR_S) / MINUTE_S))} min`;
}

/** The name of a latent dimension, counted from one as in all figures: z₁, z₂, … @param {number} index */
export const dimensionName = (index) => `z${String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)])}`;

/** The least and the greatest of some numbers. @param {number[]} values @returns {[number, number]} */
export const extent = (values) =>
  values.reduce(
    (/** @type {[number, number]} */ [low, high], v) => [Math.min(low, v), Math.max(high, v)],
    [Infinity, -Infinity],
  );

/**
 * The index of the entry of a rising list that is nearest to a value.
 *
 * @param {number[]} sorted
 * @param {number} value
 */
export function nearestIndex(sorted, value) {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}
