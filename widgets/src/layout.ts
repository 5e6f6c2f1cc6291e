/**
 * Where everything goes: a layered drawing of a directed acyclic graph, as pure data.
 *
 * Four stages, none of which recurses: layers (longest path, then tightened), bends (an edge that
 * crosses layers passes through one point in each; edges of one source share them, so a weight used
 * by 10,000 operations costs one trunk and not 50 million points), order (barycentre sweeps), and
 * coordinates (each row is pulled towards its neighbours, and the exact least-squares answer that
 * keeps the gaps is found by pooling). Nodes of one cluster stand together, below all that the
 * cluster takes in, so that a frame can be drawn around them. For a graph that grows, growing.ts
 * keeps nodes where they were and takes the place of the last two stages.
 */

import { ancestors, groupBy, max, min, type Rows, rowsOf, zeros } from "./lists";

export interface Graph {
  /** Width of each node; a node's inputs have lower numbers than the node. */
  readonly widths: ArrayLike<number>;
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
  readonly slot: ArrayLike<number>;
  /** The innermost cluster of each node, or -1, and the cluster around each cluster, or -1. */
  readonly around?: ArrayLike<number>;
  readonly outer?: ArrayLike<number>;
}

/** What is to stay of an earlier layout (growing.ts). */
export interface Kept {
  /** The layers of its nodes; -1 for a node that is new. */
  readonly layer: Int32Array;
  /** Places all items, and gives each row's from left to right. */
  readonly fit: (sheet: Sheet, count: number, trunk: Int32Array) => Int32Array[];
}

/** Items are the nodes, then the bends. */
export interface Layout {
  readonly count: number;
  /** Centre of each item. */
  readonly x: Float64Array;
  readonly layer: Int32Array;
  /** Items of each layer, left to right. */
  readonly rows: readonly Int32Array[];
  /** The node an item belongs to: itself, or the source of the edges that bend there. */
  readonly owner: Int32Array;
  /** A node's first bend, one layer below it (the others follow), and how many it has. */
  readonly trunk: Int32Array;
  readonly bends: Int32Array;
  readonly left: number;
  readonly right: number;
}

/** From one layer's centre line to the next. */
export const PITCH = 86;
const GAP = 26;
const BEND_WIDTH = 10;
const SWEEPS = 6;
/** The room a frame takes at each side. */
export const FRAME = 12;

/** Lays `graph` out; nodes that are `kept` stay at their places. */
export function layout(graph: Graph, kept?: Kept): Layout {
  const count = graph.widths.length;
  const inputs = groupBy(graph.to, count);
  const users = groupBy(graph.from, count);
  const nest = nestOf(graph);
  const { layer: nodeLayer, depth } = assignLayers(graph, inputs, users, nest, kept);
  const { trunk, bends, owner, layer } = addBends(graph, nodeLayer);
  const links = linkLayers(graph, inputs, depth, { trunk, bends, layer, count });
  const widths = Float64Array.from(owner, (_, item) =>
    item < count ? graph.widths[item]! : BEND_WIDTH,
  );
  const cluster = nest && clustersOfItems(graph, users, nest, { layer, owner, count });
  const x = new Float64Array(owner.length);
  const sheet: Sheet = { layer, owner, links, widths, depth, x, nest, cluster };
  const rows = kept ? kept.fit(sheet, count, trunk) : arrange(sheet, count);
  return { count, x, layer, rows, owner, trunk, bends, ...extent(sheet) };
}

/** The bends an edge passes, as how many of its source's; a very long one passes none. */
export function bendsPassed({ bends, layer }: Layout, from: number, to: number): number {
  const between = layer[to]! - layer[from]! - 1;
  return between > bends[from]! ? 0 : between;
}

/** The item from which an edge goes its own way: the last bend it shares, or its source. */
export function parting(plan: Layout, from: number, to: number): number {
  const passed = bendsPassed(plan, from, to);
  return passed ? plan.trunk[from]! + passed - 1 : from;
}

// Layers ------------------------------------------------------------------------------------------

