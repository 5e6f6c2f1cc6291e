/** Frames around opened groups: a box where nothing else stands in it, else a shape with steps. */

import type { Groups } from "./groups";
import { s } from "./dom";
import { clipStart } from "./format";
import { FRAME, type Layout, PITCH } from "./layout";
import { addTo, ancestors, joined, max, min } from "./lists";
import type { Scene } from "./project";
import { boxKind, HEIGHT, textWidth, timesText } from "./shapes";

export interface Frame {
  readonly group: number;
  /** How many frames lie around it. */
  readonly depth: number;
  readonly path: string;
  /** Where its name stands: at the left end of its upper edge or, by turns, at the right one. */
  readonly isLeft: boolean;
  readonly x: number;
  readonly y: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Space inside a frame above and below, and how much more for each frame within. */
const ABOVE = 10;
const BELOW = 6;
const NESTED = 9;
const MOST_NESTED = 2;
const ROUND = 9;

/** A frame with its name in its upper edge; a press on the name closes the group. */
export function frameLabel(groups: Groups, frame: Frame): SVGElement {
  const { group, path, y } = frame;
  const { text, width, x } = nameOf(groups, frame);
  return s(
    "g",
    { class: `gl-frame gl-${boxKind(groups, group)}`, "data-gl": "frame" },
    s("path.gl-frame-line", { d: path }),
    s("rect.gl-frame-tag", { x, y: y - 8, width, height: 16, rx: 8 }),
    s("path.gl-minus", { d: `M${x + 7} ${y}h7` }),
    s("text.gl-frame-name", { x: x + 19, y: y + 3.5 }, text),
  );
}

/** Whether a point is on a frame's name. */
export function isOnName(groups: Groups, frame: Frame, atX: number, atY: number): boolean {
  const { x, width } = nameOf(groups, frame);
  return atX >= x - 4 && atX <= x + width + 4 && Math.abs(atY - frame.y) <= 11;
}

function nameOf(groups: Groups, { group, x, isLeft }: Frame) {
  const name = clipStart(groups.name[group]!, 26);
  const text = joined([name, timesText(groups, group)]);
  const width = textWidth(text) + 28;
  return { text, width, x: isLeft ? x + 8 : x - 8 - width };
}

interface Span {
  left: number;
  right: number;
}

const NOWHERE: Readonly<Span> = { left: Infinity, right: -Infinity };

export function framesOf(
  scene: Scene,
  groups: Groups,
  plan: Layout,
  widths: ArrayLike<number>,
): Frame[] {
  const members = new Map<number, number[]>();
  for (let box = 0; box < plan.count; box++) {
    for (const group of ancestors(groups.parent, scene.around[box]!)) addTo(members, group, box);
  }
  const shown = [...members].filter(([, boxes]) => boxes.length > 1);
  const isFramed = new Set(shown.map(([group]) => group));
  const framesAround = (group: number) =>
    ancestors(groups.parent, group).filter((one) => isFramed.has(one));
  const inside = new Map<number, number>();
  for (const group of isFramed) {
    const around = framesAround(group).reverse();
    around.forEach((one, level) => inside.set(one, max(inside.get(one) ?? 0, level)));
  }
  return shown
    .map(([group, boxes]) => {
      const depth = framesAround(group).length - 1;
      return frameOf(group, depth, inside.get(group)!, boxes, plan, widths);
    })
    .sort((one, other) => one.depth - other.depth);
}

function frameOf(
  group: number,
  depth: number,
  inside: number,
  boxes: number[],
  plan: Layout,
  widths: ArrayLike<number>,
): Frame {
  const pad = FRAME + 4 + FRAME * inside - 8;
  const rows = new Map<number, Span>();
  let [first, last] = [Infinity, 0];
  const whole = { ...NOWHERE };
  for (const box of boxes) {
    const layer = plan.layer[box]!;
    const span = rows.get(layer) ?? { ...NOWHERE };
    rows.set(layer, span);
    for (const one of [span, whole]) {
      one.left = min(one.left, plan.x[box]! - widths[box]! / 2 - pad);
      one.right = max(one.right, plan.x[box]! + widths[box]! / 2 + pad);
    }
    first = min(first, layer);
    last = max(last, layer);
  }
  const { left, right } = whole;
  const extra = NESTED * min(inside, MOST_NESTED);
  const top = first * PITCH - HEIGHT / 2 - ABOVE - extra;
  const bottom = last * PITCH + HEIGHT / 2 + BELOW + extra / 3;
  const isClear = !hasStranger(new Set(boxes), plan, widths, whole, first, last);
  const spans = Array.from({ length: last - first + 1 }, (_, at) =>
    isClear ? whole : rows.get(first + at),
  );
  const outline = outlineOf(spans, first, top, bottom);
  const isLeft = inside % 2 === 0;
  const x = isLeft ? spans[0]!.left : spans[0]!.right;
  return { group, depth, path: outline, isLeft, x, y: top, left, right, top, bottom };
}

/** Whether a box of others stands between `left` and `right` in any of the rows. */
function hasStranger(
  own: Set<number>,
  plan: Layout,
  widths: ArrayLike<number>,
  { left, right }: Span,
  first: number,
  last: number,
): boolean {
  for (let row = first; row <= last; row++) {
    for (const item of plan.rows[row]!) {
      if (item >= plan.count || own.has(item)) continue;
      const half = widths[item]! / 2;
      if (plan.x[item]! + half > left && plan.x[item]! - half < right) return true;
    }
  }
  return false;
}

/** Down the right side and up the left; a row without members goes as its neighbours do. */
function outlineOf(spans: (Span | undefined)[], first: number, top: number, bottom: number): string {
  const filled: Span[] = [];
  spans.forEach((span, at) => {
    const above = filled[at - 1] ?? span!;
    const below = spans.slice(at).find(Boolean) ?? above;
    filled.push(
      span ?? { left: max(above.left, below.left), right: min(above.right, below.right) },
    );
  });
  const border = (row: number) => (first + row) * PITCH - PITCH / 2;
  const right: [number, number][] = [];
  const left: [number, number][] = [];
  filled.forEach((span, row) => {
    const upper = row ? border(row) : top;
    const lower = row < filled.length - 1 ? border(row + 1) : bottom;
    right.push([span.right, upper], [span.right, lower]);
    left.push([span.left, upper], [span.left, lower]);
  });
  return rounded(straightened([...right, ...left.reverse()]));
}

function straightened(points: [number, number][]): [number, number][] {
  return points.filter(([x, y], at) => {
    const [before, after] = [points.at(at - 1)!, points[(at + 1) % points.length]!];
    const isOnWay = (before[0] === x && after[0] === x) || (before[1] === y && after[1] === y);
    return !isOnWay;
  });
}

function rounded(points: [number, number][]): string {
  const parts = points.map(([x, y], at) => {
    const [before, after] = [points.at(at - 1)!, points[(at + 1) % points.length]!];
    const towards = ([otherX, otherY]: [number, number]) => {
      const length = Math.hypot(otherX - x, otherY - y) || 1;
      const step = min(ROUND, length / 2) / length;
      return `${Math.round(x + (otherX - x) * step)} ${Math.round(y + (otherY - y) * step)}`;
    };
    return `${at ? "L" : "M"}${towards(before)}Q${Math.round(x)} ${Math.round(y)} ${towards(after)}`;
  });
  return `${parts.join("")}Z`;
}
