/**
 * The state of a backward pass at a position, derived from the trace alone.
 *
 * Nothing is accumulated while stepping, so going back gives exactly the state that going forward
 * gave, and a slider may jump anywhere.
 */

import type { Trace } from "./trace";

export type NodeState = "waiting" | "now" | "done";

/** When each node ran and what left it, in one look over the steps. */
export interface Timeline {
  /** The step at which a node's rule, or its accumulate, ran; Infinity if it never does. */
  readonly ranAt: Float64Array;
  /** For each edge, the gradient that leaves along it, and when; -1 where none does. */
  readonly gradient: Int32Array;
  readonly leftAt: Float64Array;
}

export function timeline({ nodes, edges, steps }: Trace): Timeline {
  const ranAt = new Float64Array(nodes.kind.length).fill(Infinity);
  steps.kind.forEach((kind, step) => {
    if (kind === "vjp" || kind === "accumulate") ranAt[steps.node[step]!] = step;
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
  return { ranAt, gradient, leftAt };
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

/** The variable an accumulate node writes to, by the name the user gave it. */
export function variableName({ nodes, edges }: Trace, accumulate: number): string {
  const edge = edges.to.indexOf(accumulate);
  const leaf = edge < 0 ? accumulate : edges.from[edge]!;
  return nodes.name[leaf] || nodes.title[leaf] || "the leaf";
}