/**
 * Puts each node below its inputs, then pulls it down to its first user where that lengthens no
 * more edges than it shortens: a weight stands beside the operation that uses it, not at the top.
 */
function assignLayers(graph: Graph, inputs: Rows, users: Rows, nest: Nest | null, kept?: Kept) {
  const count = graph.widths.length;
  const floors = nest && !kept ? floorsOf(graph, inputs, nest) : null;
  const depth = zeros(count);
  const layer = zeros(count);
  const isOld = (node: number) => kept !== undefined && kept.layer[node]! >= 0;
  for (let node = 0; node < count; node++) {
    if (floors) layer[node] = floors.layer[node]!;
    else if (isOld(node)) layer[node] = kept!.layer[node]!;
    for (const edge of rowsOf(inputs, node)) {
      const from = graph.from[edge]!;
      depth[node] = max(depth[node]!, depth[from]! + 1);
      layer[node] = max(layer[node]!, layer[from]! + 1);
    }
  }
  for (let node = count - 1; node >= 0; node--) {
    if (isOld(node)) continue;
    const outgoing = rowsOf(users, node);
    if (!outgoing.length || outgoing.length < rowsOf(inputs, node).length) continue;
    let below = Infinity;
    for (const edge of outgoing) {
      const user = graph.to[edge]!;
      below = min(below, layer[user]!);
      if (!floors) continue;
      // Not into the rows of a cluster that it does not belong to.
      for (const cluster of entered(nest!, node, user)) {
        below = min(below, floors.floor[cluster]!);
      }
    }
    layer[node] = max(layer[node]!, below - 1);
  }
  return { layer, depth };
}

// Clusters ----------------------------------------------------------------------------------------

/** Clusters in clusters: for each, itself and those around it, outermost first. */
interface Nest {
  readonly around: ArrayLike<number>;
  readonly path: readonly (readonly number[])[];
}

function nestOf({ around, outer }: Graph): Nest | null {
  if (!around || !outer || !Array.prototype.some.call(around, (cluster) => cluster >= 0)) return null;
  return { around, path: Array.from(outer, (_, cluster) => ancestors(outer, cluster)) };
}

function pathOf({ path }: Nest, cluster: number): readonly number[] {
  return cluster < 0 ? [] : path[cluster]!;
}

/** The clusters that an edge leads into. */
function entered(nest: Nest, from: number, to: number): readonly number[] {
  const [theirs, own] = [pathOf(nest, nest.around[from]!), pathOf(nest, nest.around[to]!)];
  return own.filter((cluster, level) => theirs[level] !== cluster);
}

/**
 * The least layer of each node by its clusters: all of a cluster lies below all that comes into it.
 * Found by raising until nothing is too high; clusters that feed each other would rise for ever, so
 * then there are no floors.
 */
function floorsOf({ from, widths }: Graph, inputs: Rows, nest: Nest) {
  const count = widths.length;
  const floor = zeros(nest.path.length);
  const layer = zeros(count);
  for (let turn = 0; turn < 4 * floor.length + 4; turn++) {
    let isSettled = true;
    for (let node = 0; node < count; node++) {
      let least = layer[node]!;
      for (const edge of rowsOf(inputs, node)) {
        const source = from[edge]!;
        least = max(least, layer[source]! + 1);
        for (const cluster of entered(nest, source, node)) {
          if (floor[cluster]! > layer[source]!) continue;
          floor[cluster] = layer[source]! + 1;
          isSettled = false;
        }
      }
      for (const cluster of pathOf(nest, nest.around[node]!)) least = max(least, floor[cluster]!);
      if (least > layer[node]!) isSettled = false;
      layer[node] = least;
    }
    if (isSettled) return { layer, floor };
  }
  return null;
}

