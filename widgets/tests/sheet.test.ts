/** Scales, steps and paths of charts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { time } from "../src/format";
import { linear, logarithmic, nearest, pathOf, powerOfTen, steppedTo } from "../src/sheet";
import { axis } from "../src/ticks";

test("a linear scale leads there and back, also between the largest numbers", () => {
  for (const numbers of [[-1, 3], [0, 1e-12], [-1.7e308, 1.7e308]]) {
    const scale = linear(axis(numbers, 5), 40, 600);
    assert.ok(Math.abs(scale.px(numbers[0]!) - 40) < 1e-6);
    assert.ok(Math.abs(scale.px(numbers[1]!) - 600) < 1e-6);
    assert.ok(Math.abs(scale.px(scale.value(320)) - 320) < 1e-6);
  }
});

for (const [what, numbers, ticks] of [
  ["many decades", [1e-9, 1e3], ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01", "1", "100"]],
  ["less than one", [0.06, 0.6], ["0.05", "0.1", "0.2", "0.5"]],
  ["nothing positive", [0, -1, NaN, Infinity], ["0.1", "1", "10"]],
] as const) {
  test(`a logarithmic scale of ${what} has round ticks`, () => {
    const { axis: along } = logarithmic(numbers, 240, 10);
    const shown = along.ticks.map(({ text }) => text);
    for (const tick of ticks) assert.ok(shown.includes(tick), `${tick} in ${shown}`);
    assert.ok(along.ticks.every(({ at }) => at >= along.low && at <= along.high));
    assert.ok(shown.length <= 9, `${shown}`);
  });
}

test("a logarithmic scale leads there and back", () => {
  const scale = logarithmic([1e-7, 10], 240, 10);
  assert.ok(Math.abs(scale.value(scale.px(1e-3)) - 1e-3) < 1e-12);
  assert.ok(scale.px(10) < scale.px(1e-7));
});

for (const [power, text] of [[0, "1"], [-2, "0.01"], [2, "100"], [-12, "10⁻¹²"], [7, "10⁷"]] as const) {
  test(`ten to the ${power} is written ${text}`, () => assert.equal(powerOfTen(power), text));
}

for (const [key, to] of [
  ["ArrowLeft", 4],
  ["ArrowRight", 6],
  ["Home", 0],
  ["End", 39],
  ["PageUp", 9],
  ["PageDown", 1],
  ["x", undefined],
] as const) {
  test(`${key} leads from place 5 of 40 to ${to}`, () => assert.equal(steppedTo(key, 5, 40), to));
}

test("a step stays within its row", () => {
  assert.equal(steppedTo("ArrowLeft", 0, 3), 0);
  assert.equal(steppedTo("PageUp", 2, 3), 2);
});

test("the nearest number is found among gaps", () => {
  assert.equal(nearest([NaN, 1, 2, 10], 7), 3);
  assert.equal(nearest([NaN], 7), -1);
  assert.equal(nearest([], 7), -1);
});

test("a path has gaps where numbers are none", () => {
  const points = [[0, 0], [1, 1], [2, NaN], [3, 3]] as const;
  assert.equal(pathOf(points), "M0.0 0.0L1.0 1.0M3.0 3.0");
});

for (const [us, text] of [[0, "0 µs"], [12.345, "12.3 µs"], [1500, "1.5 ms"], [2.5e6, "2.5 s"]] as const) {
  test(`${us} microseconds are ${text}`, () => assert.equal(time(us), text));
}
