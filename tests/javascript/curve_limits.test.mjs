// The vertical limits of curves: what they cut off is at a start or a spike, and far from everything else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { curveLimits } from "../../src/elbowroom/web/static/kit/curve_limits.js";

/** The limits of curves whose points are one step apart. */
const limitsOf = (curves) =>
  curveLimits(
    Array.from({ length: 1000 }, (_, i) => i),
    curves,
  );
const holds = ([low, high], values) => values.every((value) => value >= low && value <= high);
const falling = (n, first, last) => Array.from({ length: n }, (_, i) => last + (first - last) * 0.9 ** i);

test("a curve of few points is shown whole", () => {
  for (let n = 1; n < 10; n++) {
    const curve = falling(n, 1000, 100);
    assert.ok(holds(limitsOf([curve]), curve), `${curve}`);
  }
});

test("only the first tenth is cut off, where it is far from the rest", () => {
  const rest = falling(45, 130, 100);
  assert.ok(!holds(limitsOf([[5000, 2000, ...rest]]), [5000]));
  assert.ok(holds(limitsOf([[5000, 2000, ...rest]]), rest));
  const near = [180, 150, ...rest];
  assert.ok(holds(limitsOf([near]), near));
});

test("a start is measured by its positions, not by its points, which are dense there", () => {
  const dense = Array.from({ length: 100 }, (_, i) => 550 - 4 * i);
  const positions = [...dense.keys(), ...Array.from({ length: 60 }, (_, i) => 100 + 80 * i)];
  const [low, high] = curveLimits(positions, [[...dense, ...falling(60, 130, 108)]]);
  assert.ok(low < 108 && high > 130 && high < 200, `${low} ${high}`);
});

test("the last values of every curve are shown, however far they are from other curves", () => {
  const limits = limitsOf([falling(60, 40, 30), falling(60, 40, 30), falling(5, 900, 800)]);
  assert.ok(holds(limits, [falling(5, 900, 800).at(-1), 30]));
  const broken = [...falling(60, 40, 30), 5000];
  assert.ok(holds(limitsOf([broken]), [5000]));
});

test("a spike in the middle is cut off", () => {
  const curve = Array.from({ length: 400 }, (_, i) => 40 - i / 40);
  curve[200] = 1e6;
  const limits = limitsOf([curve]);
  assert.ok(limits[1] < 100);
  assert.ok(holds(limits, curve.toSpliced(200, 1)));
});

test("gaps do not count, and equal values have room around them", () => {
  assert.deepEqual(limitsOf([[null, 2, null, 2]]), [1.5, 2.5]);
  assert.equal(limitsOf([[null], []]), null);
});