/** The cluster each item stands with: a bend with the cluster its line is about to enter. */
function clustersOfItems(
  graph: Graph,
  users: Rows,
  nest: Nest,
  { layer, owner, count }: Pick<Layout, "layer" | "owner" | "count">,
): Int32Array {
  const top = zeros(nest.path.length).fill(2 ** 30);
  for (let node = 0; node < count; node++) {
    for (const cluster of pathOf(nest, nest.around[node]!)) {
      top[cluster] = min(top[cluster]!, layer[node]!);
    }
  }
  return Int32Array.from(owner, (node, item) => {
    if (item < count) return nest.around[item]!;
    let target = -1;
    for (const edge of rowsOf(users, node)) {
      const user = graph.to[edge]!;
      const isNearer = target < 0 || layer[user]! < layer[target]!;
      if (layer[user]! > layer[item]! && isNearer) target = user;
    }
    const entered = target < 0 ? [] : pathOf(nest, nest.around[target]!);
    return [...entered].reverse().find((cluster) => top[cluster]! <= layer[item]!) ?? -1;
  });
}

// Bends -------------------------------------------------------------------------------------------

/** Gives each source one bend per layer its edges cross, unless that would be far too many. */
function addBends(graph: Graph, nodeLayer: Int32Array) {
  const count = nodeLayer.length;
  const bends = trunkLengths(graph, nodeLayer);
  const trunk = zeros(count).fill(-1);
  let total = count;
  for (let node = 0; node < count; node++) {
    if (!bends[node]) continue;
    trunk[node] = total;
    total += bends[node]!;
  }
  const owner = zeros(total);
  const layer = zeros(total);
  for (let node = 0; node < count; node++) {
    owner[node] = node;
    layer[node] = nodeLayer[node]!;
    for (let step = 0; step < bends[node]!; step++) {
      owner[trunk[node]! + step] = node;
      layer[trunk[node]! + step] = nodeLayer[node]! + step + 1;
    }
  }
  return { trunk, bends, owner, layer };
}

/** Edges too long for the budget get no bends and are drawn as one stroke. */
function trunkLengths(graph: Graph, layer: Int32Array): Int32Array {
  const count = layer.length;
  const budget = 4 * count + 1000;
  for (let longest = count; ; longest = longest >> 1) {
    const bends = zeros(count);
    let total = 0;
    for (let edge = 0; edge < graph.from.length; edge++) {
      const from = graph.from[edge]!;
      const crossed = layer[graph.to[edge]!]! - layer[from]! - 1;
      if (crossed > longest || crossed <= bends[from]!) continue;
      total += crossed - bends[from]!;
      bends[from] = crossed;
    }
    if (total <= budget || longest === 0) return bends;
  }
}

// Links -------------------------------------------------------------------------------------------

/** Lines between neighbouring layers, looked at from both ends. */
interface Links {
  readonly up: readonly number[];
  readonly down: readonly number[];
  /** Where on its lower end a line arrives, from -0.5 (left) to 0.5. */
  readonly port: readonly number[];
  /** Whether the upper end is among the lower's deepest inputs: these lines are kept straight. */
  readonly main: readonly boolean[];
  readonly above: Rows;
  readonly below: Rows;
}

interface Bent {
  trunk: Int32Array;
  bends: Int32Array;
  layer: Int32Array;
  count: number;
}

function linkLayers(graph: Graph, inputs: Rows, depth: Int32Array, bent: Bent): Links {
  const { trunk, bends, layer, count } = bent;
  const up: number[] = [];
  const down: number[] = [];
  const port: number[] = [];
  const main: boolean[] = [];
  const isMainTrunk: boolean[] = [];
  for (let node = 0; node < count; node++) {
    const incoming = rowsOf(inputs, node);
    for (const edge of incoming) {
      const from = graph.from[edge]!;
      const crossed = layer[node]! - layer[from]! - 1;
      if (crossed > bends[from]!) continue;
      const isMain = depth[from] === depth[node]! - 1;
      if (crossed && isMain) isMainTrunk[from] = true;
      up.push(crossed ? trunk[from]! + crossed - 1 : from);
      down.push(node);
      port.push((graph.slot[edge]! + 1) / (incoming.length + 1) - 0.5);
      main.push(isMain);
    }
  }
  for (let node = 0; node < count; node++) {
    for (let step = 0; step < bends[node]!; step++) {
      up.push(step ? trunk[node]! + step - 1 : node);
      down.push(trunk[node]! + step);
      port.push(0);
      main.push(step > 0 || isMainTrunk[node] === true);
    }
  }
  const [above, below] = [groupBy(down, layer.length), groupBy(up, layer.length)];
  return { up, down, port, main, above, below };
}

