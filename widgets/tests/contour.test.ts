/** Contours: regions and lines lie where the heights say. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Grid, regionAbove } from "../src/contour";

const same = (x: number, y: number) => [x, y] as const;

/** The area of a path of closed polygons, by the shoelace formula. */
function area(path: string): number {
  let sum = 0;
  for (const polygon of path.split("z").filter(Boolean)) {
    const points = polygon.slice(1).split("L").map((pair) => pair.split(" ").map(Number));
    points.forEach(([x, y], at) => {
      const [nextX, nextY] = points[(at + 1) % points.length]!;
      sum += (x! * nextY! - nextX! * y!) / 2;
    });
  }
  return Math.abs(sum);
}

function gridOf(f: (x: number, y: number) => number, size = 41, reach = 100): Grid {
  const places = Array.from({ length: size }, (_, at) => (2 * reach * at) / (size - 1) - reach);
  return { x: places, y: places, z: places.map((y) => places.map((x) => f(x, y))) };
}

for (const [what, f, level, expected] of [
  ["all of a sheet that is higher", () => 5, 1, 40_000],
  ["nothing of a sheet that is lower", () => 0, 1, 0],
  ["half of a slope", (x: number) => x, 0, 20_000],
  ["a third of it, between the grid's places", (x: number) => x, 100 / 3, 40_000 / 3],
  ["what is outside of a disc", (x: number, y: number) => Math.hypot(x, y), 50, 40_000 - 2500 * Math.PI],
  ["all above minus infinity", (x: number) => x, -Infinity, 40_000],
] as const) {
  test(`the region holds ${what}`, () => {
    const { region } = regionAbove(gridOf(f), level, same);
    assert.ok(Math.abs(area(region) - expected) < 0.01 * 40_000, `${area(region)}`);
  });
}

test("the line of a slope is straight, and at its level", () => {
  const { line } = regionAbove(gridOf((x) => x), 12.5, same);
  const points = line.match(/-?[\d.]+ -?[\d.]+/g)!.map((pair) => pair.split(" ").map(Number));
  assert.equal(points.length, 2 * 40);
  for (const [x] of points) assert.equal(x, 12.5);
});

test("a circle's line is as long as the circle", () => {
  const { line } = regionAbove(gridOf((x, y) => Math.hypot(x, y)), 60, same);
  const length = line
    .split("M")
    .filter(Boolean)
    .map((piece) => piece.split("L").map((pair) => pair.split(" ").map(Number)))
    .reduce((sum, [[x, y], [u, v]]: any) => sum + Math.hypot(x - u, y - v), 0);
  assert.ok(Math.abs(length - 2 * Math.PI * 60) < 8, `${length}`);
});

test("what is no number is a hole, for every level", () => {
  const grid = gridOf((x, y) => (x === 0 && y === 0 ? NaN : 1));
  for (const level of [-Infinity, 0]) {
    const { region } = regionAbove(grid, level, same);
    assert.ok(!region.includes("NaN"));
    assert.ok(Math.abs(area(region) - (40_000 - 100)) < 1, `${area(region)}`);
  }
});
