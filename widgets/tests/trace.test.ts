/** What fits docs/trace.md is taken; what does not is refused with the place and the reason. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlot } from "../src/chart-data";
import { Misfit } from "../src/payload";
import { readTrace } from "../src/trace";
import * as make from "./fixtures/traces";

const FITTING = {
  sin: make.sinTrace(),
  network: make.networkTrace(),
  diamond: make.diamondTrace(),
  nasty: make.nastyTrace(),
  empty: make.emptyTrace(),
  eventful: make.eventfulTrace(),
  second: make.secondTrace(),
  chain: make.chainTrace(10_000),
};

for (const [name, trace] of Object.entries(FITTING)) {
  test(`the ${name} trace is taken, also after a journey as JSON`, () => {
    assert.equal(readTrace(trace), trace);
    const travelled: unknown = JSON.parse(JSON.stringify(trace));
    assert.equal(readTrace(travelled), travelled);
  });
}

type Spoil = (trace: any) => void;

const MISFITS: [string, RegExp, Spoil][] = [
  ["another schema", /schema is 4, and this widget reads 1, 2 and 3/, (t) => (t.schema = 4)],
  ["no schema", /schema is missing/, (t) => delete t.schema],
  ["no nodes", /nodes is missing/, (t) => delete t.nodes],
  ["nodes as a list", /nodes should be an object of columns, but is \[\]/, (t) => (t.nodes = [])],
  ["a missing column", /nodes\.title is missing/, (t) => delete t.nodes.title],
  ["a short column", /nodes\.shape has 5 rows, but nodes\.kind has 6/, (t) => t.nodes.shape.pop()],
  [
    "an unknown kind",
    /nodes\.kind\[0\] should be one of leaf.*but is "tree"/,
    (t) => (t.nodes.kind[0] = "tree"),
  ],
  [
    "a title that is no text",
    /nodes\.title\[2\] should be text, but is 7/,
    (t) => (t.nodes.title[2] = 7),
  ],
  [
    "a negative length",
    /nodes\.shape\[1\].*0 or more, but is \[-1\]/,
    (t) => (t.nodes.shape[1] = [-1]),
  ],
  [
    "a value out of range",
    /nodes\.value\[0\].*below 10, or null, but is 99/,
    (t) => (t.nodes.value[0] = 99),
  ],
  ["a fractional index", /nodes\.source\[0\].*but is 0\.5/, (t) => (t.nodes.source[0] = 0.5)],
  [
    "a saved value without a name",
    /nodes\.saved\[2\].*pair of name/,
    (t) => (t.nodes.saved[2] = [[1, 1]]),
  ],
  [
    "a formula out of range",
    /nodes\.formula\[0\].*index into math/,
    (t) => (t.nodes.formula[0] = 1000),
  ],
  ["an edge to nowhere", /edges\.to\[4\].*below 6, but is 6/, (t) => (t.edges.to[4] = 6)],
  ["an edge backwards", /edges row 0 goes from 1 to 1/, (t) => (t.edges.from[0] = 1)],
  ["a root out of range", /root should be an index into nodes/, (t) => (t.root = -1)],
  ["a step of no node", /steps\.node\[0\]/, (t) => (t.steps.node[0] = 6)],
  ["a step of unknown kind", /steps\.kind\[1\].*"jump"/, (t) => (t.steps.kind[1] = "jump")],
  ["a gradient out of range", /steps\.incoming\[0\]/, (t) => (t.steps.incoming[0] = [77])],
  [
    "words that are none",
    /steps\.words\[0\] should be text, but is null/,
    (t) => (t.steps.words[0] = null),
  ],
  ["a bare NaN", /values\.data\[0\].*finite number or text/, (t) => (t.values.data[0][0] = NaN)],
  [
    "too many elements",
    /values\.data\[4\] has 2 elements, but 1 to 1 fit/,
    (t) => t.values.data[4].push(1),
  ],
  ["a statistic that is a list", /values\.max\[0\]/, (t) => (t.values.max[0] = [])],
  ["a source line that is text", /sources\.line\[0\]/, (t) => (t.sources.line[0] = "one")],
  ["math that is no text", /math\[0\] should be text/, (t) => (t.math[0] = {})],
  [
    "a sum at no node",
    /sums\.node\[0\] should be an index into nodes, below 6, but is 9/,
    (t) => (t.sums = { node: [9], slot: [0], axes: [[0]] }),
  ],
  ["a hook without names", /hooks\.name is missing/, (t) => (t.hooks = { node: [], kind: [] })],
  [
    "a term of a value that is not there",
    /terms\.sum\[0\] should be an index into values/,
    (t) => (t.terms = { node: [2], slot: [0], sum: [1000] }),
  ],
  ["a second graph as a list", /second should be an object/, (t) => (t.second = [])],
];

for (const [what, reason, spoil] of MISFITS) {
  test(`a trace with ${what} is refused by name`, () => {
    const trace = structuredClone(make.sinTrace());
    spoil(trace);
    assert.throws(
      () => readTrace(trace),
      (error) => error instanceof Misfit && reason.test(error.message),
    );
  });
}

for (const nothing of [null, undefined, {}, [], "trace", 3]) {
  test(`${JSON.stringify(nothing)} is an empty payload`, () => {
    assert.throws(() => readTrace(nothing), /the payload is empty/);
    assert.throws(() => readPlot(nothing), /the payload is empty/);
  });
}

test("plots are taken with and without y", () => {
  const plot = make.sinPlot();
  assert.equal(readPlot(plot), plot);
  assert.equal(readPlot({ ...plot, y: null }).y, null);
});

for (const [what, change, reason] of [
  ["dy too short", { dy: [1] }, /dy has 1 rows, but x has 200/],
  ["x that is no list", { x: "abc" }, /x should be a list/],
  ["a bare infinity", { y: Array(200).fill(Infinity) }, /y\[0\] should be a finite number/],
  ["no label", { x_label: undefined }, /x_label should be text, but is missing/],
] as const) {
  test(`a plot with ${what} is refused by name`, () => {
    assert.throws(() => readPlot({ ...make.sinPlot(), ...change }), reason);
  });
}