// Order -------------------------------------------------------------------------------------------

/** Everything known while items are being placed; only `x` changes. */
export interface Sheet {
  readonly layer: Int32Array;
  readonly owner: Int32Array;
  readonly links: Links;
  readonly widths: Float64Array;
  readonly depth: Int32Array;
  readonly x: Float64Array;
  readonly nest: Nest | null;
  readonly cluster: Int32Array | null;
}

function arrange(sheet: Sheet, count: number): Int32Array[] {
  const rows = untangle(sheet, firstOrder(sheet, count));
  straighten(sheet, rows);
  return rows;
}

/** A walk from the results up through their inputs, slot by slot: a tree comes out uncrossed. */
function firstOrder({ layer, links }: Sheet, count: number): Int32Array[] {
  const height = layer.reduce((most, at) => max(most, at + 1), 0);
  const rows: number[][] = Array.from({ length: height }, () => []);
  const met = new Uint8Array(layer.length);
  const { above, below, up } = links;
  for (let sink = 0; sink < layer.length; sink++) {
    if (sink < count ? rowsOf(below, sink).length : met[sink]) continue;
    const waiting = [sink];
    while (waiting.length) {
      const item = waiting.pop()!;
      if (met[item]) continue;
      met[item] = 1;
      rows[layer[item]!]!.push(item);
      for (const link of [...rowsOf(above, item)].reverse()) waiting.push(up[link]!);
    }
  }
  return rows.map((row) => Int32Array.from(row));
}

/** Sweeps up and down, sorting each row by its neighbours' places; the least crossed order wins. */
function untangle(sheet: Sheet, rows: Int32Array[]): Int32Array[] {
  const { layer, links } = sheet;
  const place = new Float64Array(layer.length);
  const settle = (row: Int32Array) => row.forEach((item, at) => (place[item] = at));
  rows.forEach(settle);
  gather(sheet, rows, place);
  rows.forEach(settle);
  let best = rows.map((row) => row.slice());
  let fewest = crossings(rows, place, links);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const upwards = sweep % 2 === 0;
    for (let step = 1; step < rows.length; step++) {
      const row = rows[upwards ? rows.length - 1 - step : step]!;
      sortByNeighbours(row, place, links, upwards);
      settle(row);
    }
    gather(sheet, rows, place);
    rows.forEach(settle);
    const crossed = crossings(rows, place, links);
    if (crossed < fewest) {
      fewest = crossed;
      best = rows.map((row) => row.slice());
    }
  }
  return best;
}

/** Brings what is of one cluster together in each row, clusters in the same order in all rows. */
function gather({ nest, cluster }: Sheet, rows: Int32Array[], place: Float64Array): void {
  if (!nest || !cluster) return;
  const sum = new Float64Array(nest.path.length);
  const size = zeros(nest.path.length);
  for (const row of rows) {
    for (const item of row) {
      for (const one of pathOf(nest, cluster[item]!)) {
        sum[one]! += place[item]! - row.length / 2;
        size[one]!++;
      }
    }
  }
  for (const row of rows) {
    const wanted = (unit: { cluster: number; item: number }) =>
      unit.cluster < 0
        ? place[unit.item]! - row.length / 2
        : sum[unit.cluster]! / size[unit.cluster]!;
    const sorted = (items: readonly number[], level: number): number[] => {
      const units = new Map<number, { cluster: number; item: number; items: number[] }>();
      for (const item of items) {
        const one = pathOf(nest, cluster[item]!)[level] ?? -1;
        const key = one < 0 ? -1 - item : one;
        const unit = units.get(key) ?? { cluster: one, item, items: [] };
        unit.items.push(item);
        units.set(key, unit);
      }
      return [...units.values()]
        .sort((one, other) => wanted(one) - wanted(other))
        .flatMap((unit) => (unit.cluster < 0 ? unit.items : sorted(unit.items, level + 1)));
    };
    row.set(sorted([...row], 0));
  }
}

