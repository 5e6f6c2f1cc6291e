/** The layout's promises: downwards, nothing overlaps, chains straight, old nodes stay, quick. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf } from "../src/groups";
import { keep } from "../src/growing";
import { bendsPassed, type Graph, layout, type Layout } from "../src/layout";
import { project } from "../src/project";
import type { Trace } from "../src/trace";
import * as make from "./fixtures/traces";

const GAP = 26;

function graphOf(trace: Trace, size = trace.nodes.kind.length): Graph {
  const groups = groupsOf(trace, false);
  const whole = project(trace, groups, new Set(groups.key));
  const kept = [...whole.to.keys()].filter((edge) => whole.to[edge]! < size);
  return {
    widths: Array.from({ length: size }, (_, node) => 60 + ((node * 37) % 90)),
    from: kept.map((edge) => whole.from[edge]!),
    to: kept.map((edge) => whole.to[edge]!),
    slot: kept.map((edge) => whole.slot[edge]!),
  };
}

function pointsDown(graph: Graph, plan: Layout): void {
  for (let edge = 0; edge < graph.from.length; edge++) {
    assert.ok(plan.layer[graph.from[edge]!]! < plan.layer[graph.to[edge]!]!);
  }
}

function keepsGaps(graph: Graph, plan: Layout): void {
  const width = (item: number) => (item < plan.count ? graph.widths[item]! : 10);
  for (const row of plan.rows) {
    for (let at = 1; at < row.length; at++) {
      const [one, other] = [row[at - 1]!, row[at]!];
      const apart = plan.x[other]! - plan.x[one]!;
      assert.ok(
        apart >= (width(one) + width(other)) / 2 + GAP - 1e-6,
        `${one} and ${other} overlap`,
      );
    }
  }
}

const TRACES = {
  sin: make.sinTrace(),
  diamond: make.diamondTrace(),
  network: make.networkTrace(),
  chain: make.chainTrace(10_000),
  fan: make.fanTrace(5_000),
  recurrent: make.recurrentTrace(10_000),
  random: make.randomTrace(10_000),
};

for (const [name, trace] of Object.entries(TRACES)) {
  test(`${name}: edges point down, boxes keep apart, each item is in one row`, () => {
    const graph = graphOf(trace);
    const plan = layout(graph);
    pointsDown(graph, plan);
    keepsGaps(graph, plan);
    const placed = plan.rows.flatMap((row) => [...row]).sort((one, other) => one - other);
    assert.deepEqual(placed, [...plan.x.keys()]);
    assert.ok(plan.x.every(Number.isFinite));
  });

  test(`${name}: what is laid out stays where it is when the graph grows`, () => {
    const size = trace.nodes.kind.length;
    let plan = layout(graphOf(trace, Math.ceil(size * 0.6)));
    for (const share of [0.8, 0.9, 1]) {
      const graph = graphOf(trace, Math.ceil(size * share));
      const kept = keep(plan, graph.widths.length, (node) => (node < plan.count ? node : -1));
      const grown = layout(graph, kept);
      for (let node = 0; node < plan.count; node++) {
        assert.equal(grown.x[node], plan.x[node]);
        assert.equal(grown.layer[node], plan.layer[node]);
      }
      pointsDown(graph, grown);
      keepsGaps(graph, grown);
      plan = grown;
    }
  });
}

test("a chain of 10,000 is one straight line", () => {
  const plan = layout(graphOf(TRACES.chain));
  assert.equal(new Set(plan.x).size, 1);
  assert.equal(plan.rows.length, 10_000);
});

test("both ways round a diamond are equally far from its axis", () => {
  const trace = TRACES.diamond;
  const plan = layout({ ...graphOf(trace), widths: trace.nodes.kind.map(() => 80) });
  const [, x, square, sine, sum] = plan.x;
  assert.ok(Math.abs(x! - sum!) < 1e-6);
  assert.ok(Math.abs(square! + sine! - 2 * x!) < 1e-6);
});

test("a weight stands just above the operation that uses it", () => {
  const { nodes, edges } = TRACES.network;
  const plan = layout(graphOf(TRACES.network));
  edges.from.forEach((from, edge) => {
    if (nodes.kind[from] !== "accumulate") return;
    assert.equal(plan.layer[from], plan.layer[edges.to[edge]!]! - 1);
  });
});

test("an edge used by 10,000 operations has one trunk", () => {
  const graph = graphOf(TRACES.recurrent);
  const plan = layout(graph);
  assert.ok(plan.x.length < 2.1 * plan.count);
  assert.equal(bendsPassed(plan, 1, plan.count - 2), plan.count - 6);
});

test("far too many long edges go straight rather than bend a million times", () => {
  const size = 3_000;
  const chain = Array.from({ length: size - 1 }, (_, node) => node);
  const far = chain.slice(0, size / 2).filter((node) => node < size / 2 - 1);
  const graph: Graph = {
    widths: Array(size).fill(80),
    from: [...chain, ...far],
    to: [...chain.map((node) => node + 1), ...far.map((node) => node + size / 2)],
    slot: [...chain.map(() => 0), ...far.map(() => 1)],
  };
  const plan = layout(graph);
  assert.ok(plan.x.length <= 5 * size + 1000);
  assert.equal(bendsPassed(plan, 0, size / 2), 0);
  pointsDown(graph, plan);
});

test("an empty graph and a single node have a layout", () => {
  const none = layout({ widths: [], from: [], to: [], slot: [] });
  assert.deepEqual([none.count, none.rows.length, none.left, none.right], [0, 0, 0, 0]);
  const one = layout({ widths: [100], from: [], to: [], slot: [] });
  assert.equal(one.right - one.left, 100);
});
