/** One scene as laid out: made once for a set of opened groups, then only asked. */

import type { Box } from "./camera";
import { glance } from "./format";
import { type Frame, framesOf, isOnName } from "./frames";
import type { Groups } from "./groups";
import { type Kept, layout, type Layout, PITCH, spreadOut } from "./layout";
import { addTo, groupBy, max, min, type Rows, rowsOf, zeros } from "./lists";
import { gradOf, type NodeState, nodeState, type Timeline } from "./moment";
import { project, type Scene } from "./project";
import { HEIGHT, type Label, labelOf, textWidth } from "./shapes";
import { type Strokes, strokesOf } from "./strokes";
import type { Trace } from "./trace";

/** More lines than this at one box are a brush stroke anyway. */
export const MOST_LINES = 300;

export interface Stage {
  readonly trace: Trace;
  readonly groups: Groups;
  readonly times: Timeline;
  readonly scene: Scene;
  /** What each box is known by when the graph has changed. */
  readonly keys: readonly string[];
  readonly labels: readonly Label[];
  readonly plan: Layout;
  readonly strokes: Strokes;
  readonly frames: readonly Frame[];
  readonly into: Rows;
  readonly outOf: Rows;
}

/** Says what boxes that are known by `keys` keep of an earlier stage. */
export type Keep = (keys: readonly string[]) => Kept;

/** Sets the stage; what is kept of an earlier one stays where it was. */
export function stageOf(
  trace: Trace,
  groups: Groups,
  times: Timeline,
  opened: ReadonlySet<string>,
  kept?: Keep,
): Stage {
  const scene = project(trace, groups, opened);
  const labels = Array.from(scene.nodeOf, (_, box) =>
    labelOf(
      trace,
      groups,
      scene,
      box,
      allNotes(trace, times, scene, box),
      asideOf(times, scene, box),
    ),
  );
  const widths = labels.map(({ width }) => width);
  const keys = keysOf(trace, groups, scene);
  const plan = layout({ widths, ...scene, outer: groups.parent }, kept?.(keys));
  return {
    trace,
    groups,
    times,
    scene,
    keys,
    labels,
    plan,
    strokes: strokesOf(scene, plan, widths),
    frames: framesOf(scene, groups, plan, widths),
    into: groupBy(scene.to, labels.length),
    outOf: groupBy(scene.from, labels.length),
  };
}

function keysOf({ parts }: Trace, groups: Groups, { nodeOf, group }: Scene): string[] {
  const times = new Map<string, number>();
  return Array.from(nodeOf, (node, box) => {
    const base = group[box]! < 0 ? (parts?.[node] ?? `${node}`) : groups.key[group[box]!]!;
    times.set(base, (times.get(base) ?? 0) + 1);
    return `${base} ${times.get(base)}`;
  });
}

// Places ------------------------------------------------------------------------------------------

export function centreOf({ plan }: Stage, box: number): { x: number; y: number } {
  return { x: plan.x[box]!, y: plan.layer[box]! * PITCH };
}

export function boxAround(stage: Stage, box: number): Box {
  const { x, y } = centreOf(stage, box);
  const [wide, high] = [stage.labels[box]!.width / 2 + 4, HEIGHT / 2 + 4];
  return { left: x - wide, right: x + wide, top: y - high, bottom: y + high };
}

/** All of the drawing, with room below the root where the first gradient arrives. */
export function worldBox({ plan, frames }: Stage, room: number): Box {
  let [left, right] = [plan.left, plan.right];
  let [top, bottom] = [-HEIGHT / 2, (plan.rows.length - 1) * PITCH + HEIGHT / 2 + room];
  for (const frame of frames) {
    left = min(left, frame.left);
    right = max(right, frame.right);
    top = min(top, frame.top - 8);
    bottom = max(bottom, frame.bottom);
  }
  return { left, right, top, bottom };
}

/** How far an edge at `y` has to move down so that it does not cut through a row of boxes. */
export function offRow(y: number): number {
  const row = Math.round(y / PITCH);
  const below = row * PITCH + HEIGHT / 2 + 8 - y;
  return row >= 0 && below < HEIGHT + 16 ? max(below, 0) : 0;
}