/** Items without neighbours on that side keep their place in the row. */
function sortByNeighbours(
  row: Int32Array,
  place: Float64Array,
  links: Links,
  upwards: boolean,
): void {
  const groups = upwards ? links.below : links.above;
  const others = upwards ? links.down : links.up;
  const places: number[] = [];
  const moving: { item: number; centre: number }[] = [];
  row.forEach((item, at) => {
    const lines = rowsOf(groups, item);
    if (!lines.length) return;
    let sum = 0;
    for (const line of lines) {
      sum += place[others[line]!]! + (upwards ? 0.9 * links.port[line]! : 0);
    }
    places.push(at);
    moving.push({ item, centre: sum / lines.length });
  });
  moving.sort((one, other) => one.centre - other.centre);
  moving.forEach(({ item }, at) => (row[places[at]!] = item));
}

/** Counts crossing pairs of lines between neighbouring rows, with a Fenwick tree. */
function crossings(rows: readonly Int32Array[], place: Float64Array, links: Links): number {
  const { down, below } = links;
  const { start, ids } = below;
  let total = 0;
  for (let at = 0; at + 1 < rows.length; at++) {
    const width = rows[at + 1]!.length;
    const tree = zeros(width + 1);
    let seen = 0;
    for (const item of rows[at]!) {
      const ends: number[] = [];
      for (let at = start[item]!; at < start[item + 1]!; at++) ends.push(place[down[ids[at]!]!]!);
      for (const end of ends) {
        let notRight = 0;
        for (let slot = end + 1; slot > 0; slot -= slot & -slot) notRight += tree[slot]!;
        total += seen - notRight;
      }
      for (const end of ends) {
        for (let slot = end + 1; slot <= width; slot += slot & -slot) tree[slot]!++;
        seen++;
      }
    }
  }
  return total;
}

// Coordinates -------------------------------------------------------------------------------------

export const UP = -1;
export const DOWN = 1;

function straighten(sheet: Sheet, rows: readonly Int32Array[]): void {
  for (const row of rows)
    spread(
      row,
      sheet,
      () => 0,
      () => 1,
    );
  const passes = rows.length > 2000 ? 2 : 4;
  for (let pass = 0; pass < passes; pass++) {
    pull(sheet, rows, UP);
    pull(sheet, rows, DOWN);
  }
  tuckSideBranches(sheet, rows);
}

/** Moves every row towards the row before it, the deeper items with more force. */
function pull(sheet: Sheet, rows: readonly Int32Array[], direction: 1 | -1): void {
  const { x, owner, depth } = sheet;
  for (let step = 0; step < rows.length; step++) {
    const row = rows[direction === DOWN ? step : rows.length - 1 - step]!;
    const wanted = Array.from(row, (item) => meanOfNeighbours(sheet, item, direction));
    spread(
      row,
      sheet,
      (at) => wanted[at] ?? x[row[at]!]!,
      (at) => (wanted[at] === null ? 1e-3 : (1 + depth[owner[row[at]!]!]!) ** 2),
    );
  }
}

/**
 * Side branches (a weight, a bias) stand by their user without pushing the main line aside: first
 * each moves to what it leads to, from the bottom up, then back below what leads to it, so that a
 * branch that had to give way gives way as a whole.
 */
function tuckSideBranches(sheet: Sheet, rows: readonly Int32Array[]): void {
  const isSide = sideBranches(sheet, rows);
  for (const direction of [UP, DOWN] as const) {
    for (const row of direction === UP ? [...rows].reverse() : rows) {
      const wanted = Array.from(row, (item) =>
        isSide[item] ? meanOfNeighbours(sheet, item, direction) : null,
      );
      spread(
        row,
        sheet,
        (at) => wanted[at] ?? sheet.x[row[at]!]!,
        (at) => (wanted[at] !== null ? 1 : isSide[row[at]!] ? 1e3 : 1e6),
      );
    }
  }
}

