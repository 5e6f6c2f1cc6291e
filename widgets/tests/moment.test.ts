/** The state at a position comes from the trace alone, and tells the sin example's story. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { gradOf, nodeState, runnerOf, timeline, variableName } from "../src/moment";
import { eventfulTrace, networkTrace, secondTrace, sinTrace } from "./fixtures/traces";

const trace = sinTrace();
const times = timeline(trace);
const states = (position: number) =>
  trace.nodes.kind.map((_, node) => nodeState(trace, times, node, position)[0]).join("");

for (const [position, told] of [
  [-1, "wwwwww"],
  [0, "wwwwwn"],
  [1, "wwwwwn"],
  [2, "wwwwnd"],
  [3, "wwwndd"],
  [4, "wwnddd"],
  [5, "wwnddd"],
  [6, "wndddd"],
] as const) {
  test(`at position ${position}, waiting, now and done are ${told}`, () => {
    assert.equal(states(position), told);
  });
}

test("each gradient leaves along its edge when its user's rule runs", () => {
  assert.deepEqual([...times.leftAt], [Infinity, 4, 3, 2, 1]);
  assert.equal(times.gradient[0], -1);
  assert.equal(times.gradient[1], trace.steps.outgoing[4]![0]);
});

test(".grad is None until the accumulate, and its value from then on", () => {
  assert.equal(gradOf(trace, times, 1, 5), null);
  assert.equal(gradOf(trace, times, 1, 6), trace.steps.after[6]);
  assert.equal(gradOf(trace, times, 0, 6), null);
});

test("an accumulate node is called by its variable's name", () => {
  assert.equal(variableName(trace, 1), "a");
  const network = networkTrace();
  assert.equal(
    variableName(network, network.nodes.name.lastIndexOf("layer2.weight") + 1),
    "layer2.weight",
  );
});

test("a node lets go of what it saved at its free step, others never do", () => {
  const { freedAt } = timeline(eventfulTrace());
  assert.deepEqual([...freedAt], [Infinity, Infinity, Infinity, Infinity, Infinity, 3, Infinity]);
});

test("axes that are summed are told by the node and slot that sum them", () => {
  assert.deepEqual([...timeline(eventfulTrace()).summed], [["4 1", "Σ axis 0"]]);
  const sums = { node: [4], slot: [0], axes: [[0, 2]] };
  assert.deepEqual([...timeline({ ...eventfulTrace(), sums }).summed], [["4 0", "Σ axes 0, 2"]]);
});

test("nodes are marked where hooks ran and where an earlier pass made them", () => {
  assert.deepEqual([...timeline(eventfulTrace()).marks], [[4, "hook"]]);
  const second = secondTrace();
  assert.deepEqual(
    [...timeline(second).marks],
    [
      [3, "2nd of sin"],
      [4, "2nd of sin"],
    ],
  );
  const hooks = eventfulTrace().hooks!;
  const third = { ...second.second!, order: [3, 4] };
  const both = timeline({ ...second, second: third, hooks }).marks;
  assert.equal(both.get(3), "3rd of sin");
  assert.equal(both.get(4), "4th of sin · hook");
});

test("a leaf takes part in the pass by the node that accumulates for it", () => {
  const eventful = eventfulTrace();
  assert.deepEqual(
    [0, 1, 2, 4].map((node) => runnerOf(eventful, node)),
    [1, 1, 3, 4],
  );
});
