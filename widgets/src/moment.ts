/**
 * The state of a backward pass at a position, derived from the trace alone.
 *
 * Nothing is accumulated while stepping, so going back gives exactly the state that going forward
 * gave, and a slider may jump anywhere.
 */

import { joined } from "./lists";
import type { Trace } from "./trace";

export type NodeState = "waiting" | "now" | "done";

/** When each node ran and what left it, in one look over the steps. */
export interface Timeline {
  /** The step at which a node's rule, or its accumulate, ran; Infinity if it never does. */
  readonly ranAt: Float64Array;
  /** For each edge, the gradient that leaves along it, and when; -1 where none does. */
  readonly gradient: Int32Array;
  readonly leftAt: Float64Array;
  /** The step at which a node lets go of what it saved. */
  readonly freedAt: Float64Array;
  /** "Σ axis 0" for each "node slot" by which a gradient leaves summed. */
  readonly summed: ReadonlyMap<string, string>;
  /** What stands beside nodes: that hooks ran there, which pass made them. */
  readonly marks: ReadonlyMap<number, string>;
}

export function timeline({ nodes, edges, steps, sums, hooks, second }: Trace): Timeline {
  const ranAt = new Float64Array(nodes.kind.length).fill(Infinity);
  const freedAt = ranAt.slice();
  steps.kind.forEach((kind, step) => {
    if (kind === "vjp" || kind === "accumulate") ranAt[steps.node[step]!] = step;
    if (kind === "free") freedAt[steps.node[step]!] = step;
  });
  const gradient = new Int32Array(edges.to.length).fill(-1);
  const leftAt = new Float64Array(edges.to.length).fill(Infinity);
  edges.to.forEach((node, edge) => {
    const step = ranAt[node]!;
    const value = step < Infinity ? steps.outgoing[step]![edges.slot[edge]!] : null;
    if (value === null || value === undefined) return;
    gradient[edge] = value;
    leftAt[edge] = step;
  });
  const summed = new Map(
    sums?.node.map((node, row) => {
      const axes = sums.axes[row]!;
      const called = axes.length > 1 ? "axes" : "axis";
      return [`${node} ${sums.slot[row]}`, `Σ ${called} ${axes.join(", ")}`];
    }),
  );
  const marks = new Map<number, string>(hooks?.node.map((node) => [node, "hook"]));
  second?.node.forEach((node, row) => {
    const of = nodes.title[second.of[row]!];
    const order = second.order[row]!;
    const made = `${order}${order === 2 ? "nd" : order === 3 ? "rd" : "th"} of ${of}`;
    marks.set(node, joined([made, marks.get(node)], " · "));
  });
  return { ranAt, gradient, leftAt, freedAt, summed, marks };
}

/** A node is running, has run, or waits; `position` -1 is before the first step. */
export function nodeState(
  trace: Trace,
  { ranAt }: Timeline,
  node: number,
  position: number,
): NodeState {
  if (trace.steps.node[position] === node) return "now";
  return ranAt[node]! < position ? "done" : "waiting";
}

/** Where a node takes part in the pass: a leaf by the node that accumulates for it. */
export function runnerOf({ nodes, edges }: Trace, node: number): number {
  return nodes.kind[node] === "leaf" ? (edges.to[edges.from.indexOf(node)] ?? node) : node;
}

/** The value row of an accumulate node's `.grad` at `position`; null while it is None. */
export function gradOf(
  trace: Trace,
  { ranAt }: Timeline,
  node: number,
  position: number,
): number | null {
  const step = ranAt[node]!;
  if (step === Infinity) return null;
  return (position >= step ? trace.steps.after : trace.steps.before)[step]!;
}

/** A node's title, and what the user calls its result. */
export function titleOf({ nodes }: Trace, node: number): string {
  return joined([nodes.title[node], nodes.name[node]]);
}

/** The variable an accumulate node writes to, by the name the user gave it. */
export function variableName({ nodes, edges }: Trace, accumulate: number): string {
  const edge = edges.to.indexOf(accumulate);
  const leaf = edge < 0 ? accumulate : edges.from[edge]!;
  return nodes.name[leaf] || nodes.title[leaf] || "the leaf";
}
