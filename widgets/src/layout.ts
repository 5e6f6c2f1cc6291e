/**
 * Where everything goes: a layered drawing of a directed acyclic graph, as pure data.
 *
 * Four stages, none of which recurses: layers (longest path, then tightened), bends (an edge that
 * crosses layers passes through one point in each; edges of one source share them, so a weight used
 * by 10,000 operations costs one trunk and not 50 million points), order (barycentre sweeps), and
 * coordinates (each row is pulled towards its neighbours, and the exact least-squares answer that
 * keeps the gaps is found by pooling). Nodes of one cluster stand together, below all that the
 * cluster takes in, so that a frame can be drawn around them. Given an earlier layout, its nodes
 * stay where they were and new ones are fitted in around them, which is what drawing a graph while
 * it grows needs.
 */

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

/** Where nodes that an earlier layout placed are to stay; a layer of -1 says that a node is new. */
export interface Kept {
  readonly layer: Int32Array;
  readonly x: Float64Array;
  /** The places of each node's bends, from the top. */
  readonly bends: readonly (readonly number[])[];
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
  const rows = kept ? fitAround(sheet, count, kept, trunk) : arrange(sheet, count);
  return { count, x, layer, rows, owner, trunk, bends, ...extent(sheet) };
}

/** What stays of `plan` for a graph whose node `node` was `wasNode(node)` in it, or is new (-1). */
export function keep(plan: Layout, count: number, wasNode: (node: number) => number): Kept {
  const layer = new Int32Array(count).fill(-1);
  const x = new Float64Array(count);
  const bends: number[][] = [];
  for (let node = 0; node < count; node++) {
    const old = wasNode(node);
    bends.push([]);
    if (old < 0) continue;
    layer[node] = plan.layer[old]!;
    x[node] = plan.x[old]!;
    for (let step = 0; step < plan.bends[old]!; step++) {
      bends[node]!.push(plan.x[plan.trunk[old]! + step]!);
    }
  }
  return { layer, x, bends };
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

/** Rows of equal key: those of `key` are ids[start[key]] up to ids[start[key + 1]]. */
export interface Groups {
  readonly start: Int32Array;
  readonly ids: Int32Array;
}

export function groupBy(keys: ArrayLike<number>, count: number): Groups {
  const start = new Int32Array(count + 1);
  for (let row = 0; row < keys.length; row++) start[keys[row]! + 1]!++;
  for (let key = 0; key < count; key++) start[key + 1]! += start[key]!;
  const next = start.slice();
  const ids = new Int32Array(keys.length);
  for (let row = 0; row < keys.length; row++) ids[next[keys[row]!]!++] = row;
  return { start, ids };
}

// Layers ------------------------------------------------------------------------------------------

/**
 * Puts each node below its inputs, then pulls it down to its first user where that lengthens no
 * more edges than it shortens: a weight stands beside the operation that uses it, not at the top.
 */
function assignLayers(
  graph: Graph,
  inputs: Groups,
  users: Groups,
  nest: Nest | null,
  kept?: Kept,
) {
  const count = graph.widths.length;
  const floors = nest && !kept ? floorsOf(graph, nest) : null;
  const depth = new Int32Array(count);
  const layer = new Int32Array(count);
  const isOld = (node: number) => kept !== undefined && kept.layer[node]! >= 0;
  for (let node = 0; node < count; node++) {
    if (floors) layer[node] = floors.layer[node]!;
    else if (isOld(node)) layer[node] = kept!.layer[node]!;
    for (let at = inputs.start[node]!; at < inputs.start[node + 1]!; at++) {
      const from = graph.from[inputs.ids[at]!]!;
      depth[node] = Math.max(depth[node]!, depth[from]! + 1);
      layer[node] = Math.max(layer[node]!, layer[from]! + 1);
    }
  }
  for (let node = count - 1; node >= 0; node--) {
    if (isOld(node)) continue;
    const [first, end] = [users.start[node]!, users.start[node + 1]!];
    if (end === first || end - first < inputs.start[node + 1]! - inputs.start[node]!) continue;
    let below = Infinity;
    for (let at = first; at < end; at++) {
      const user = graph.to[users.ids[at]!]!;
      below = Math.min(below, layer[user]!);
      if (!floors) continue;
      // Not into the rows of a cluster that it does not belong to.
      for (const cluster of entered(nest!, node, user)) {
        below = Math.min(below, floors.floor[cluster]!);
      }
    }
    layer[node] = Math.max(layer[node]!, below - 1);
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
  const path = Array.from(outer, (_, cluster) => {
    const found: number[] = [];
    for (let at = cluster; at >= 0; at = outer[at]!) found.push(at);
    return found.reverse();
  });
  return { around, path };
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
function floorsOf({ from, to, widths }: Graph, nest: Nest) {
  const count = widths.length;
  const floor = new Int32Array(nest.path.length);
  const layer = new Int32Array(count);
  const byNode = groupBy(to, count);
  for (let turn = 0; turn < 4 * floor.length + 4; turn++) {
    let isSettled = true;
    for (let node = 0; node < count; node++) {
      let least = layer[node]!;
      for (let at = byNode.start[node]!; at < byNode.start[node + 1]!; at++) {
        const source = from[byNode.ids[at]!]!;
        least = Math.max(least, layer[source]! + 1);
        for (const cluster of entered(nest, source, node)) {
          if (floor[cluster]! > layer[source]!) continue;
          floor[cluster] = layer[source]! + 1;
          isSettled = false;
        }
      }
      for (const cluster of pathOf(nest, nest.around[node]!)) least = Math.max(least, floor[cluster]!);
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
  users: Groups,
  nest: Nest,
  { layer, owner, count }: Pick<Layout, "layer" | "owner" | "count">,
): Int32Array {
  const top = new Int32Array(nest.path.length).fill(2 ** 30);
  for (let node = 0; node < count; node++) {
    for (const cluster of pathOf(nest, nest.around[node]!)) {
      top[cluster] = Math.min(top[cluster]!, layer[node]!);
    }
  }
  return Int32Array.from(owner, (node, item) => {
    if (item < count) return nest.around[item]!;
    let target = -1;
    for (let at = users.start[node]!; at < users.start[node + 1]!; at++) {
      const user = graph.to[users.ids[at]!]!;
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
  const trunk = new Int32Array(count).fill(-1);
  let total = count;
  for (let node = 0; node < count; node++) {
    if (!bends[node]) continue;
    trunk[node] = total;
    total += bends[node]!;
  }
  const owner = new Int32Array(total);
  const layer = new Int32Array(total);
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
    const bends = new Int32Array(count);
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
  readonly up: Int32Array;
  readonly down: Int32Array;
  /** Where on its lower end a line arrives, from -0.5 (left) to 0.5. */
  readonly port: Float64Array;
  /** Whether the upper end is among the lower's deepest inputs: these lines are kept straight. */
  readonly main: Uint8Array;
  readonly above: Groups;
  readonly below: Groups;
}

interface Bent {
  trunk: Int32Array;
  bends: Int32Array;
  layer: Int32Array;
  count: number;
}

function linkLayers(graph: Graph, inputs: Groups, depth: Int32Array, bent: Bent): Links {
  const { trunk, bends, layer, count } = bent;
  const up: number[] = [];
  const down: number[] = [];
  const port: number[] = [];
  const main: number[] = [];
  const mainTrunk = new Uint8Array(count);
  for (let node = 0; node < count; node++) {
    const [first, end] = [inputs.start[node]!, inputs.start[node + 1]!];
    const slots = end - first;
    for (let at = first; at < end; at++) {
      const edge = inputs.ids[at]!;
      const from = graph.from[edge]!;
      const crossed = layer[node]! - layer[from]! - 1;
      if (crossed > bends[from]!) continue;
      const isMain = depth[from] === depth[node]! - 1;
      if (crossed && isMain) mainTrunk[from] = 1;
      up.push(crossed ? trunk[from]! + crossed - 1 : from);
      down.push(node);
      port.push((graph.slot[edge]! + 1) / (slots + 1) - 0.5);
      main.push(isMain ? 1 : 0);
    }
  }
  for (let node = 0; node < count; node++) {
    for (let step = 0; step < bends[node]!; step++) {
      up.push(step ? trunk[node]! + step - 1 : node);
      down.push(trunk[node]! + step);
      port.push(0);
      main.push(step || mainTrunk[node] ? 1 : 0);
    }
  }
  return {
    up: Int32Array.from(up),
    down: Int32Array.from(down),
    port: Float64Array.from(port),
    main: Uint8Array.from(main),
    above: groupBy(down, layer.length),
    below: groupBy(up, layer.length),
  };
}

// Order -------------------------------------------------------------------------------------------

/** Everything known while items are being placed; only `x` changes. */
interface Sheet {
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
  const height = layer.reduce((most, at) => Math.max(most, at + 1), 0);
  const rows: number[][] = Array.from({ length: height }, () => []);
  const met = new Uint8Array(layer.length);
  const { above, below, up } = links;
  for (let sink = 0; sink < layer.length; sink++) {
    if (sink < count ? below.start[sink] !== below.start[sink + 1] : met[sink]) continue;
    const waiting = [sink];
    while (waiting.length) {
      const item = waiting.pop()!;
      if (met[item]) continue;
      met[item] = 1;
      rows[layer[item]!]!.push(item);
      for (let at = above.start[item + 1]! - 1; at >= above.start[item]!; at--) {
        waiting.push(up[above.ids[at]!]!);
      }
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
  const size = new Int32Array(nest.path.length);
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
    const [first, end] = [groups.start[item]!, groups.start[item + 1]!];
    if (first === end) return;
    let sum = 0;
    for (let link = first; link < end; link++) {
      const id = groups.ids[link]!;
      sum += place[others[id]!]! + (upwards ? 0.9 * links.port[id]! : 0);
    }
    places.push(at);
    moving.push({ item, centre: sum / (end - first) });
  });
  moving.sort((one, other) => one.centre - other.centre);
  moving.forEach(({ item }, at) => (row[places[at]!] = item));
}

/** Counts crossing pairs of lines between neighbouring rows, with a Fenwick tree. */
function crossings(rows: readonly Int32Array[], place: Float64Array, links: Links): number {
  let total = 0;
  for (let at = 0; at + 1 < rows.length; at++) {
    const width = rows[at + 1]!.length;
    const tree = new Int32Array(width + 1);
    let seen = 0;
    for (const item of rows[at]!) {
      const ends: number[] = [];
      for (let link = links.below.start[item]!; link < links.below.start[item + 1]!; link++) {
        ends.push(place[links.down[links.below.ids[link]!]!]!);
      }
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

const UP = -1;
const DOWN = 1;

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
      const lines = below.ids.subarray(below.start[item]!, below.start[item + 1]!);
      const leadsOn = lines.some((line) => main[line] && !isSide[down[line]!]);
      isSide[item] = lines.length && !leadsOn ? 1 : 0;
    }
  }
  return isSide;
}

/** Mean place of the neighbours on one side, the main ones if there are any; null if none. */
function meanOfNeighbours({ x, links }: Sheet, item: number, direction: 1 | -1): number | null {
  const groups = direction === DOWN ? links.above : links.below;
  const others = direction === DOWN ? links.up : links.down;
  let [sum, size, mainSum, mainSize] = [0, 0, 0, 0];
  for (let at = groups.start[item]!; at < groups.start[item + 1]!; at++) {
    const id = groups.ids[at]!;
    const there = x[others[id]!]!;
    sum += there;
    size++;
    if (links.main[id]) {
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
function apart({ widths, nest, cluster }: Sheet, one: number, other: number): number {
  const plain = (widths[one]! + widths[other]!) / 2 + GAP;
  if (!nest || !cluster || cluster[one] === cluster[other]) return plain;
  const [left, right] = [pathOf(nest, cluster[one]!), pathOf(nest, cluster[other]!)];
  let shared = 0;
  while (shared < left.length && left[shared] === right[shared]) shared++;
  return plain + FRAME * Math.max(left.length - shared, right.length - shared);
}

// Growing -----------------------------------------------------------------------------------------

/** Copies the old places; each new item takes the free place nearest to where it is wanted. */
function fitAround(sheet: Sheet, count: number, kept: Kept, trunk: Int32Array): Int32Array[] {
  const { x, layer, owner } = sheet;
  const height = layer.reduce((most, at) => Math.max(most, at + 1), 0);
  const rows: number[][] = Array.from({ length: height }, () => []);
  const fresh: number[][] = Array.from({ length: height }, () => []);
  for (let item = 0; item < layer.length; item++) {
    const node = owner[item]!;
    const hasStayed = kept.layer[node] === layer[node];
    const old = item < count ? kept.x[item] : kept.bends[node]![item - trunk[node]!];
    if (!hasStayed || old === undefined) fresh[layer[item]!]!.push(item);
    else {
      x[item] = old;
      rows[layer[item]!]!.push(item);
    }
  }
  return rows.map((row, at) => {
    row.sort((one, other) => x[one]! - x[other]!);
    for (const item of fresh[at]!) {
      const wanted = meanOfNeighbours(sheet, item, DOWN) ?? meanOfNeighbours(sheet, item, UP) ?? 0;
      insert(row, item, wanted, sheet);
    }
    return Int32Array.from(row);
  });
}

/** Looks outwards from the wanted place, to both sides, for the first gap that is wide enough. */
function insert(
  row: number[],
  item: number,
  wanted: number,
  sheet: Sheet,
): void {
  const { x } = sheet;
  const found = row.findIndex((other) => x[other]! > wanted);
  const middle = found < 0 ? row.length : found;
  let best = { at: middle, place: wanted, cost: Infinity };
  for (let away = 0; away <= row.length; away++) {
    for (const at of away ? [middle - away, middle + away] : [middle]) {
      if (at < 0 || at > row.length) continue;
      const low = at > 0 ? x[row[at - 1]!]! + apart(sheet, row[at - 1]!, item) : -Infinity;
      const high = at < row.length ? x[row[at]!]! - apart(sheet, item, row[at]!) : Infinity;
      if (low > high) continue;
      const place = Math.min(Math.max(wanted, low), high);
      const cost = Math.abs(place - wanted);
      if (cost < best.cost) best = { at, place, cost };
    }
    if (best.cost < Infinity) break;
  }
  x[item] = best.place;
  row.splice(best.at, 0, item);
}

function extent({ x, widths }: Sheet): { left: number; right: number } {
  let [left, right] = [Infinity, -Infinity];
  x.forEach((centre, item) => {
    left = Math.min(left, centre - widths[item]! / 2);
    right = Math.max(right, centre + widths[item]! / 2);
  });
  return x.length ? { left, right } : { left: 0, right: 0 };
}
