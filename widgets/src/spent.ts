/** The time that nodes took, of graphs with a profile. */

import { time } from "./format";
import type { Trace } from "./trace";

export interface Spent {
  /** "↓ 12 µs ↑ 30 µs": forward, then backward. */
  readonly text: string;
  /** Its share of the whole graph's time, from 0 to 1. */
  readonly share: number;
}

/** What some nodes took together; null without a profile, or where it saw none of them. */
export function spentBy(trace: Trace, nodes: readonly number[]): Spent | null {
  if (!trace.times) return null;
  const { rowOf, all } = read(trace.times);
  const rows = nodes.flatMap((node) => rowOf.get(node) ?? []);
  if (!rows.length) return null;
  const sum = (column: readonly (number | null)[]) =>
    rows.reduce((total, row) => total + (column[row] ?? 0), 0);
  const [forward, backward] = [sum(trace.times.forward), sum(trace.times.backward)];
  return {
    text: `↓ ${time(forward / 1000)}  ↑ ${time(backward / 1000)}`,
    share: (forward + backward) / all,
  };
}

type Times = NonNullable<Trace["times"]>;

const known = new WeakMap<Times, { rowOf: Map<number, number>; all: number }>();

/** Each node's row, and the time of all. */
function read(times: Times) {
  const seen = known.get(times);
  if (seen) return seen;
  const rowOf = new Map(times.node.map((node, row) => [node, row]));
  const all = [...times.forward, ...times.backward].reduce<number>((sum, ns) => sum + (ns ?? 0), 0);
  const made = { rowOf, all: all || 1 };
  known.set(times, made);
  return made;
}
