/** Drawing a graph while it grows: what was there stays where it was, what is new is fitted in. */

import { apart, DOWN, type Kept, type Layout, meanOfNeighbours, type Sheet, UP } from "./layout";
import { clamp, max, zeros } from "./lists";
import type { Keep, Stage } from "./stage";

/** What stays of a stage: boxes keep their places by the keys they are known by. */
export function keepPlaces({ keys: old, plan }: Stage): Keep {
  const oldBox = new Map(old.map((key, box) => [key, box]));
  return (keys) => keep(plan, keys.length, (box) => oldBox.get(keys[box]!) ?? -1);
}

/** What stays of `plan` for a graph whose node `node` was `wasNode(node)` in it, or is new (-1). */
export function keep(plan: Layout, count: number, wasNode: (node: number) => number): Kept {
  const layer = zeros(count).fill(-1);
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
  /** The place that an item of the new layout had. */
  const placeOf = (node: number, bend: number) => (bend < 0 ? x[node] : bends[node]![bend]);
  return {
    layer,
    fit: (sheet, count, trunk) =>
      fitAround(sheet, (item) => {
        const node = sheet.owner[item]!;
        const bend = item < count ? -1 : item - trunk[node]!;
        return layer[node] === sheet.layer[node] ? placeOf(node, bend) : undefined;
      }),
  };
}

/** Copies the old places; each new item takes the free place nearest to where it is wanted. */
function fitAround(sheet: Sheet, oldPlace: (item: number) => number | undefined): Int32Array[] {
  const { x, layer } = sheet;
  const height = layer.reduce((most, at) => max(most, at + 1), 0);
  const rows: number[][] = Array.from({ length: height }, () => []);
  const fresh: number[][] = rows.map(() => []);
  for (let item = 0; item < layer.length; item++) {
    const old = oldPlace(item);
    (old === undefined ? fresh : rows)[layer[item]!]!.push(item);
    if (old !== undefined) x[item] = old;
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
function insert(row: number[], item: number, wanted: number, sheet: Sheet): void {
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
      const place = clamp(wanted, low, high);
      const cost = Math.abs(place - wanted);
      if (cost < best.cost) best = { at, place, cost };
    }
    if (best.cost < Infinity) break;
  }
  x[item] = best.place;
  row.splice(best.at, 0, item);
}
