// Comparisons: order and filter of rows, means over seeds, rate and distortion.

import assert from "node:assert/strict";
import { test } from "node:test";
import { elboLines, groupLines, rateChart } from "../../src/elbowroom/web/static/comparison_curves.js";
import { matchesFilter, shownColumns, sortRows } from "../../src/elbowroom/web/static/comparison_table.js";

const cell = (text, value = null) => ({ text, value, small: "", is_best: false });
const head = (name, title = name, isShown = true) => ({ name, title, small: "", is_number: true, is_shown: isShown });
const HEADS = [head("latent"), head("optimizer"), head("elbo", "ELBO"), head("batch_size", "batch size")];
const row = (latent, optimizer, elbo, batch) => ({
  group: 0,
  cells: [
    cell(String(latent), latent),
    cell(optimizer),
    elbo === null ? cell("—") : cell(String(elbo), elbo),
    cell(batch.toLocaleString("en"), batch),
  ],
});
const ROWS = [row(10, "adam", -90.5, 1280), row(2, "sgd", null, 64), row(20, "adam", -100.25, 64)];

test("rows are ordered by value, names by their numbers, and what is missing stays last", () => {
  const table = { heads: HEADS, rows: ROWS };
  const order = (sort) => sortRows(table, sort).map(({ cells }) => cells[0].value);
  assert.deepEqual(order(""), [10, 2, 20]);
  assert.deepEqual(order("latent"), [2, 10, 20]);
  assert.deepEqual(order("-latent"), [20, 10, 2]);
  assert.deepEqual(order("elbo"), [20, 10, 2]);
  assert.deepEqual(order("-elbo"), [10, 20, 2]);
  assert.deepEqual(order("no such column"), [10, 2, 20]);
  const names = { heads: [head("run")], rows: ["b-10", "b-2", "a-1"].map((name) => ({ cells: [cell(name)] })) };
  assert.deepEqual(
    sortRows(names, "run").map(({ cells }) => cells[0].text),
    ["a-1", "b-2", "b-10"],
  );
});

test("a filter asks for words, for values of columns and for ranges", () => {
  const found = (filter) =>
    ROWS.filter((one) => matchesFilter(filter, HEADS, one.cells, "runs/x")).map((r) => r.cells[0].value);
  const expected = {
    "": [10, 2, 20],
    adam: [10, 20],
    "latent 2": [2],
    "latent 2 adam": [],
    "latent=20": [20],
    "latent>2": [10, 20],
    "latent>=10 latent<20": [10],
    "elbo>-100": [10],
    "elbo<-100": [20],
    "optimizer:ad": [10, 20],
    "batch_size 64": [2, 20],
    "batch_size=1280": [10],
    "ELBO>-95": [10],
    "runs/x": [10, 2, 20],
    "nothing of this": [],
  };
  for (const [filter, latents] of Object.entries(expected)) assert.deepEqual(found(filter), latents, filter);
});

test("columns that were chosen are shown; before that the usual ones", () => {
  const heads = [head("a"), head("b", "b", false), head("c")];
  assert.deepEqual(shownColumns(heads, null), [0, 2]);
  assert.deepEqual(shownColumns(heads, ["a", "b"]), [0, 1]);
});

const GROUP = { name: "latent 2", protocol: 0, color: "line-0", dash: [] };
const columns = (steps, elbo) => ({
  step: steps,
  epoch: steps.map((step) => step / 10),
  seconds: steps.map((step) => step * 2),
  elbo,
});

test("the line of a group is the mean over its runs at the steps that all have, with their deviation", () => {
  const runs = [
    { run: "a", counts: true },
    { run: "b", counts: true },
    { run: "c", counts: false },
  ];
  const curves = {
    a: { validation: columns([10, 20, 30], [-4, -2, -1]) },
    b: { validation: columns([10, 30], [-6, -3]) },
    c: { validation: columns([10], [-100]) },
  };
  const lines = groupLines(GROUP, runs, curves, "elbo", "validation");
  assert.equal(lines.length, 4);
  assert.deepEqual(
    lines.map((line) => Boolean(line.silent)),
    [true, true, true, false],
  );
  const mean = lines.at(-1);
  assert.deepEqual(mean.y, [-5, -2]);
  assert.deepEqual(mean.sd, [Math.SQRT2, Math.SQRT2]);
  assert.deepEqual(mean.positions, { epoch: [1, 3], step: [10, 30], time: [20, 60] });
  assert.deepEqual([mean.group, mean.color], ["latent 2", "line-0"]);
});

test("a run alone is the line of its group, finished or not; a term that no run has has no line", () => {
  const curves = { a: { validation: columns([10, 20], [-4, null]) } };
  const [line, ...others] = groupLines(
    GROUP,
    [
      { run: "a", counts: false },
      { run: "b", counts: true },
    ],
    curves,
    "elbo",
    "validation",
  );
  assert.deepEqual(others, []);
  assert.deepEqual([line.x, line.y, line.silent, line.markers], [[10], [-4], undefined, true]);
  assert.deepEqual(groupLines(GROUP, [{ run: "a", counts: true }], curves, "kl", "validation"), []);
});

test("training rows within an epoch stand at parts of it", () => {
  const train = { step: [5, 10, 20], epoch: [1, 1, 2], seconds: [1, 2, 3], loss: [3, 2, 1] };
  const [line] = groupLines(GROUP, [{ run: "a", counts: true }], { a: { train } }, "loss", "train");
  assert.deepEqual(line.positions.epoch, [0.5, 1, 2]);
});

test("rate, distortion and ELBO agree, and a line of equal ELBO has that sum everywhere", () => {
  const points = [
    {
      group: GROUP,
      rate: 5,
      distortion: 95,
      runs: [
        [6, 94],
        [4, 96],
      ],
    },
    { group: { ...GROUP, name: "latent 8" }, rate: 20, distortion: 70, runs: [[20, 70]] },
  ];
  const chart = rateChart(points);
  const means = chart.lines.filter((line) => !line.silent);
  assert.deepEqual(
    means.map(({ name, x, y }) => [name, x[0], y[0]]),
    [
      ["latent 2, ELBO −100.00", 5, 95],
      ["latent 8, ELBO −90.00", 20, 70],
    ],
  );
  const seeds = chart.lines.filter((line) => line.silent && line.group);
  assert.deepEqual(
    seeds.map(({ x, y }) => [x, y]),
    [
      [
        [4, 6],
        [96, 94],
      ],
    ],
  );
  const contours = chart.lines.filter((line) => line.elbo !== undefined);
  assert.ok(contours.length >= 4);
  for (const { name, elbo, x, y } of contours) {
    for (const i of [0, 1]) assert.ok(Math.abs(x[i] + y[i] + elbo) < 1e-9);
    assert.equal(name, `ELBO ${elbo < 0 ? "−" : ""}${Math.abs(elbo).toFixed(2)}`);
  }
});

test("lines of equal ELBO cross what is shown", () => {
  for (const scale of [0.001, 1, 1000]) {
    for (const { x, y } of elboLines([0, 10 * scale], [80 * scale, 100 * scale]))
      assert.ok(Math.max(...y) >= 80 * scale && Math.min(...y) <= 100 * scale && x[0] === 0);
  }
});
