// The latent map without a page: projections and back, neighbors, rotations, the line of a lasso, menus of views.

import assert from "node:assert/strict";
import { test } from "node:test";
import "./setup.mjs";

const studio = "../../src/elbowroom/studio/static/js";
const { MapProjection } = await import(`${studio}/map_projection.js`);
const { rotate, turn } = await import(`${studio}/rotation.js`);
const { viewsOf, latentDimensionName } = await import(`${studio}/map_views.js`);
const { isInsideLoop } = await import("../../src/elbowroom/web/static/kit/latent_map.js");

const near = (values, expected, tolerance = 1e-6) =>
  values.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < tolerance, `${values} are not ${expected}`));
const encode = (rows) => Buffer.from(new Float32Array(rows.flat()).buffer).toString("base64");

/** Latents on a sheared grid, and a plane, or a space, through their middle. */
const LATENTS = Array.from({ length: 12 }, (_, i) => [i % 4, Math.floor(i / 4), (i * 7) % 5, 0.5 * i]);
const CENTRE = [1, 1, 2, 0];
const AXES = { x: [0, 0.6, 0, 0.8], y: [1, 0, 0, 0], z: [0, 0, 1, 0] };
const inner = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

function projection(names) {
  const axes = Object.fromEntries(names.map((name) => [name, AXES[name]]));
  const offset = (z) => z.map((value, k) => value - CENTRE[k]);
  const points = LATENTS.map((z) => names.map((name) => inner(offset(z), AXES[name])));
  return new MapProjection({ points, map: { centre: CENTRE, ...axes }, codes: encode(LATENTS), dims: 4 });
}

for (const names of [
  ["x", "y"],
  ["x", "y", "z"],
]) {
  test(`a latent is projected to its point, and moved within ${names.length} axes only`, () => {
    const map = projection(names);
    LATENTS.forEach((z, i) => near(map.project(z), map.points[i]));
    const moved = map.unproject(map.points[7], LATENTS[2], 1);
    near(map.project(moved), map.points[7]);
    // What the axes do not span stays as it was.
    const step = moved.map((value, k) => value - LATENTS[2][k]);
    const along = names.map((name) => inner(step, AXES[name]));
    const within = step.map((_, k) => names.reduce((sum, name, a) => sum + along[a] * AXES[name][k], 0));
    near(step, within);
  });
}

test("where a map is not linear, a place near an example is decoded to that example's latent", () => {
  const points = LATENTS.map((_, i) => [i % 4, Math.floor(i / 4)]);
  const map = new MapProjection({ points, map: null, codes: encode(LATENTS), dims: 4 });
  LATENTS.forEach((z, i) => near(map.unproject(points[i], z, 4), z, 0.01));
  LATENTS.forEach((z, i) => assert.deepEqual(map.project(z), points[i]));
});

test("neighbors are the nearest by all dimensions, by rising distance, without the example itself", () => {
  const map = projection(["x", "y"]);
  for (const i of [0, 5, 11]) {
    const distance = (j) => Math.hypot(...LATENTS[i].map((value, k) => value - LATENTS[j][k]));
    const others = LATENTS.map((_, j) => j).filter((j) => j !== i);
    const expected = others.sort((a, b) => distance(a) - distance(b)).slice(0, 4);
    const found = map.nearestTo(i, 4);
    near(
      found.map((one) => one.distance),
      expected.map(distance),
    );
    assert.ok(found.every((one) => Math.abs(one.distance - distance(one.i)) < 1e-6 && one.i !== i));
  }
});

test("rotations keep lengths and angles, and turning all the way round changes nothing", () => {
  const vectors = [
    [1, 2, 3],
    [-2, 0.5, 1],
  ];
  for (const yaw of [-2, 0, 0.7]) {
    for (const pitch of [-1.5, 0, 0.4]) {
      const [a, b] = vectors.map((v) => rotate({ yaw, pitch }, v));
      near([inner(a, a), inner(b, b), inner(a, b)], [14, 5.25, 2]);
      near(rotate(turn({ yaw, pitch }, 2 * Math.PI, 0), vectors[0]), a);
    }
  }
  assert.deepEqual(rotate({ yaw: 0, pitch: 0 }, [1, 2, 3]), [1, 2, 3]);
  assert.equal(turn({ yaw: 0, pitch: 0 }, 0, 99).pitch, Math.PI / 2);
});

test("a point is within a line by the definition of its polygon", () => {
  const square = [
    [0, 0],
    [2, 0],
    [2, 2],
    [0, 2],
  ];
  for (let x = -0.75; x < 3; x += 0.5)
    for (let y = -0.75; y < 3; y += 0.5)
      assert.equal(isInsideLoop([x, y], square), x > 0 && x < 2 && y > 0 && y < 2, `${x}, ${y}`);
});

test("views suit the latent: a codebook has no dimensions, a plane is its own view", () => {
  const names = (model) => viewsOf(model).map(([value]) => value);
  assert.deepEqual(names({ latent: 1 }), []);
  assert.deepEqual(names({ latent: 2 }), ["dims"]);
  assert.deepEqual(names({ latent: 6 }), ["dims", "pca", "pca3", "tsne"]);
  assert.deepEqual(names({ latent: 1280, quantised: true }), ["pca", "pca3", "tsne"]);
});

test("dimensions are named as in figures: those of a hierarchy by its uppermost latent", () => {
  assert.equal(latentDimensionName({ hierarchy: [{}] }, 13), "z₁₄");
  assert.equal(latentDimensionName({ hierarchy: [{}, {}, {}] }, 0), "z₃[1]");
});