/** The frames that reach into a part of the world. */
export function framesIn({ frames }: Stage, part: Box): Frame[] {
  return frames.filter(
    ({ left, right, top, bottom }) =>
      left <= part.right && right >= part.left && top <= part.bottom && bottom >= part.top,
  );
}

/** The box at a point of the world, or null. */
export function boxAt(stage: Stage, x: number, y: number): number | null {
  const at = Math.round(y / PITCH);
  for (const item of itemsBetween(stage.plan, at, x - 200, x + 200)) {
    if (item >= stage.plan.count) continue;
    const { left, right, top, bottom } = boxAround(stage, item);
    if (x >= left && x <= right && y >= top && y <= bottom) return item;
  }
  return null;
}

/** The group that a press at a point opens or closes: on a box's plus sign, on a frame's name. */
export function handleAt(stage: Stage, x: number, y: number): number | null {
  const { groups, frames, scene } = stage;
  const box = boxAt(stage, x, y);
  if (box !== null) {
    const isOnPlus = scene.group[box]! >= 0 && x > boxAround(stage, box).right - 30;
    return isOnPlus ? scene.group[box]! : null;
  }
  return frames.findLast((frame) => isOnName(groups, frame, x, y))?.group ?? null;
}

/** Boxes in a part of the world, and the nodes that have a box or a bend there. */
export function boxesIn({ plan }: Stage, { left, right, top, bottom }: Box) {
  const boxes = new Set<number>();
  const owners = new Set<number>();
  for (let at = max(0, Math.floor(top / PITCH)); at <= Math.ceil(bottom / PITCH); at++) {
    for (const item of itemsBetween(plan, at, left - 160, right + 160)) {
      owners.add(plan.owner[item]!);
      if (item < plan.count) boxes.add(item);
    }
  }
  return { boxes, owners };
}

