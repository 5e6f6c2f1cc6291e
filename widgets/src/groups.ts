/**
 * The groups a graph is read in: the modules and calls the trace tells of, and repetitions found
 * here. What repeats (equal blocks, the turns of a loop, many leaves of one operation) is folded:
 * one group around all of them, which says how often.
 */

import { clip } from "./format";
import { addTo, ancestors, groupBy, min, rowsOf } from "./lists";
import type { Trace } from "./trace";

export type GroupKind = "module" | "function" | "fold" | "turn";

/** Groups as columns; row numbers are of no meaning to the trace. */
export interface Groups {
  readonly name: readonly string[];
  readonly kind: readonly GroupKind[];
  /** The group around each, or -1. */
  readonly parent: readonly number[];
  /** How often what a fold holds repeats; 1 for other groups. */
  readonly times: readonly number[];
  /** What a group is known by when the graph has changed. */
  readonly key: readonly string[];
  /** How many nodes lie in each. */
  readonly size: readonly number[];
  /** The innermost group of each node, or -1. */
  readonly of: readonly number[];
}

/** From this many on, repetitions are folded. */
const REPEATS = 3;
const LONGEST_TURN = 200;
/** From this many on, leaves that only one operation uses are folded. */
const MANY_LEAVES = 12;

type Draft = {
  name: string[];
  kind: GroupKind[];
  parent: number[];
  times: number[];
  of: number[];
};

/** The groups of `trace`; repetitions are looked for only where asked. */
export function groupsOf(trace: Trace, folding: boolean): Groups {
  const { groups, nodes } = trace;
  const draft: Draft = {
    name: [...groups.name],
    kind: [...groups.kind],
    parent: groups.parent.map((parent) => parent ?? -1),
    times: groups.name.map(() => 1),
    of: nodes.group.map((group) => group ?? -1),
  };
  if (folding) {
    foldRepeats(trace, draft);
    foldLeaves(trace, draft);
  }
  return { ...draft, key: keysOf(trace, draft), size: sizesOf(draft) };
}

/** The groups around a node, outermost first. */
export function groupsAround({ of, parent }: Groups, node: number): number[] {
  return ancestors(parent, of[node]!);
}

function sizesOf({ name, parent, of }: Draft): number[] {
  const size = name.map(() => 0);
  for (const group of of) for (const one of ancestors(parent, group)) size[one]!++;
  return size;
}

/** Name by name from the outside in, with a number where siblings share a name. */
function keysOf({ nodes, parts }: Trace, { name, kind, parent, of }: Draft): string[] {
  const first = name.map(() => -1);
  of.forEach((group, node) => {
    for (const one of ancestors(parent, group)) if (first[one]! < 0) first[one] = node;
  });
  const key = name.map(() => "");
  const seen = new Map<string, number>();
  const inOrder = [...name.keys()].sort((one, other) => first[one]! - first[other]!);
  const write = (group: number): string => {
    if (key[group]) return key[group]!;
    const around = parent[group]! < 0 ? "" : write(parent[group]!);
    const start = parts ? parts[first[group]!] : nodes.op[first[group]!];
    const own = kind[group] === "fold" ? `${start}*` : name[group]!;
    const base = `${around}/${own}`;
    seen.set(base, (seen.get(base) ?? 0) + 1);
    return (key[group] = `${base}#${seen.get(base)}`);
  };
  for (const group of inOrder) for (const one of ancestors(parent, group)) write(one);
  return key;
}

// Repetitions -------------------------------------------------------------------------------------

/** What stands in a row within one group: an operation (a node, from 0) or a group (-1 - row). */
type Item = number;

function foldRepeats(trace: Trace, draft: Draft): void {
  const { nodes } = trace;
  const isOp = nodes.kind.map((kind) => kind === "op" || kind === "root");
  const known = draft.name.length;
  const rows: Item[][] = Array.from({ length: known + 1 }, () => []);
  const met = new Set<number>();
  draft.of.forEach((group, node) => {
    if (!isOp[node]) return;
    let item: Item = node;
    for (let at = group; at >= 0; at = draft.parent[at]!) {
      rows[at]!.push(item);
      if (met.has(at)) return;
      met.add(at);
      item = -1 - at;
    }
    rows[known]!.push(item);
  });
  const forms = formsOf(trace, draft, isOp, rows);
  const own = ownLeaves(trace);
  const belongs = togetherness(trace, draft, isOp);
  rows.forEach((row, parent) =>
    foldRow(trace, draft, parent < known ? parent : -1, row, forms, belongs),
  );
  takeOwnLeaves(draft, own);
}

