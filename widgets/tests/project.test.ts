/** Closed modules become boxes, and no drawing becomes cyclic by it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Groups, groupsOf } from "../src/groups";
import { COMFORTABLE, openedAtFirst, project as projectWith, type Scene } from "../src/project";
import type { Trace } from "../src/trace";
import { Draftsman, networkTrace } from "./fixtures/traces";

function isOrdered({ from, to }: Scene): boolean {
  return from.every((box, line) => box < to[line]!);
}

/** The scene in which the groups of these names, and no others, are opened. */
function project(trace: Trace, opened: readonly string[], groups = groupsOf(trace, false)): Scene {
  const keys = groups.key.filter((_, group) => opened.includes(groups.name[group]!));
  return projectWith(trace, groups, new Set(keys));
}

function closed(trace: Trace, scene: Scene, groups: Groups = groupsOf(trace, false)): string[] {
  return [...scene.group].filter((group) => group >= 0).map((group) => groups.name[group]!);
}

test("with every module opened, boxes are nodes and lines are edges", () => {
  const trace = networkTrace();
  const scene = project(trace, trace.groups.name);
  assert.deepEqual([...scene.boxOf], [...trace.nodes.kind.keys()]);
  assert.deepEqual([...scene.from], trace.edges.from);
  assert.deepEqual([...scene.slot], trace.edges.slot);
  assert.deepEqual(closed(trace, scene), []);
});

test("a closed module is one box that stands for all its nodes", () => {
  const trace = networkTrace();
  const scene = project(trace, ["act"]);
  assert.deepEqual(closed(trace, scene), ["layer1", "layer2", "layer3"]);
  assert.equal(scene.nodeOf.length, trace.nodes.kind.length - 3 * 5);
  scene.group.forEach((group, box) => {
    if (group >= 0) assert.equal(trace.nodes.title[scene.nodeOf[box]!], "linear");
  });
  assert.ok(isOrdered(scene));
});

test("every edge between boxes is in exactly one line", () => {
  const trace = networkTrace();
  const scene = project(trace, []);
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
  const scene = project(d.trace, []);
  assert.deepEqual(closed(d.trace, scene), ["cell", "cell"]);
  assert.ok(isOrdered(scene));
});

test("a piece that a path leaves and enters again is shown opened", () => {
  const d = new Draftsman();
  const start = d.node("op", "split", [d.leaf("x")], { module: "block" });
  const outside = d.node("op", "tanh", [start]);
  const inside = d.node("op", "relu", [start], { module: "block" });
  d.node("root", "+", [inside, d.node("op", "+", [inside, outside], { module: "block" })]);
  const scene = project(d.trace, []);
  assert.equal(scene.nodeOf.length, d.trace.nodes.kind.length);
  assert.ok(isOrdered(scene));
});

test("large graphs open level by level, as far as is comfortable", () => {
  const d = new Draftsman();
  let last = d.leaf("x");
  for (let block = 0; block < 40; block++) {
    for (let layer = 0; layer < 4; layer++) {
      for (let turn = 0; turn < 5 + (block % 2); turn++) {
        last = d.node("op", "tanh", [last], { module: `block${block}.layer${layer}` });
      }
    }
  }
  d.node("root", "sum", [last]);
  const groups = groupsOf(d.trace, false);
  const shown = projectWith(d.trace, groups, openedAtFirst(d.trace, groups));
  assert.equal(shown.nodeOf.length, 40 + 3);
  assert.ok(shown.nodeOf.length <= COMFORTABLE);
});

test("a small graph is shown whole, whatever repeats in it", () => {
  const trace = networkTrace();
  const groups = groupsOf(trace, true);
  const shown = projectWith(trace, groups, openedAtFirst(trace, groups));
  assert.equal(shown.nodeOf.length, trace.nodes.kind.length);
});
