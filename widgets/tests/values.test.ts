/** Values: which elements make which, where they lie, and what a page may not be made to show. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { recipeOf, termsOf } from "../src/elements";
import { placeOf } from "../src/format";
import type { Trace } from "../src/trace";
import { readTrace } from "../src/trace";
import { Draftsman, sinTrace } from "./fixtures/traces";

for (const [element, shape, place] of [
  [0, [3], "[0]"],
  [5, [2, 3], "[1, 2]"],
  [7, [2, 2, 2], "[1, 1, 1]"],
  [0, [], ""],
  [3, [4, 1], "[3, 0]"],
] as const) {
  test(`element ${element} of shape [${shape}] is at "${place}"`, () => {
    assert.equal(placeOf(element, shape), place);
  });
}

for (const [name, sizes, axes, element, terms] of [
  ["a product of matrices", [2, 3, 4], [[0, 2], [0, 1], [1, 2]], 5, [[3, 1], [4, 5], [5, 9]]],
  ["its gradient", [2, 3, 4], [[1, 2], [0, 1], [0, 2]], 5, [[1, 1], [4, 5]]],
  ["element by element", [2, 3], [[0, 1], [0, 1], [1]], 4, [[4, 1]]],
  ["a sum along the last axis", [2, 3], [[0], [0, 1]], 1, [[3], [4], [5]]],
  ["a sum over what was repeated", [2, 3], [[1], [0, 1]], 2, [[2], [5]]],
  ["transposed", [2, 3], [[1, 0], [0, 1]], 1, [[3]]],
  ["one number", [], [[], [], []], 0, [[0, 0]]],
  ["a mean of all", [2, 2], [[], [0, 1]], 0, [[0], [1], [2], [3]]],
] as const) {
  test(`the terms of an element: ${name}`, () => {
    assert.deepEqual(termsOf(sizes, axes, element), terms);
  });
}

/** c = a · b of 2×2 matrices, as a trace that can be taken apart. */
function product() {
  const d = new Draftsman();
  const a = d.value([2, 2], [1, 2, 3, 4]);
  const b = d.value([2, 2], [5, 6, 7, 8]);
  const c = d.value([2, 2], [19, 22, 43, 50]);
  d.node("root", "matmul", [d.leaf("a", { value: a }), d.leaf("b", { value: b })], { value: c });
  const math = (name: string) => d.math(`<mi>${name}</mi>`);
  const elements = {
    node: [4],
    part: [0],
    sizes: [[2, 2, 2]],
    axes: [[[0, 2], [0, 1], [1, 2]]],
    values: [[c, a, b]],
    names: [["c", "a", "b"].map(math)],
    term: [math("\ue300")],
    how: ["product"],
    plus: [null as number | null],
  };
  return { ...d.trace, elements };
}

test("a result is found by its node and slot", () => {
  const trace = readTrace(product());
  assert.equal(recipeOf(trace, 4, -1), 0);
  assert.equal(recipeOf(trace, 4, 0), -1);
  assert.equal(recipeOf(sinTrace(), 2, -1), -1);
});

type Broken = ReturnType<typeof product>["elements"];

for (const [name, spoil] of [
  ["an axis that is not there", (e: Broken) => (e.axes = [[[0, 9], [0, 1], [1, 2]]])],
  ["more axes than values", (e: Broken) => e.axes[0]!.push([0])],
  ["sizes that values have not", (e: Broken) => (e.sizes = [[2, 2, 3]])],
  ["too much to go through", (e: Broken) => e.sizes[0]!.push(1e9)],
  ["a value that is not there", (e: Broken) => (e.values = [[0, 1, 99]])],
  ["a formula that is not there", (e: Broken) => (e.term = [99])],
  ["a word that is not known", (e: Broken) => (e.how = ["median"])],
  ["an operand to add that is not there", (e: Broken) => (e.plus = [7])],
] as const) {
  test(`elements with ${name} are refused by name`, () => {
    const trace = product();
    spoil(trace.elements);
    assert.throws(() => readTrace(trace), /elements/);
  });
}

for (const [column, cell] of [
  ["value", 99],
  ["levels", 7],
  ["bins", ["x"]],
  ["rows", -1],
  ["scale", Infinity],
] as const) {
  test(`a sample with ${column} ${cell} is refused by name`, () => {
    const d = new Draftsman();
    d.node("root", "x", [], { value: d.value([100], Array(100).fill(1)) });
    const samples: Record<string, unknown[]> = {
      value: [0],
      rows: [1],
      columns: [2],
      levels: ["8A"],
      scale: [1],
      low: [-1],
      high: [1],
      bins: [[1, 1]],
    };
    const trace = { ...d.trace, samples } as unknown as Trace;
    assert.ok(readTrace(trace));
    samples[column] = [cell];
    assert.throws(() => readTrace(trace), new RegExp(`samples\\.${column}`));
  });
}