/** Items from which no main line leads to an item that is on the main line itself. */
function sideBranches({ x, links }: Sheet, rows: readonly Int32Array[]): Uint8Array {
  const { below, main, down } = links;
  const isSide = new Uint8Array(x.length);
  for (const row of [...rows].reverse()) {
    for (const item of row) {
      const lines = rowsOf(below, item);
      const leadsOn = lines.some((line) => main[line] && !isSide[down[line]!]);
      isSide[item] = lines.length && !leadsOn ? 1 : 0;
    }
  }
  return isSide;
}

/** Mean place of the neighbours on one side, the main ones if there are any; null if none. */
export function meanOfNeighbours({ x, links }: Sheet, item: number, direction: 1 | -1): number | null {
  const { start, ids } = direction === DOWN ? links.above : links.below;
  const others = direction === DOWN ? links.up : links.down;
  let [sum, size, mainSum, mainSize] = [0, 0, 0, 0];
  for (let at = start[item]!; at < start[item + 1]!; at++) {
    const line = ids[at]!;
    const there = x[others[line]!]!;
    sum += there;
    size++;
    if (links.main[line]) {
      mainSum += there;
      mainSize++;
    }
  }
  if (mainSize) return mainSum / mainSize;
  return size ? sum / size : null;
}

/** Sets x along a row as near to `wanted` as the gaps allow. */
function spread(
  row: Int32Array,
  sheet: Sheet,
  wanted: (at: number) => number,
  weight: (at: number) => number,
): void {
  const gap = (at: number) => apart(sheet, row[at - 1]!, row[at]!);
  spreadOut(row.length, wanted, weight, gap).forEach((place, at) => (sheet.x[row[at]!] = place));
}

/**
 * Places things in a line as near to where they are wanted as the gaps before each allow: weighted
 * least squares under an order, solved exactly by pooling neighbours that would overlap.
 */
export function spreadOut(
  size: number,
  wanted: (at: number) => number,
  weight: (at: number) => number,
  gap: (at: number) => number,
): Float64Array {
  const places = new Float64Array(size);
  for (let at = 1; at < size; at++) places[at] = places[at - 1]! + gap(at);
  const pools: { sum: number; weight: number; size: number }[] = [];
  for (let at = 0; at < size; at++) {
    const force = weight(at);
    let pool = { sum: force * (wanted(at) - places[at]!), weight: force, size: 1 };
    for (let last = pools.at(-1); last; last = pools.at(-1)) {
      if (last.sum / last.weight <= pool.sum / pool.weight) break;
      pools.pop();
      pool = {
        sum: last.sum + pool.sum,
        weight: last.weight + pool.weight,
        size: last.size + pool.size,
      };
    }
    pools.push(pool);
  }
  let at = 0;
  for (const pool of pools) {
    for (const end = at + pool.size; at < end; at++) places[at]! += pool.sum / pool.weight;
  }
  return places;
}

/** From centre to centre, with room for the frames that stand between two items. */
export function apart({ widths, nest, cluster }: Sheet, one: number, other: number): number {
  const plain = (widths[one]! + widths[other]!) / 2 + GAP;
  if (!nest || !cluster || cluster[one] === cluster[other]) return plain;
  const [left, right] = [pathOf(nest, cluster[one]!), pathOf(nest, cluster[other]!)];
  let shared = 0;
  while (shared < left.length && left[shared] === right[shared]) shared++;
  return plain + FRAME * max(left.length - shared, right.length - shared);
}

function extent({ x, widths }: Sheet): { left: number; right: number } {
  let [left, right] = [Infinity, -Infinity];
  x.forEach((centre, item) => {
    left = min(left, centre - widths[item]! / 2);
    right = max(right, centre + widths[item]! / 2);
  });
  return x.length ? { left, right } : { left: 0, right: 0 };
}
