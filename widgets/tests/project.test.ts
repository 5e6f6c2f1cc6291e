/** Closed modules become boxes, and no drawing becomes cyclic by it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { COMFORTABLE, openedAtFirst, prefixesOf, project, type Scene } from "../src/project";
import { Draftsman, networkTrace, randomTrace } from "./fixtures/traces";

function isOrdered({ from, to }: Scene): boolean {
  return from.every((box, line) => box < to[line]!);
}

test("a path lies in all its prefixes", () => {
  assert.deepEqual(prefixesOf("a.b.c"), ["a", "a.b", "a.b.c"]);
  assert.deepEqual(prefixesOf(""), []);
});

test("with every module opened, boxes are nodes and lines are edges", () => {
  const trace = networkTrace();
  const scene = project(trace, openedAtFirst(trace));
  assert.deepEqual([...scene.boxOf], [...trace.nodes.kind.keys()]);
  assert.deepEqual([...scene.from], trace.edges.from);
  assert.deepEqual([...scene.slot], trace.edges.slot);
  assert.ok(scene.module.every((path) => path === ""));
});

test("a closed module is one box that stands for all its nodes", () => {
  const trace = networkTrace();
  const scene = project(trace, new Set(["act"]));
  const closed = scene.module.filter(Boolean);
  assert.deepEqual(closed, ["layer1", "layer2", "layer3"]);
  assert.equal(scene.nodeOf.length, trace.nodes.kind.length - 3 * 5);
  scene.module.forEach((path, box) => {
    if (path) assert.equal(trace.nodes.title[scene.nodeOf[box]!], "linear");
  });
  assert.ok(isOrdered(scene));
});

test("every edge between boxes is in exactly one line", () => {
  const trace = networkTrace();
  const scene = project(trace, new Set());
  const between = [...trace.edges.from.keys()].filter(
    (edge) => scene.boxOf[trace.edges.from[edge]!] !== scene.boxOf[trace.edges.to[edge]!],
  );
  assert.deepEqual(
    scene.edges.flat().sort((one, other) => one - other),
    between,
  );
});

test("a module that ran twice is two boxes", () => {
  const d = new Draftsman();
  let last = d.leaf("x");
  for (const module of ["cell", "", "cell", ""]) {
    for (let turn = 0; turn < 3; turn++) last = d.node("op", "tanh", [last], { module });
  }
  d.node("root", "sum", [last]);
  const scene = project(d.trace, new Set());
  assert.deepEqual(scene.module.filter(Boolean), ["cell", "cell"]);
  assert.ok(isOrdered(scene));
});

test("a piece that a path leaves and enters again is shown opened", () => {
  const d = new Draftsman();
  const start = d.node("op", "split", [d.leaf("x")], { module: "block" });
  const outside = d.node("op", "tanh", [start]);
  const inside = d.node("op", "relu", [start], { module: "block" });
  d.node("root", "+", [inside, d.node("op", "+", [inside, outside], { module: "block" })]);
  const scene = project(d.trace, new Set());
  assert.equal(scene.nodeOf.length, d.trace.nodes.kind.length);
  assert.ok(isOrdered(scene));
});

test("large graphs open level by level, as far as is comfortable", () => {
  const d = new Draftsman();
  let last = d.leaf("x");
  for (let block = 0; block < 40; block++) {
    for (let layer = 0; layer < 4; layer++) {
      for (let turn = 0; turn < 5; turn++) {
        last = d.node("op", "tanh", [last], { module: `block${block}.layer${layer}` });
      }
    }
  }
  d.node("root", "sum", [last]);
  const opened = openedAtFirst(d.trace);
  const shown = project(d.trace, opened);
  assert.equal(shown.nodeOf.length, 40 * 4 + 3);
  assert.ok(shown.nodeOf.length <= COMFORTABLE);
  assert.ok(opened.has("block7") && !opened.has("block7.layer1"));
});

test("a graph without modules is shown whole, however large", () => {
  const trace = randomTrace(5_000);
  assert.equal(project(trace, openedAtFirst(trace)).nodeOf.length, trace.nodes.kind.length);
});
