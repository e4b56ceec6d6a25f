// How charts are shown: smoothing, logarithm, axes and hidden lines; what is saved as CSV.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CHART_SETTINGS,
  applySettings,
  chartCsv,
  commonSign,
  smooth,
} from "../../src/elbowroom/web/static/kit/chart_settings.js";

const closeTo = (values, expected) =>
  values.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-12, `${values} are not ${expected}`));

/** The average by its definition: weights w^(t-i) of the values up to each, summing to one. */
const weightedMeans = (values, weight) =>
  values.map((_, t) => {
    const weights = values.slice(0, t + 1).map((_, i) => weight ** (t - i));
    const total = weights.reduce((sum, one) => sum + one, 0);
    return weights.reduce((sum, one, i) => sum + one * values[i], 0) / total;
  });

test("smoothing is the weighted mean of what came before, from the first value on", () => {
  const values = [3, -1, 4, 1, -5, 9, 2, 6];
  for (const weight of [0, 0.3, 0.6, 0.99]) closeTo(smooth(values, weight), weightedMeans(values, weight));
  closeTo(smooth(values, 0), values);
});

test("smoothing of a constant is the constant, and a gap stays a gap that does not count", () => {
  closeTo(smooth([7, 7, 7, 7], 0.9), [7, 7, 7, 7]);
  const withGap = smooth([3, null, 4, NaN, 1], 0.5);
  assert.deepEqual(
    withGap.map((value) => value === null),
    [false, true, false, true, false],
  );
  closeTo(
    withGap.filter((value) => value !== null),
    smooth([3, 4, 1], 0.5),
  );
});

test("an axis is logarithmic only where all values have one sign", () => {
  const line = (...y) => ({ name: "a", x: y.map((_, i) => i), y });
  assert.equal(commonSign([line(1, 2), line(null, 0.1)]), 1);
  assert.equal(commonSign([line(-1, -2)]), -1);
  assert.equal(commonSign([line(1, -2)]), 0);
  assert.equal(commonSign([line(0, 2)]), 0);
  assert.equal(commonSign([]), 0);
});

const CHART = {
  axis: "step",
  lines: [
    { name: "train", x: [10, 20], y: [-3, -1], positions: { epoch: [0.5, 1], step: [10, 20], time: [2, 4.5] } },
    { name: "validation", x: [20], y: [-2], positions: { epoch: [1], step: [20], time: [4.5] } },
  ],
};
const show = (settings) => applySettings(CHART, { ...CHART_SETTINGS, ...settings });

test("the axis is one of the positions of the lines", () => {
  assert.deepEqual(show({ axis: "epoch" }).lines[0].x, [0.5, 1]);
  assert.equal(show({ axis: "epoch" }).counted, true);
  assert.deepEqual(show({ axis: "time" }).lines[1].x, [4.5]);
  assert.equal(show({ axis: "time" }).isTime, true);
  assert.deepEqual(show({}).lines[0].x, [10, 20]);
});

test("a smoothed line lies over its values, which are those that are read", () => {
  const [values, average] = show({ smoothing: 0.5, hidden: ["validation"] }).lines;
  assert.deepEqual(values.y, [-3, -1]);
  assert.ok(!values.silent);
  assert.ok(average.silent);
  closeTo(average.y, smooth([-3, -1], 0.5));
  assert.deepEqual(values.smoothed, average.y);
  assert.ok(values.alpha < 1);
});

test("hidden lines are left out, and do not count for the sign", () => {
  assert.deepEqual(
    show({ hidden: ["train"] }).lines.map(({ name }) => name),
    ["validation"],
  );
  const mixed = { ...CHART, lines: [...CHART.lines, { name: "test", x: [1], y: [5] }] };
  const settings = { ...CHART_SETTINGS, log: true };
  assert.equal(applySettings(mixed, settings).log, 0);
  assert.equal(applySettings(mixed, { ...settings, hidden: ["test"] }).log, -1);
});

test("CSV has a row for each value, with all positions and names as they are", () => {
  const named = { ...CHART, lines: [CHART.lines[0], { ...CHART.lines[1], name: 'a, "b"' }] };
  assert.equal(
    chartCsv(named),
    'line,epoch,step,time,value\r\ntrain,0.5,10,2,-3\r\ntrain,1,20,4.5,-1\r\n"a, ""b""",1,20,4.5,-2\r\n',
  );
  const plain = { axis: "step", lines: [{ name: "m", x: [1, 2, 3], y: [4, null, 6], sd: [0.5, null, null] }] };
  assert.equal(chartCsv(plain), "line,step,value,sd\r\nm,1,4,0.5\r\nm,3,6,\r\n");
});

test("CSV of bars has their names", () => {
  const bars = (y) => ({ name: "KL", bars: true, x: [0, 1], y });
  const chart = { axis: "dimension", labels: ["z₁", "z₂"], lines: [bars([2.5, null]), bars([null, 0.01])] };
  assert.equal(chartCsv(chart), "line,dimension,value\r\nKL,z₁,2.5\r\nKL,z₂,0.01\r\n");
});
