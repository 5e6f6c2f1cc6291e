/** Repetitions are found and folded; leaves that one turn owns go with it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Groups, groupsOf } from "../src/groups";
import { COMFORTABLE, MOST, openedAtFirst, project } from "../src/project";
import type { Trace } from "../src/trace";
import { chainTrace, Draftsman, fanTrace, recurrentTrace } from "./fixtures/traces";

function atFirst(trace: Trace): { groups: Groups; titles: string[]; boxes: number } {
  const groups = groupsOf(trace, true);
  const scene = project(trace, groups, openedAtFirst(trace, groups));
  const titles = Array.from(scene.group, (group, box) =>
    group < 0
      ? trace.nodes.title[scene.nodeOf[box]!]!
      : `${groups.name[group]} ×${groups.times[group]}`,
  );
  return { groups, titles, boxes: titles.length };
}

/** A cell of three operations, called `times` times; its weight is outside. */
function unrolled(times: number): Trace {
  const d = new Draftsman();
  const weight = d.leaf("w");
  let last = d.leaf("x");
  for (let turn = 0; turn < times; turn++) {
    const group = d.call("cell");
    const product = d.node("op", "matmul", [last, weight], { op: "MmBackward0", group });
    const sum = d.node("op", "+", [product, last], { op: "AddBackward0", group });
    last = d.node("op", "tanh", [sum], { op: "TanhBackward0", group });
  }
  d.node("root", "sum", [last], { op: "SumBackward0" });
  return d.trace;
}

test("equal calls in a row are folded into one box that counts them", () => {
  const { titles } = atFirst(unrolled(500));
  assert.deepEqual(titles.sort(), ["accumulate", "accumulate", "cell ×500", "sum", "w", "x"].sort());
});

test("two of a kind are no repetition", () => {
  const { groups } = atFirst(unrolled(2));
  assert.ok(!groups.kind.includes("fold"));
});

test("a chain of equal pairs is folded by its turns", () => {
  const { titles, groups, boxes } = atFirst(chainTrace(10_000));
  assert.ok(boxes < 10, titles.join());
  assert.ok(groups.times.some((times) => times > 4000));
});

test("a weight that every turn uses stays outside", () => {
  const { titles } = atFirst(recurrentTrace(10_000));
  assert.ok(titles.includes("w"), titles.join());
});

test("many leaves of one operation are one box", () => {
  const { titles, boxes } = atFirst(fanTrace(5_000));
  assert.equal(boxes, 2);
  assert.ok(titles[0]!.includes("×5000"), titles.join());
});

test("weights of their own go with the turn that uses them", () => {
  const d = new Draftsman();
  let last = d.leaf("x");
  for (let layer = 0; layer < 60; layer++) {
    const product = d.node("op", "matmul", [last, d.leaf(`w${layer}`)], { op: "MmBackward0" });
    last = d.node("op", "relu", [product], { op: "ReluBackward0" });
  }
  d.node("root", "sum", [last], { op: "SumBackward0" });
  const { boxes, groups } = atFirst(d.trace);
  assert.ok(boxes <= 5, `${boxes}`);
  const turn = groups.kind.indexOf("turn");
  assert.equal(groups.size[turn + 1], 4);
});

test("keys of groups stay when the graph grows", () => {
  const [small, large] = [groupsOf(unrolled(40), true), groupsOf(unrolled(60), true)];
  for (const key of small.key) assert.ok(large.key.includes(key), key);
  assert.equal(new Set(large.key).size, large.key.length);
});

test("what can be folded is comfortable at first sight, and never too much", () => {
  for (const trace of [unrolled(500), chainTrace(10_000), fanTrace(5_000)]) {
    assert.ok(atFirst(trace).boxes <= COMFORTABLE);
  }
  assert.ok(COMFORTABLE <= MOST);
});
