/** What a node leads to: the paths along which its gradient comes. */

import type { Trace } from "./trace";

/** Marks a node and all that is computed from it. */
export function downstream({ nodes, edges }: Trace, start: number): Uint8Array {
  const reached = new Uint8Array(nodes.kind.length);
  const users: number[][] = nodes.kind.map(() => []);
  edges.from.forEach((from, edge) => users[from]!.push(edges.to[edge]!));
  const waiting = [start];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (reached[node]) continue;
    reached[node] = 1;
    waiting.push(...users[node]!);
  }
  return reached;
}

/** The nodes that a search finds, in order: by name, operation, module or group. */
export function found({ nodes, groups }: Trace, words: string): number[] {
  const wanted = words.trim().toLowerCase();
  if (!wanted) return [];
  const holds = (text: string) => text.toLowerCase().includes(wanted);
  const inGroup: boolean[] = [];
  groups.name.forEach((name, row) => {
    const parent = groups.parent[row]!;
    inGroup.push(holds(name) || (parent !== null && inGroup[parent]!));
  });
  const isFound = (node: number) =>
    [nodes.name[node]!, nodes.title[node]!, nodes.op[node]!, nodes.module[node]!].some(holds) ||
    (nodes.group[node] !== null && inGroup[nodes.group[node]!]!);
  return [...nodes.kind.keys()].filter(isFound);
}