/** The items of a row, which is sorted by x, whose centres lie between two places. */
function itemsBetween({ rows, x }: Layout, at: number, from: number, to: number): Int32Array {
  const row = rows[at] ?? zeros(0);
  const firstFrom = (place: number) => {
    let [low, high] = [0, row.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[row[middle]!]! < place) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return row.subarray(firstFrom(from), firstFrom(to));
}

// Lines -------------------------------------------------------------------------------------------

export function linesInto({ into }: Stage, box: number): Int32Array {
  return rowsOf(into, box);
}

export function linesOutOf({ outOf }: Stage, box: number): Int32Array {
  return rowsOf(outOf, box);
}

/** The lines worth drawing when only `boxes` are. */
export function linesAt(stage: Stage, boxes: Iterable<number>): Set<number> {
  const { layer } = stage.plan;
  const lines = new Set<number>();
  for (const box of boxes) {
    for (const line of linesInto(stage, box).subarray(0, MOST_LINES)) lines.add(line);
    for (const line of linesOutOf(stage, box).subarray(0, MOST_LINES)) {
      if (layer[stage.scene.to[line]!] === layer[box]! + 1) lines.add(line);
    }
  }
  return lines;
}

/** The neighbour along an edge, upwards or downwards, that stands nearest; -1 if there is none. */
export function neighbour(stage: Stage, box: number, up: boolean): number {
  const { scene, plan } = stage;
  const away = (other: number) => Math.abs(plan.x[other]! - plan.x[box]!);
  const ends = up ? scene.from : scene.to;
  let best = -1;
  for (const line of up ? linesInto(stage, box) : linesOutOf(stage, box)) {
    if (best < 0 || away(ends[line]!) < away(best)) best = ends[line]!;
  }
  return best;
}

/** The box to the left (-1) or right (1) in the same row; -1 if there is none. */
export function sibling({ plan }: Stage, box: number, way: number): number {
  const boxes = plan.rows[plan.layer[box]!]!.filter((item) => item < plan.count);
  return boxes[boxes.indexOf(box) + way] ?? -1;
}

// Time --------------------------------------------------------------------------------------------

/** A box runs when any of its nodes does; it is done when the node that stands for it is. */
export function boxState({ trace, times, scene }: Stage, box: number, position: number): NodeState {
  const now = trace.steps.node[position];
  if (now !== undefined && scene.boxOf[now] === box) return "now";
  return nodeState(trace, times, scene.nodeOf[box]!, position);
}

/** A gradient's few characters on the line it leaves by, and when it leaves. */
export interface LineLabel {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly leftAt: number;
}

/** The labels of `lines`, moved apart where they would overlap, whether or not they show yet. */
export function lineLabels(stage: Stage, lines: Iterable<number>, position: number): LineLabel[] {
  const rows = new Map<number, LineLabel[]>();
  for (const line of lines) {
    const label = lineLabel(stage, line, position);
    if (label) addTo(rows, label.y, label);
  }
  return [...rows.values()].flatMap((row) => {
    row.sort((one, other) => one.x - other.x);
    const half = (at: number) => row[at]!.width / 2;
    const places = spreadOut(
      row.length,
      (at) => row[at]!.x,
      () => 1,
      (at) => half(at - 1) + half(at) + 2,
    );
    return row.map((label, at) => ({ ...label, x: places[at]! }));
  });
}

/** A line for several edges tells of the one whose gradient leaves now, else the first of all. */
function lineLabel(stage: Stage, line: number, position: number): LineLabel | null {
  const { trace, times, scene, strokes } = stage;
  const edges = scene.edges[line]!.filter((edge) => times.gradient[edge]! >= 0);
  edges.sort((one, other) => times.leftAt[one]! - times.leftAt[other]!);
  const edge = edges.find((one) => times.leftAt[one] === position) ?? edges[0];
  if (edge === undefined) return null;
  const others = scene.edges[line]!.length - 1;
  const summed = times.summed.get(`${trace.edges.to[edge]} ${trace.edges.slot[edge]}`);
  const text =
    (summed ? `${summed}: ` : "") +
    glance(trace.values, times.gradient[edge]!) +
    (others ? ` +${others}` : "");
  return {
    text,
    ...strokes.labelAt(line),
    width: textWidth(text) + 14,
    leftAt: times.leftAt[edge]!,
  };
}

/** Whether a gradient leaves along a line at `position`. */
export function flowsAt({ times, scene }: Stage, line: number, position: number): boolean {
  return scene.edges[line]!.some((edge) => times.leftAt[edge] === position);
}

/** `.grad` as the second line of an accumulate node shows it growing; null for other boxes. */
export function noteOf(
  trace: Trace,
  times: Timeline,
  scene: Scene,
  box: number,
  position: number,
): string | null {
  const step = stepOf(trace, times, scene, box);
  if (step < 0) return null;
  const grad = (at: number) => {
    const row = gradOf(trace, times, scene.nodeOf[box]!, at);
    return row === null ? "None" : glance(trace.values, row);
  };
  const now = position === step ? `${grad(step - 1)} → ${grad(step)}` : `.grad ${grad(position)}`;
  return now + asideOf(times, scene, box);
}

/** What stands behind a node's second line: that hooks ran there, which pass made it. */
function asideOf({ marks }: Timeline, { nodeOf }: Scene, box: number): string {
  const mark = marks.get(nodeOf[box]!);
  return mark ? ` · ${mark}` : "";
}

/** All that an accumulate node's second line will ever say, so that it has the room. */
function allNotes(trace: Trace, times: Timeline, scene: Scene, box: number): string[] {
  const step = stepOf(trace, times, scene, box);
  if (step < 0) return [];
  return [step - 1, step, step + 1].map((at) => noteOf(trace, times, scene, box, at)!);
}

function stepOf({ nodes }: Trace, { ranAt }: Timeline, scene: Scene, box: number): number {
  const node = scene.nodeOf[box]!;
  const isGrad = scene.group[box]! < 0 && nodes.kind[node] === "accumulate";
  return isGrad && ranAt[node]! < Infinity ? ranAt[node]! : -1;
}
