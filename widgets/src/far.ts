/** The graph from far away: thousands of boxes as dots on a canvas, in the sheet's colours. */

import type { Camera, Size } from "./camera";
import { seen } from "./camera";
import { h, penOn, s } from "./dom";
import { type Layout, parting, PITCH } from "./layout";
import { max } from "./lists";
import type { Scene } from "./project";
import { HEIGHT, type Label } from "./shapes";

interface FarScene {
  readonly scene: Scene;
  readonly labels: readonly Label[];
  readonly plan: Layout;
  readonly camera: Camera;
  readonly size: Size;
  readonly state: (box: number) => string | null;
  /** The box under the cursor, or -1. */
  readonly marked: number;
}

const SMALLEST = 2;
const LINES = new Set(["gl-line", "gl-flow", "gl-ring"]);
const KINDS = ["leaf", "accumulate", "op", "root", "module", "function", "fold"];
const CLASSES = [...LINES, ...KINDS.map((kind) => `gl-${kind}`)];

export function farView() {
  const [lines, boxes] = [h("canvas"), h("canvas")];
  const element = h("div.gl-far", { "aria-hidden": "true", hidden: true }, lines, boxes);
  let linesOf: readonly unknown[] = [];

  /** A step changes boxes only, so the lines are painted anew only for another view or colour. */
  function paint(far: FarScene): void {
    const colours = coloursAt(element);
    const wanted = [far.plan, far.camera, far.size, colours["gl-line"]];
    if (wanted.some((part, at) => part !== linesOf[at])) {
      linesOf = wanted;
      paintLines(penFor(lines, far), far, colours["gl-line"]!);
    }
    paintBoxes(penFor(boxes, far), far, colours);
  }

  return { element, paint };
}

/** A pen that draws on an empty canvas in units of the world. */
function penFor(canvas: HTMLCanvasElement, { camera, size }: FarScene): CanvasRenderingContext2D {
  const pen = penOn(canvas, size.width, size.height);
  pen.translate(camera.x, camera.y);
  pen.scale(camera.scale, camera.scale);
  return pen;
}

/** Lines are drawn straight from bend to bend: curves cannot be told apart at this distance. */
function paintLines(
  pen: CanvasRenderingContext2D,
  { scene, plan, camera, size }: FarScene,
  colour: string,
) {
  const { top, bottom } = seen(camera, size);
  const { x, layer } = plan;
  const isNear = (one: number, other: number) =>
    layer[other]! * PITCH >= top && layer[one]! * PITCH <= bottom;
  pen.beginPath();
  const join = (one: number, other: number) => {
    if (!isNear(one, other)) return;
    pen.moveTo(x[one]!, layer[one]! * PITCH);
    pen.lineTo(x[other]!, layer[other]! * PITCH);
  };
  for (let item = plan.count; item < x.length; item++) {
    const owner = plan.owner[item]!;
    join(item === plan.trunk[owner] ? owner : item - 1, item);
  }
  scene.from.forEach((from, line) => {
    const to = scene.to[line]!;
    join(parting(plan, from, to), to);
  });
  pen.strokeStyle = colour;
  pen.lineWidth = 1 / camera.scale;
  pen.globalAlpha = 0.6;
  pen.stroke();
  pen.globalAlpha = 1;
}

function paintBoxes(
  pen: CanvasRenderingContext2D,
  far: FarScene,
  colours: Record<string, string>,
): void {
  const { labels, plan, camera, size, state, marked } = far;
  const { left, right, top, bottom } = seen(camera, size);
  const least = SMALLEST / camera.scale;
  let now = -1;
  for (let box = 0; box < plan.count; box++) {
    const [x, y] = [plan.x[box]!, plan.layer[box]! * PITCH];
    const width = max(labels[box]!.width, least);
    if (x + width < left || x - width > right || y + PITCH < top || y - PITCH > bottom) continue;
    const stage = state(box);
    if (stage === "now") now = box;
    pen.fillStyle = colours[`gl-${labels[box]!.kind}`]!;
    pen.globalAlpha = stage === "waiting" ? 0.45 : 1;
    const height = max(HEIGHT, least);
    pen.fillRect(x - width / 2, y - height / 2, width, height);
  }
  pen.globalAlpha = 1;
  for (const [box, name] of [
    [now, "gl-flow"],
    [marked, "gl-ring"],
  ] as const) {
    if (box < 0) continue;
    pen.strokeStyle = colours[name]!;
    pen.lineWidth = 3 / camera.scale;
    const reach = max(labels[box]!.width / 2, 7 / camera.scale);
    pen.beginPath();
    pen.arc(plan.x[box]!, plan.layer[box]! * PITCH, reach, 0, 2 * Math.PI);
    pen.stroke();
  }
}

/** Asks the style sheet, through elements that are there for a moment only. */
function coloursAt(place: Element): Record<string, string> {
  const samples = CLASSES.map((name) =>
    s("g", { class: `gl-node ${name}` }, s("path", { class: LINES.has(name) ? name : "gl-shape" })),
  );
  const holder = s("svg", ...samples);
  place.append(holder);
  const colours = samples.map(
    ({ firstElementChild }) => getComputedStyle(firstElementChild!).stroke,
  );
  holder.remove();
  return Object.fromEntries(CLASSES.map((name, at) => [name, colours[at]!]));
}
