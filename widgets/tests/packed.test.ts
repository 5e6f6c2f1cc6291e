/** What Python packs is unpacked to what it would have written plainly; what is broken is refused. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Misfit } from "../src/payload";
import { readTrace } from "../src/trace";

/** Written by fixtures/write_packed.py. */
const both = JSON.parse(readFileSync("tests/fixtures/packed.json", "utf-8"));
const packed = () => structuredClone(both.packed);

/** Means and norms are summed in another order here: they may differ in the last of their digits. */
function alike(one: unknown, other: unknown): boolean {
  if (typeof one !== "number" || typeof other !== "number") return one === other;
  return Object.is(one, other) || Math.abs(one - other) <= 2e-7 * Math.abs(other);
}

test("a packed trace is the trace that was packed", () => {
  const { numbers, ...read }: any = readTrace(packed());
  const { mean, norm, ...values } = read.values;
  read.math = [...read.math]; // which are finished when somebody looks at them
  read.steps.words = [...read.steps.words];
  const plain = both.plain;
  for (const [name, column] of Object.entries({ mean, norm })) {
    (column as unknown[]).forEach((cell, row) =>
      assert.ok(alike(cell, plain.values[name][row]), `${name} ${row}: ${cell}`),
    );
  }
  assert.deepEqual({ ...read, values: { ...plain.values, ...values } }, plain);
});

const broken: [string, (trace: any) => void][] = [
  ["text that is no base 64", (t) => (t.nodes.op.codes = "%")],
  ["a code that stands for no cell", (t) => (t.nodes.op.cells.length = 9)],
  ["more rows than there are codes", (t) => (t.nodes.op.rows = 4_000)],
  ["more rows than can be", (t) => (t.nodes.op.rows = 1e12)],
  ["no rows", (t) => delete t.nodes.op.rows],
  ["cells that are none", (t) => (t.nodes.op.cells = 3)],
  ["numbers cut in the middle", (t) => (t.values.f4 = "AAA=")],
  ["too few numbers", (t) => (t.values.f4 = "")],
  ["a stream that is none", (t) => (t.values.in.cells = ["constructor"])],
  ["lengths without what they cut", (t) => delete t.steps.incoming.flat],
  ["pairs of which half is missing", (t) => delete t.nodes.saved.flat.second],
  ["formulas without numbers", (t) => delete t.math.numbers],
  ["sentences that are none", (t) => (t.steps.words = 7)],
];

for (const [what, spoil] of broken) {
  test(`${what}: refused`, () => {
    const trace = packed();
    spoil(trace);
    assert.throws(() => readTrace(trace), Misfit);
  });
}