/** Equal numbers for items that look alike: by operation and shape, and within groups throughout. */
function formsOf({ nodes }: Trace, draft: Draft, isOp: boolean[], rows: Item[][]) {
  const numbers = new Map<string, number>();
  const numberOf = (text: string) => {
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, numbers.size);
    return numbers.size - 1;
  };
  const ofNode = nodes.op.map((op, node) =>
    isOp[node] ? numberOf(`${op} ${nodes.shape[node]!.join()}`) : -1,
  );
  const ofGroup = new Map<number, number>();
  const form = (item: Item): number => (item >= 0 ? ofNode[item]! : ofGroup.get(-1 - item)!);
  const deepest = [...draft.name.keys()].map((group) => ancestors(draft.parent, group).length);
  const inward = [...draft.name.keys()].sort((one, other) => deepest[other]! - deepest[one]!);
  for (const group of inward) {
    const name = draft.kind[group] === "function" ? draft.name[group]! : "";
    ofGroup.set(group, numberOf(`(${name}${rows[group]!.map(form).join()})`));
  }
  return form;
}

/** Looks along a row, from the left, for the shortest stretch that comes again and again. */
function foldRow(
  trace: Trace,
  draft: Draft,
  parent: number,
  row: Item[],
  form: (item: Item) => number,
  belongs: (items: Item[], turn: number) => boolean,
): void {
  const forms = row.map(form);
  for (let at = 0; at < row.length; ) {
    const { turn, times } = repetition(forms, at);
    if (times >= REPEATS && !belongs(row.slice(at, at + turn * times), turn)) {
      at += turn * (times - 1);
      continue;
    }
    const isAll = turn === 1 && times === row.length && parent >= 0;
    if (isAll && times >= REPEATS) draft.times[parent] = times;
    else if (times >= REPEATS) {
      fold(trace, draft, parent, row.slice(at, at + turn * times), turn);
    }
    at += times >= REPEATS ? turn * times : 1;
  }
}

/**
 * Whether turns that look alike belong together: each goes on from the one before, or all of them
 * take from, or give to, one and the same node.
 */
function togetherness({ nodes, edges }: Trace, draft: Draft, isOp: boolean[]) {
  const users = groupBy(edges.from, nodes.kind.length);
  const inputs = groupBy(edges.to, nodes.kind.length);
  const members: number[][] = draft.name.map(() => []);
  draft.of.forEach((group, node) => {
    if (isOp[node]) for (const one of ancestors(draft.parent, group)) members[one]!.push(node);
  });
  return (items: Item[], turn: number): boolean => {
    const nodesOf = (item: Item) => (item >= 0 ? [item] : members[-1 - item]!);
    const turnOf = new Map<number, number>();
    items.forEach((item, at) => {
      for (const node of nodesOf(item)) turnOf.set(node, Math.floor(at / turn));
    });
    const goesOn = new Set<number>();
    /** The turns that each node outside has to do with. */
    const shared = new Map<number, number[]>();
    for (const [node, at] of turnOf) {
      for (const edge of rowsOf(users, node)) {
        const to = edges.to[edge]!;
        if (turnOf.get(to) === at + 1) goesOn.add(at);
        if (!turnOf.has(to)) addTo(shared, to, at);
      }
      for (const edge of rowsOf(inputs, node)) {
        if (!turnOf.has(edges.from[edge]!)) addTo(shared, edges.from[edge]!, at);
      }
    }
    const times = items.length / turn;
    return goesOn.size >= times - 1 || [...shared.values()].some((turns) => new Set(turns).size === times);
  };
}

function repetition(forms: number[], at: number): { turn: number; times: number } {
  const longest = min(LONGEST_TURN, Math.floor((forms.length - at) / REPEATS));
  for (let turn = 1; turn <= longest; turn++) {
    if (forms[at] !== forms[at + turn]) continue;
    let same = 0;
    while (at + same + turn < forms.length && forms[at + same] === forms[at + same + turn]) same++;
    const times = Math.floor(same / turn) + 1;
    if (times >= REPEATS) return { turn, times };
  }
  return { turn: 1, times: 1 };
}

