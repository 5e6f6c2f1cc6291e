/** Numbers are short, and never say more or less than is there. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { around, bringIn, fit, seen, zoom } from "../src/camera";
import { clip, glance, isConstant, plural, shapeText, short } from "../src/format";
import { axis } from "../src/ticks";
import { Draftsman } from "./fixtures/traces";

for (const [element, dtype, text] of [
  [2, "float32", "2.0"],
  [2, "int64", "2"],
  [0, "float64", "0.0"],
  [-0, "float64", "-0.0"],
  [1.9318516, "float32", "1.932"],
  [-0.00012345, "float32", "-1.23e-4"],
  [123456, "float32", "1.23e+5"],
  [12345.67, "float32", "12345.7"],
  [1e-30, "float32", "1e-30"],
  [123456, "int32", "123456"],
  ["nan", "float32", "nan"],
  ["1+2j", "complex64", "1+2j"],
  ["0.682772517-1.2625196e-09j", "complex64", "0.6828-1.263e-9j"],
  ["nan+nanj", "complex64", "nan+nanj"],
  ["-inf", "float32", "-inf"],
  ["True", "bool", "True"],
  ["1152921504606846976", "int64", "1152921504606846976"],
] as const) {
  test(`${JSON.stringify(element)} of ${dtype} is written ${text}`, () => {
    assert.equal(short(element, dtype), text);
  });
}

for (const [data, text] of [
  [[], "no elements"],
  [[1.5], "1.5"],
  [[2, 2, 2], "3 × 2.0"],
  [[1, 2], "1.0, 2.0"],
  [[1.23456, 2, 3], "1.23, 2.0, …"],
  [["nan", "nan"], "nan, nan"],
  [["inf", "inf"], "2 × inf"],
] as const) {
  test(`${JSON.stringify(data)} is at a glance: ${text}`, () => {
    const d = new Draftsman();
    assert.equal(glance(d.trace.values, d.value([data.length], [...data])), text);
  });
}

test("a value with a NaN is not constant, though its minimum is its maximum", () => {
  const d = new Draftsman();
  assert.equal(isConstant(d.trace.values, d.value([2], [1, "nan"])), false);
});

test("shapes, counts and clipped texts", () => {
  assert.equal(shapeText([]), "scalar");
  assert.equal(shapeText([16, 0]), "[16, 0]");
  assert.equal(plural(1, "node"), "1 node");
  assert.equal(plural(10_000, "node"), "10,000 nodes");
  assert.equal(clip("abcdef", 4), "abc…");
});

for (const [numbers, ticks] of [
  [[0, 2 * Math.PI], "0 1 2 3 4 5 6"],
  [[-1, 1], "-1.0 -0.5 0 0.5 1.0"],
  [[0, 1e-9], "0 2e-10 4e-10 6e-10 8e-10 1e-9"],
  [[5, 5], "3 4 5 6 7"],
  [[], "0 0.2 0.4 0.6 0.8 1.0"],
] as const) {
  test(`the axis of ${JSON.stringify(numbers)} is marked ${ticks}`, () => {
    assert.equal(
      axis(numbers, 6)
        .ticks.map(({ text }) => text)
        .join(" "),
      ticks,
    );
  });
}

for (const numbers of [
  [-1.7e308, 1.7e308],
  [5e-324, 1e-323],
  [1e300, 1e300 * (1 + 1e-15)],
  [NaN, Infinity, 3],
]) {
  test(`the axis of ${JSON.stringify(numbers)} is finite and has few ticks`, () => {
    const { low, high, ticks } = axis(numbers, 6, 0.05);
    assert.ok(Number.isFinite(low) && Number.isFinite(high) && low <= high);
    assert.ok(ticks.length <= 24);
  });
}

const VIEW = { width: 400, height: 300 };

test("fit shows the whole world and never enlarges it", () => {
  const small = fit({ left: 0, right: 100, top: 0, bottom: 50 }, VIEW);
  assert.equal(small.scale, 1);
  const world = { left: -500, right: 3000, top: 0, bottom: 9000 };
  const part = seen(fit(world, VIEW), VIEW);
  assert.ok(part.left <= world.left && part.right >= world.right);
  assert.ok(part.top <= world.top && part.bottom >= world.bottom);
});

test("a part of a tall world at its bottom leaves nothing empty below", () => {
  const world = { left: 0, right: 100, top: 0, bottom: 5000 };
  const { bottom } = seen(around(50, 4990, 1, world, VIEW), VIEW);
  assert.equal(bottom, 5020);
});

test("zooming keeps the point under the pointer", () => {
  const camera = zoom({ x: 10, y: 20, scale: 1 }, 1.5, 110, 70);
  assert.equal((110 - camera.x) / camera.scale, 100);
  assert.equal((70 - camera.y) / camera.scale, 50);
});

test("a box in view leaves the camera alone; one outside is brought in", () => {
  const camera = { x: 0, y: 0, scale: 1 };
  const inside = { left: 10, right: 90, top: 10, bottom: 50 };
  assert.equal(bringIn(camera, inside, 40, VIEW), camera);
  const below = { left: 10, right: 90, top: 900, bottom: 940 };
  const part = seen(bringIn(camera, below, 40, VIEW), VIEW);
  assert.ok(part.bottom >= 980 && part.top <= 900);
});
