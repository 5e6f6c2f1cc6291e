/**
 * What is shown of a trace: its nodes, with closed groups drawn as one box each.
 *
 * A module whose nodes lie apart becomes one box per connected piece; a piece that would make the
 * drawing cyclic (a path leaves it and comes back) is opened until it does not.
 */

import { type Groups, groupsAround } from "./groups";
import { ancestors, max, min, zeros } from "./lists";
import type { Trace } from "./trace";

export interface Scene {
  /** The box of each trace node. */
  readonly boxOf: Int32Array;
  /** For each box, the trace node that stands for it: its last, whose result leaves the box. */
  readonly nodeOf: Int32Array;
  /** For each box, the closed group it is, or -1 for a single node. */
  readonly group: Int32Array;
  /** For each box, the innermost opened group it lies in, or -1. */
  readonly around: Int32Array;
  /** For each box, how many trace nodes it holds. */
  readonly size: Int32Array;
  /** Lines between boxes, and the trace edges each stands for. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly slot: Int32Array;
  readonly edges: readonly (readonly number[])[];
}

/** Graphs up to this many boxes are shown whole. */
export const COMFORTABLE = 100;
/** A larger one is first shown as an overview of at most so many. */
const OVERVIEW = 12;
/** More boxes than these are only shown to those who open them. */
export const MOST = 300;

/** The scene of `trace` with the groups whose keys are in `opened` drawn node by node. */
export function project(trace: Trace, groups: Groups, opened: ReadonlySet<string>): Scene {
  const isOpen = groups.key.map((key) => opened.has(key));
  const outermost = outermostClosed(groups, isOpen);
  const closed = Int32Array.from(groups.of, (group) => (group < 0 ? -1 : outermost[group]!));
  let pieces = connectedPieces(trace, groups, closed);
  for (;;) {
    const scene = gather(trace, groups, closed, pieces);
    if (scene) return scene;
    openCycles(trace, groups, isOpen, closed, pieces);
    pieces = connectedPieces(trace, groups, closed);
  }
}

/** The groups to open at first: whole levels from the outside in, as long as they fit; no folds. */
export function openedAtFirst(trace: Trace, groups: Groups): Set<string> {
  if (trace.nodes.kind.length <= COMFORTABLE) return new Set(groups.key);
  const around = groups.name.map((_, group) => ancestors(groups.parent, group));
  const deepest = around.reduce((most, path) => max(most, path.length), 0);
  let opened = new Set<string>();
  for (let level = 1; level <= deepest; level++) {
    const isShown = (path: number[]) =>
      path.length <= level && path.every((group) => groups.times[group] === 1);
    const more = new Set(groups.key.filter((_, group) => isShown(around[group]!)));
    if (project(trace, groups, more).nodeOf.length > OVERVIEW) break;
    opened = more;
  }
  return opened;
}

/** For each group the outermost closed one around it, itself included; -1 if all are open. */
function outermostClosed({ parent }: Groups, isOpen: boolean[]): Int32Array {
  const found = zeros(parent.length).fill(-2);
  const settle = (group: number) => {
    for (const one of ancestors(parent, group)) {
      if (found[one]! > -2) continue;
      const outer = parent[one]! < 0 ? -1 : found[parent[one]!]!;
      found[one] = outer >= 0 || isOpen[one] ? outer : one;
    }
  };
  for (const group of parent.keys()) settle(group);
  return found;
}

/** For each node the lowest-numbered node of its piece, found by joining along edges. */
function connectedPieces({ nodes, edges }: Trace, groups: Groups, closed: Int32Array): Int32Array {
  const piece = Int32Array.from(nodes.kind.keys());
  const find = (node: number): number => {
    while (piece[node] !== node) node = piece[node] = piece[piece[node]!]!;
    return node;
  };
  const join = (node: number, with_: number) => {
    const [one, other] = [find(node), find(with_)];
    piece[max(one, other)] = min(one, other);
  };
  edges.from.forEach((from, edge) => {
    const to = edges.to[edge]!;
    if (closed[from]! >= 0 && closed[from] === closed[to]) join(from, to);
  });
  // What repeats belongs together even where its turns do not touch.
  const first = new Map<number, number>();
  closed.forEach((group, node) => {
    if (group < 0 || groups.kind[group] === "module") return;
    const known = first.get(group);
    if (known === undefined) first.set(group, node);
    else join(known, node);
  });
  return piece.map((_, node) => find(node));
}

/** Makes the scene, its boxes in an order where inputs come before users; null if there is none. */
function gather(
  trace: Trace,
  groups: Groups,
  closed: Int32Array,
  pieces: Int32Array,
): Scene | null {
  const order = sortedPieces(trace, pieces);
  if (order.length < new Set(pieces).size) return null;
  const rank = zeros(pieces.length);
  order.forEach((piece, box) => (rank[piece] = box));
  const boxOf = pieces.map((piece) => rank[piece]!);
  const size = zeros(order.length);
  const nodeOf = zeros(order.length);
  boxOf.forEach((box, node) => {
    size[box]!++;
    nodeOf[box] = node;
  });
  const group = Int32Array.from(order, (piece, box) => (size[box]! > 1 ? closed[piece]! : -1));
  const around = group.map((closedGroup, box) =>
    closedGroup < 0 ? groups.of[nodeOf[box]!]! : groups.parent[closedGroup]!,
  );
  return { boxOf, nodeOf, group, around, size, ...lines(trace, boxOf, size) };
}

function lines({ edges }: Trace, boxOf: Int32Array, size: Int32Array) {
  const members: number[][] = [];
  const [from, to, slot]: number[][] = [[], [], []];
  const shared = new Map<string, number>();
  edges.from.forEach((source, edge) => {
    const [one, other] = [boxOf[source]!, boxOf[edges.to[edge]!]!];
    if (one === other) return;
    // Two single nodes may be joined twice (x * x); with a module at an end, one line does for all.
    const key = size[one]! > 1 || size[other]! > 1 ? `${one} ${other}` : `${edge}`;
    const known = shared.get(key);
    if (known !== undefined) return void members[known]!.push(edge);
    shared.set(key, members.length);
    members.push([edge]);
    from!.push(one);
    to!.push(other);
    slot!.push(edges.slot[edge]!);
  });
  return {
    from: Int32Array.from(from!),
    to: Int32Array.from(to!),
    slot: Int32Array.from(slot!),
    edges: members,
  };
}

/** Pieces in topological order, by first node where there is a choice of start; short if cyclic. */
function sortedPieces(trace: Trace, pieces: Int32Array): number[] {
  const isWhole = pieces.every((piece, node) => piece === node);
  return isWhole ? [...pieces] : peel(trace, pieces, "from", "to");
}

/** Takes away, again and again, the pieces that nothing left over leads to. */
function peel({ edges }: Trace, pieces: Int32Array, tail: "from" | "to", head: "from" | "to") {
  const waitsFor = zeros(pieces.length);
  const next: number[][] = Array.from(pieces, () => []);
  edges[tail].forEach((end, edge) => {
    const [one, other] = [pieces[end]!, pieces[edges[head][edge]!]!];
    if (one === other) return;
    next[one]!.push(other);
    waitsFor[other]!++;
  });
  const order = [...new Set(pieces)].filter((piece) => waitsFor[piece] === 0);
  for (let at = 0; at < order.length; at++) {
    for (const piece of next[order[at]!]!) if (--waitsFor[piece]! === 0) order.push(piece);
  }
  return order;
}

/**
 * Opens, by one level, the groups whose pieces lie on a cycle: those that peeling from neither end
 * takes away. What they hold is closed as the user left it.
 */
function openCycles(
  trace: Trace,
  groups: Groups,
  isOpen: boolean[],
  closed: Int32Array,
  pieces: Int32Array,
): void {
  const peeled = new Set([
    ...peel(trace, pieces, "from", "to"),
    ...peel(trace, pieces, "to", "from"),
  ]);
  pieces.forEach((piece, node) => {
    if (peeled.has(piece) || closed[node]! < 0) return;
    const inside = groupsAround(groups, node);
    const deeper = inside.slice(inside.indexOf(closed[node]!) + 1);
    closed[node] = deeper.find((group) => !isOpen[group]) ?? -1;
  });
}
