/**
 * What is shown of a trace: its nodes, with closed modules drawn as one box each.
 *
 * A module that ran twice, or whose nodes lie apart, becomes one box per connected piece; a piece
 * that would make the drawing cyclic (a path leaves it and comes back) is shown opened instead.
 */

import type { Trace } from "./trace";

export interface Scene {
  /** The box of each trace node. */
  readonly boxOf: Int32Array;
  /** For each box, the trace node that stands for it: its last, whose result leaves the box. */
  readonly nodeOf: Int32Array;
  /** For each box, the closed module it is, or "" for a single node. */
  readonly module: readonly string[];
  /** For each box, how many trace nodes it holds. */
  readonly size: Int32Array;
  /** Lines between boxes, and the trace edges each stands for. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly slot: Int32Array;
  readonly edges: readonly (readonly number[])[];
}

/** Graphs up to this many boxes are shown whole. */
export const COMFORTABLE = 300;

/** The scene of `trace` with the modules in `opened` drawn node by node. */
export function project(trace: Trace, opened: ReadonlySet<string>): Scene {
  const closed = trace.nodes.module.map((path) => closedModule(path, opened));
  let pieces = connectedPieces(trace, closed);
  for (;;) {
    const scene = gather(trace, closed, pieces);
    if (scene) return scene;
    pieces = withoutCycles(trace, pieces);
  }
}

/** The modules to open at first: whole levels from the outside in, as long as they fit. */
export function openedAtFirst(trace: Trace): Set<string> {
  const prefixes = new Set(trace.nodes.module.flatMap(prefixesOf));
  const deepest = Math.max(0, ...[...prefixes].map((path) => path.split(".").length));
  const upTo = (depth: number) =>
    new Set([...prefixes].filter((path) => path.split(".").length <= depth));
  if (trace.nodes.kind.length <= COMFORTABLE) return upTo(deepest);
  let opened = new Set<string>();
  for (let depth = 1; depth <= deepest; depth++) {
    const more = upTo(depth);
    if (project(trace, more).nodeOf.length > COMFORTABLE) break;
    opened = more;
  }
  return opened;
}

/** "a.b.c" lies in "a", in "a.b" and in "a.b.c". */
export function prefixesOf(path: string): string[] {
  if (!path) return [];
  const parts = path.split(".");
  return parts.map((_, at) => parts.slice(0, at + 1).join("."));
}

function closedModule(path: string, opened: ReadonlySet<string>): string {
  return prefixesOf(path).find((prefix) => !opened.has(prefix)) ?? "";
}

/** For each node the lowest-numbered node of its piece, found by joining along edges. */
function connectedPieces({ nodes, edges }: Trace, closed: readonly string[]): Int32Array {
  const piece = Int32Array.from(nodes.kind.keys());
  const find = (node: number): number => {
    while (piece[node] !== node) node = piece[node] = piece[piece[node]!]!;
    return node;
  };
  edges.from.forEach((from, edge) => {
    const to = edges.to[edge]!;
    if (!closed[from] || closed[from] !== closed[to]) return;
    const [one, other] = [find(from), find(to)];
    piece[Math.max(one, other)] = Math.min(one, other);
  });
  return piece.map((_, node) => find(node));
}

/** Makes the scene, its boxes in an order where inputs come before users; null if there is none. */
function gather(trace: Trace, closed: readonly string[], pieces: Int32Array): Scene | null {
  const order = sortedPieces(trace, pieces);
  if (order.length < new Set(pieces).size) return null;
  const rank = new Int32Array(pieces.length);
  order.forEach((piece, box) => (rank[piece] = box));
  const boxOf = pieces.map((piece) => rank[piece]!);
  const size = new Int32Array(order.length);
  const nodeOf = new Int32Array(order.length);
  boxOf.forEach((box, node) => {
    size[box]!++;
    nodeOf[box] = node;
  });
  const module = order.map((piece, box) => (size[box]! > 1 ? closed[piece]! : ""));
  return { boxOf, nodeOf, module, size, ...lines(trace, boxOf, size) };
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
  const waitsFor = new Int32Array(pieces.length);
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

/** Breaks up the pieces that lie on a cycle: those that peeling from neither end takes away. */
function withoutCycles(trace: Trace, pieces: Int32Array): Int32Array {
  const peeled = new Set([
    ...peel(trace, pieces, "from", "to"),
    ...peel(trace, pieces, "to", "from"),
  ]);
  return pieces.map((piece, node) => (peeled.has(piece) ? piece : node));
}