function fold(trace: Trace, draft: Draft, parent: number, items: Item[], turn: number): void {
  const times = items.length / turn;
  const title = (item: Item) => (item >= 0 ? trace.nodes.title[item]! : draft.name[-1 - item]!);
  const name =
    turn === 1 ? range(title(items[0]!), title(items.at(-1)!)) : turnName(items.slice(0, turn), title);
  const around = add(draft, name, "fold", parent, times);
  const put = (item: Item, group: number) => {
    if (item >= 0) draft.of[item] = group;
    else draft.parent[-1 - item] = group;
  };
  for (let at = 0; at < items.length; at += turn) {
    const some = items.slice(at, at + turn);
    const inner = turn === 1 ? around : add(draft, turnName(some, title), "turn", around, 1);
    for (const item of some) put(item, inner);
  }
}

function add(draft: Draft, name: string, kind: GroupKind, parent: number, times: number): number {
  draft.name.push(name);
  draft.kind.push(kind);
  draft.parent.push(parent);
  draft.times.push(times);
  return draft.name.length - 1;
}

/** "layers.0" and "layers.11" are "layers.0 … 11". */
function range(first: string, last: string): string {
  if (first === last) return first;
  let same = 0;
  while (same < last.length && first[same] === last[same]) same++;
  const cut = last.lastIndexOf(".", same) + 1;
  return `${first} … ${last.slice(cut)}`;
}

function turnName(items: Item[], title: (item: Item) => string): string {
  const titles = [...new Set(items.map(title))];
  return clip(titles.join(" "), 24);
}

// Leaves ------------------------------------------------------------------------------------------

interface OwnLeaf {
  readonly leaf: number;
  readonly accumulate: number;
  /** The one node that uses it. */
  readonly user: number;
}

/** The leaves that a single node uses. */
function ownLeaves({ nodes, edges }: Trace): OwnLeaf[] {
  const users = groupBy(edges.from, nodes.kind.length);
  const found: OwnLeaf[] = [];
  edges.to.forEach((accumulate, edge) => {
    if (nodes.kind[accumulate] !== "accumulate") return;
    const all = new Set([...rowsOf(users, accumulate)].map((line) => edges.to[line]!));
    if (all.size !== 1) return;
    found.push({ leaf: edges.from[edge]!, accumulate, user: [...all][0]! });
  });
  return found;
}

/** A leaf that only one turn uses goes with it, if every turn has such leaves. */
function takeOwnLeaves(draft: Draft, leaves: OwnLeaf[]): void {
  const around = (node: number) => {
    for (let at = draft.of[node]!; at >= 0; at = draft.parent[at]!) {
      const kind = draft.kind[at];
      if (kind === "turn" || kind === "fold") return at;
      if (kind === "module") return -1;
    }
    return -1;
  };
  const byFold = new Map<number, [OwnLeaf, number][]>();
  for (const leaf of leaves) {
    const inner = draft.of[leaf.accumulate]! < 0 ? around(leaf.user) : -1;
    if (inner < 0) continue;
    const whole = draft.kind[inner] === "turn" ? draft.parent[inner]! : inner;
    addTo(byFold, whole, [leaf, inner]);
  }
  for (const [whole, some] of byFold) {
    if (some.length < draft.times[whole]!) continue;
    for (const [{ leaf, accumulate }, inner] of some) {
      draft.of[leaf] = draft.of[accumulate] = inner;
    }
  }
}

function foldLeaves(trace: Trace, draft: Draft): void {
  const byUser = new Map<number, OwnLeaf[]>();
  for (const leaf of ownLeaves(trace)) {
    if (draft.of[leaf.accumulate]! < 0) addTo(byUser, leaf.user, leaf);
  }
  for (const [user, some] of byUser) {
    if (some.length < MANY_LEAVES) continue;
    const title = ({ leaf }: OwnLeaf) => trace.nodes.name[leaf]! || trace.nodes.title[leaf]!;
    const name = range(title(some[0]!), title(some.at(-1)!));
    const group = add(draft, name, "fold", draft.of[user]!, some.length);
    for (const { leaf, accumulate } of some) draft.of[leaf] = draft.of[accumulate] = group;
  }
}
