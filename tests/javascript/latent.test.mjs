// The latent of the explore view: codebook entries, lower latents of a hierarchy, and the words for them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { describeLatent } from "../../src/elbowroom/studio/static/js/latent_names.js";
import { LatentState, nearestRow } from "../../src/elbowroom/studio/static/js/latent_state.js";

const CODES = [
  [0, 0],
  [1, 0],
  [0, 2],
];
const MODEL = { latent: 4, hierarchy: [{ name: "z", shape: [2, 2], kl: null }], active: [] };

test("the nearest row has the least sum of squares, the first of equals", () => {
  const square = (row, point) => row.reduce((sum, value, k) => sum + (value - point[k]) ** 2, 0);
  for (let i = 0; i < 200; i++) {
    const point = [Math.sin(7 * i) * 2, Math.cos(3 * i) * 2];
    const distances = CODES.map((row) => square(row, point));
    assert.equal(nearestRow(CODES, point), distances.indexOf(Math.min(...distances)));
  }
  assert.equal(nearestRow(CODES, [0.5, 0]), 0);
});

test("a latent between the entries of a codebook becomes the nearest entries", () => {
  const latent = new LatentState("run", MODEL, { positions: 2, codes: CODES, counts: null });
  latent.set([0.9, 0.2, 0.1, 1.7]);
  assert.deepEqual(latent.z, [1, 0, 0, 2]);
  assert.deepEqual(latent.entriesOf(), [1, 2]);
  for (const entries of [
    [0, 0],
    [2, 1],
  ])
    assert.deepEqual(latent.entriesOf(latent.latentOfEntries(entries)), entries);
});

test("a lower latent is moved by itself, and returns to its mean with another latent", () => {
  const latent = new LatentState("run", MODEL);
  latent.set([1, 2, 3, 4]);
  assert.deepEqual(latent.decodeFields, { z: [1, 2, 3, 4], c: null });
  latent.setLowerDimension("z1", 2, 0.5, 3);
  assert.deepEqual(latent.decodeFields, { z: [1, 2, 3, 4], c: null, lower: { z1: [0, 0, 0.5] } });
  latent.setDimension(0, 9);
  assert.deepEqual(latent.lower, { z1: [0, 0, 0.5] });
  latent.set([0, 0, 0, 0]);
  assert.deepEqual(latent.lower, {});
});

test("a latent of a hierarchy is described by its place, size and nats", () => {
  const hierarchy = [
    { name: "z1", shape: [2, 3], kl: [1, 2, 3, 4, 5, 0.98] },
    { name: "z2", shape: [4], kl: [0.02, 0, 0, 0] },
  ];
  assert.equal(describeLatent(hierarchy, 1), "z₂: top of 2 latents (4 of 10 dimensions, 0.02 of 16 nats)");
  assert.equal(describeLatent(hierarchy, 0), "z₁: lowest of 2 latents (6 of 10 dimensions, 15.98 of 16 nats)");
  hierarchy[1].kl = null;
  assert.equal(describeLatent(hierarchy, 1), "z₂: top of 2 latents (4 of 10 dimensions)");
});
