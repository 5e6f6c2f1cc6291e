/** The state at a position comes from the trace alone, and tells the sin example's story. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { gradOf, nodeState, timeline, variableName } from "../src/moment";
import { networkTrace, sinTrace } from "./fixtures/traces";

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
