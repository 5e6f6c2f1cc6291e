/** What lists need in many rooms: rows found by a key, what lies around what, bounds, and joints. */

export const { max, min } = Math;

export function zeros(count: number): Int32Array {
  return new Int32Array(count);
}

/** Rows of equal key: those of `key` are ids[start[key]] up to ids[start[key + 1]]. */
export interface Rows {
  readonly start: Int32Array;
  readonly ids: Int32Array;
}

export function groupBy(keys: ArrayLike<number>, count: number): Rows {
  const start = zeros(count + 1);
  for (let row = 0; row < keys.length; row++) start[keys[row]! + 1]!++;
  for (let key = 0; key < count; key++) start[key + 1]! += start[key]!;
  const next = start.slice();
  const ids = zeros(keys.length);
  for (let row = 0; row < keys.length; row++) ids[next[keys[row]!]!++] = row;
  return { start, ids };
}

/** The rows of one key, in their order; where time counts, a loop over `ids` is faster. */
export function rowsOf({ start, ids }: Rows, key: number): Int32Array {
  return ids.subarray(start[key], start[key + 1]);
}

/** Adds to the list that `map` has for `key`. */
export function addTo<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const items = map.get(key);
  if (items) items.push(item);
  else map.set(key, [item]);
}

/** A row and those around it by `parent`, outermost first; nothing for -1. */
export function ancestors(parent: ArrayLike<number>, row: number): number[] {
  const found: number[] = [];
  for (let at = row; at >= 0; at = parent[at]!) found.push(at);
  return found.reverse();
}

/** What there is of `parts`, as one text. */
export function joined(parts: Iterable<unknown>, separator = " "): string {
  return [...parts].filter(Boolean).join(separator);
}

export function clamp(value: number, low: number, high: number): number {
  return min(max(value, low), high);
}
