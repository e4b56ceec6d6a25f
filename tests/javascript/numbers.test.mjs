// Axes over ranges of every magnitude: labels read back are their ticks, no two are alike, and each axis has one unit.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  TIME_STEPS_S,
  formatDuration,
  formatFixed,
  formatTicks,
  formatTimeTicks,
  logTicks,
  nearestIndex,
  ticks,
} from "../../src/elbowroom/web/static/kit/numbers.js";

/** Numbers from 0 to 1 that are the same at each run (mulberry32). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const parsePower = (text) => Number(text.replace("⁻", "-").replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (digit) => DIGITS.indexOf(digit)));

/** The number that a label shows, and the power of ten that it is a multiple of. */
function parse(label) {
  const [mantissa, power] = label.replaceAll(",", "").replace("−", "-").split("·10");
  return { number: Number(`${mantissa}e${power ? parsePower(power) : 0}`), power: power ?? null };
}

const closeTo = (value, expected, tolerance, about) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${value} is not ${expected}: ${about}`);

function assertLabelsAreTicks(labels, values, about) {
  assert.equal(new Set(labels).size, labels.length, `no two alike: ${about}`);
  labels.forEach((label, i) => closeTo(parse(label).number, values[i], 1e-10 * Math.abs(values[i]), about));
}

/** Ranges of every magnitude and sign, from ten thousand times their place to a ten-thousandth of it. */
function* ranges(count, seed) {
  const random = randomNumbers(seed);
  for (let i = 0; i < count; i++) {
    const low = (random() < 0.5 ? -1 : 1) * 10 ** (random() * 24 - 12);
    yield [low, low + Math.abs(low) * 10 ** (random() * 8 - 4)];
  }
}

test("ticks of a linear axis", () => {
  for (const range of [...ranges(3000, 1), [0, 1], [0, 9.3], [-1e-5, 1e-5], [1e6, 1e6 + 1], [0, 3e9]]) {
    const { values, step } = ticks(...range);
    const labels = formatTicks(values, step);
    assert.ok(labels.length >= 3 && labels.length <= 11, `${labels}`);
    assertLabelsAreTicks(labels, values, `${range}: ${labels}`);
    const powers = new Set(labels.filter((label) => label !== "0").map((label) => parse(label).power));
    assert.equal(powers.size, 1, `one unit: ${labels}`);
    const places = new Set(
      labels.filter((label) => label !== "0").map((label) => label.split("·")[0].split(".")[1]?.length),
    );
    assert.equal(places.size, 1, `as many decimals: ${labels}`);
  }
});

test("ticks of a logarithmic axis", () => {
  for (const [low, high] of ranges(3000, 2)) {
    if (low < 0 && high > 0) continue;
    const { values, step } = logTicks(low, high);
    const labels = formatTicks(values, step);
    assert.ok(labels.length >= 3 && labels.length <= 11, `${low} to ${high}: ${labels}`);
    assertLabelsAreTicks(labels, values, `${low} to ${high}: ${labels}`);
    const isInside = (value) => value >= low - 1e-9 * Math.abs(low) && value <= high + 1e-9 * Math.abs(high);
    assert.ok(values.every(isInside));
    assert.deepEqual(
      values,
      [...values].sort((a, b) => a - b),
    );
  }
});

test("a logarithmic axis of negative numbers is that of positive ones, turned", () => {
  for (const [low, high] of ranges(300, 3)) {
    if (low <= 0) continue;
    const turned = logTicks(-high, -low).values.map((value) => -value);
    assert.deepEqual(turned.reverse(), logTicks(low, high).values);
  }
});

test("ticks of a time are whole seconds, minutes or hours, or decimals of seconds", () => {
  const seconds = { s: 1, min: 60, h: 3600 };
  for (const step of TIME_STEPS_S) {
    const values = [0, 1, 2, 3, 4].map((i) => i * step);
    const labels = formatTimeTicks(values, step).map((label) => label.split(" "));
    assert.equal(new Set(labels.map(([, unit]) => unit)).size, 1);
    labels.forEach(([number, unit], i) => closeTo(parse(number).number * seconds[unit], values[i], 1e-9, `${labels}`));
    if (step >= 1) assert.ok(labels.every(([number]) => !number.includes(".")));
  }
});

test("durations", () => {
  const texts = { 0: "0.0 s", 9.94: "9.9 s", 9.96: "10 s", 59.6: "1 min 00 s", 185: "3 min 05 s", 7800: "2 h 10 min" };
  for (const [value, text] of Object.entries(texts)) assert.equal(formatDuration(Number(value)), text);
  assert.equal(formatDuration(NaN), "—");
});

test("the nearest of rising numbers", () => {
  const random = randomNumbers(4);
  for (let i = 0; i < 500; i++) {
    const sorted = Array.from({ length: 1 + Math.floor(random() * 9) }, random).sort((a, b) => a - b);
    const value = random() * 1.4 - 0.2;
    const least = Math.min(...sorted.map((one) => Math.abs(one - value)));
    closeTo(Math.abs(sorted[nearestIndex(sorted, value)] - value), least, 1e-12, `${sorted}`);
  }
});

test("a number that rounds to zero has no sign", () => {
  assert.equal(formatFixed(-0.001), "0.00");
  assert.equal(formatFixed(-0.01), "−0.01");
});
