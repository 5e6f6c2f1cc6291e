/** The charts' payloads: what fits docs/charts.md is taken, what does not is refused by name. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readField, readGradients, readPlot, readSweep, readTimeline } from "../src/chart-data";
import { Misfit } from "../src/payload";

const words = { schema: 1, title: "a chart", note: "" };

const FITTING = {
  plot: {
    ...words,
    x: [0, 1],
    y: [1, "nan"],
    dy: [2, 3],
    ddy: [0, 0],
    x_label: "x",
    y_label: "f",
    dy_label: "f′",
    ddy_label: "f″",
    at: 1,
  },
  sweep: {
    ...words,
    x: [0, 1],
    elements: [{ label: "w", now: 1, values: [{ label: "h", y: [1, 2] }], gradients: [] }],
  },
  field: {
    ...words,
    x: [0, 1],
    y: [0, 1, 2],
    z: [
      [0, 1],
      [2, "inf"],
      [3, 4],
    ],
    dx: null,
    dy: null,
    levels: [1, 2],
    x_label: "x",
    y_label: "y",
    z_label: "z",
    arrows: 0,
    paths: [{ name: "SGD", x: [1], y: [1], z: [1], dx: [1], dy: [1] }],
    here: [0, 0],
  },
  gradients: {
    ...words,
    steps: [0, 5],
    names: ["w"],
    sizes: [3],
    norms: [[1, "nan"]],
    bins: { low: -12, high: 4, count: 64 },
    histograms: [[[60, 1, 2, 3, 4], [0]]],
  },
  timeline: {
    ...words,
    names: ["mul"],
    phases: ["forward"],
    lanes: { name: ["thread 1"], depth: [1] },
    events: {
      name: [0],
      start: [0],
      end: [2.5],
      self: [2.5],
      depth: [0],
      parent: [null],
      lane: [0],
      phase: [0],
    },
    ops: { name: [0], phase: [0], self: [2.5], calls: [1] },
  },
};

const READERS = {
  plot: readPlot,
  sweep: readSweep,
  field: readField,
  gradients: readGradients,
  timeline: readTimeline,
};

type Name = keyof typeof FITTING;

for (const name of Object.keys(FITTING) as Name[]) {
  test(`a ${name} that fits is taken, also after a journey as JSON`, () => {
    const travelled: unknown = JSON.parse(JSON.stringify(FITTING[name]));
    assert.equal(READERS[name](travelled), travelled);
  });

  test(`a ${name} without any one of its parts is refused by its name`, () => {
    const optional = ["at", "ddy", "ddy_label"];
    for (const part of Object.keys(FITTING[name])) {
      if (optional.includes(part)) continue;
      const { [part]: _, ...rest } = FITTING[name] as Record<string, unknown>;
      assert.throws(() => READERS[name](rest), new RegExp(part), part);
    }
  });
}

const MISFITS: [Name, string, RegExp, (payload: any) => void][] = [
  ["plot", "a second derivative too short", /ddy has 1 rows, but x has 2/, (p) => p.ddy.pop()],
  ["plot", "no label for it", /ddy_label should be text/, (p) => delete p.ddy_label],
  ["plot", "a tangent nowhere", /at should be an index into x, below 2, or null/, (p) => (p.at = 2)],
  ["sweep", "no element", /elements is empty/, (p) => (p.elements = [])],
  [
    "sweep",
    "a line too short",
    /elements\[0\]\.values\[0\]\.y has 1 rows, but x has 2/,
    (p) => p.elements[0].values[0].y.pop(),
  ],
  ["sweep", "an element that is none", /elements\[0\] should be an object/, (p) => (p.elements[0] = 3)],
  ["field", "one place only", /x and y hold 1 and 3 places, not 2 or more/, (p) => p.x.pop()],
  ["field", "places that are none", /x\[1\] should be a finite number/, (p) => (p.x[1] = "nan")],
  ["field", "a row too short", /z\[2\] has 1 rows, but x has 2/, (p) => p.z[2].pop()],
  ["field", "a path without slopes", /paths\[0\]\.dx is missing/, (p) => delete p.paths[0].dx],
  ["field", "half a mark", /here has 1 rows/, (p) => (p.here = [0])],
  ["gradients", "a norm too many", /norms\[0\] has 3 rows, but steps has 2/, (p) => p.norms[0].push(1)],
  [
    "gradients",
    "bins that do not exist",
    /histograms\[0\]\[0\] should be a first bin and counts, together at most 64/,
    (p) => p.histograms[0][0].push(1),
  ],
  ["timeline", "a name out of range", /events\.name\[0\].*below 1/, (p) => (p.events.name[0] = 1)],
  ["timeline", "a caller out of range", /events\.parent\[0\]/, (p) => (p.events.parent[0] = 7)],
  ["timeline", "endless calls", /events\.end\[0\] should be a finite/, (p) => (p.events.end[0] = "inf")],
];

for (const [name, what, reason, spoil] of MISFITS) {
  test(`a ${name} with ${what} is refused by name`, () => {
    const payload = structuredClone(FITTING[name]);
    spoil(payload);
    assert.throws(
      () => READERS[name](payload),
      (error) => error instanceof Misfit && reason.test(error.message),
    );
  });
}
