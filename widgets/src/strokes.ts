/** Lines between boxes: where they dock, the path they take, and where their label stands. */

import { bendsPassed, type Layout, parting, PITCH } from "./layout";
import { groupBy, max, min, rowsOf } from "./lists";
import type { Scene } from "./project";
import { HEIGHT } from "./shapes";

const HALF = HEIGHT / 2;
const BETWEEN_PORTS = 14;
const HEAD = 5;

interface Point {
  x: number;
  y: number;
  /** How far a line goes straight on, before and after this point. */
  rest?: number;
}

export interface Strokes {
  /** The part of a line that is its own: from the trunk, or its source, to the arrow head. */
  readonly branch: (line: number) => string;
  /** The part that all long lines of a node share. */
  readonly trunk: (box: number) => string;
  /** The whole line walked backwards, the way a gradient goes, its head at the input. */
  readonly backwards: (line: number) => string;
  /** Where a line's label stands: on its own part. */
  readonly labelAt: (line: number) => Point;
}

export function strokesOf(scene: Scene, plan: Layout, widths: ArrayLike<number>): Strokes {
  const port = ports(scene, plan, widths);

  /** A bend rests on its row, so that lines pass between boxes and not over their corners. */
  const centre = (item: number): Point => ({
    x: plan.x[item]!,
    y: plan.layer[item]! * PITCH,
    rest: item < plan.count ? 0 : HALF,
  });
  const below = (box: number): Point => ({ x: plan.x[box]!, y: plan.layer[box]! * PITCH + HALF });
  const above = (line: number): Point => {
    const { x, y } = centre(scene.to[line]!);
    return { x: x + port[line]!, y: y - HALF - 1.5 };
  };
  const departure = (line: number): Point => {
    const from = scene.from[line]!;
    const last = parting(plan, from, scene.to[line]!);
    return last === from ? below(from) : centre(last);
  };
  const bends = (box: number, size: number) =>
    Array.from({ length: size }, (_, step) => centre(plan.trunk[box]! + step));

  return {
    branch: (line) => through([departure(line), above(line)]) + head(above(line), 1),
    trunk: (box) => through([below(box), ...bends(box, plan.bends[box]!)]),
    backwards(line) {
      const from = scene.from[line]!;
      const passed = bends(from, bendsPassed(plan, from, scene.to[line]!));
      return through([above(line), ...passed.reverse(), below(from)]) + head(below(from), -1);
    },
    labelAt(line) {
      const [from, to] = [departure(line), above(line)];
      return { x: from.x + 0.38 * (to.x - from.x), y: from.y + 0.46 * (to.y - from.y) };
    },
  };
}

/** Points in a straight line are not named: a trunk along 10,000 rows is then one stroke. */
function through(points: readonly Point[]): string {
  const parts = [`M${round(points[0]!.x)} ${round(points[0]!.y)}`];
  for (let at = 1; at < points.length; at++) {
    const [last, here, next] = [points[at - 1]!, points[at]!, points[at + 1]];
    if (last.x !== here.x) parts.push(curve(last, here));
    else if (next?.x !== here.x) parts.push(`V${round(here.y)}`);
  }
  return parts.join("");
}

function curve(from: Point, to: Point): string {
  const way = Math.sign(to.y - from.y);
  const [leave, arrive] = [from.y + way * (from.rest ?? 0), to.y - way * (to.rest ?? 0)];
  const middle = round((leave + arrive) / 2);
  const [x, y] = [round(to.x), round(to.y)];
  return `V${round(leave)}C${round(from.x)} ${middle} ${x} ${middle} ${x} ${round(arrive)}V${y}`;
}

/** An arrow head of two strokes, so that a line needs no marker and no second element. */
function head({ x, y }: Point, way: 1 | -1): string {
  const back = round(y - way * HEAD * 1.3);
  return `M${round(x - HEAD)} ${back}L${round(x)} ${round(y)}L${round(x + HEAD)} ${back}`;
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}

/**
 * Spreads the lines that arrive at a box along its top edge, in the order in which they come in; a
 * line from straight above stays straight.
 */
function ports(scene: Scene, plan: Layout, widths: ArrayLike<number>): Float64Array {
  const port = new Float64Array(scene.to.length);
  const arriving = groupBy(scene.to, plan.count);
  for (let box = 0; box < plan.count; box++) {
    const lines = [...rowsOf(arriving, box)];
    if (lines.length < 2) continue;
    const places = new Map(
      lines.map((line) => [line, plan.x[parting(plan, scene.from[line]!, box)]! - plan.x[box]!]),
    );
    lines.sort((one, other) => places.get(one)! - places.get(other)!);
    const straight = lines.filter((line) => Math.abs(places.get(line)!) < 1);
    const middle = straight.length === 1 ? lines.indexOf(straight[0]!) : (lines.length - 1) / 2;
    const room = (widths[box]! - 36) / 2 / max(middle, lines.length - 1 - middle);
    const step = min(BETWEEN_PORTS, room);
    lines.forEach((line, at) => (port[line] = (at - middle) * step));
  }
  return port;
}
