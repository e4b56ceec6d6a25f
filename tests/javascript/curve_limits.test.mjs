// The vertical limits of curves: what they cut off is at a start or a spike, and far from everything else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { curveLimits } from "../../src/elbowroom/web/static/kit/curve_limits.js";

const holds = ([low, high], values) => values.every((value) => value >= low && value <= high);
const falling = (n, first, last) => Array.from({ length: n }, (_, i) => last + (first - last) * 0.9 ** i);

test("a curve of few points is shown whole", () => {
  for (let n = 1; n < 10; n++) {
    const curve = falling(n, 1000, 100);
    assert.ok(holds(curveLimits([curve]), curve), `${curve}`);
  }
});

test("only the first tenth is cut off, where it is far from the rest", () => {
  const rest = falling(45, 130, 100);
  assert.ok(!holds(curveLimits([[5000, 2000, ...rest]]), [5000]));
  assert.ok(holds(curveLimits([[5000, 2000, ...rest]]), rest));
  const near = [180, 150, ...rest];
  assert.ok(holds(curveLimits([near]), near));
});

test("the last values of every curve are shown, however far they are from other curves", () => {
  const limits = curveLimits([falling(60, 40, 30), falling(60, 40, 30), falling(5, 900, 800)]);
  assert.ok(holds(limits, [falling(5, 900, 800).at(-1), 30]));
  const broken = [...falling(60, 40, 30), 5000];
  assert.ok(holds(curveLimits([broken]), [5000]));
});

test("a spike in the middle is cut off", () => {
  const curve = Array.from({ length: 400 }, (_, i) => 40 - i / 40);
  curve[200] = 1e6;
  const limits = curveLimits([curve]);
  assert.ok(limits[1] < 100);
  assert.ok(holds(limits, curve.toSpliced(200, 1)));
});

test("gaps do not count, and equal values have room around them", () => {
  assert.deepEqual(curveLimits([[null, 2, null, 2]]), [1.5, 2.5]);
  assert.equal(curveLimits([[null], []]), null);
});
