/** The whole drawing in a corner, and which part of it is in view; a press or drag goes there. */

import { type Camera, seen, type Size } from "./camera";
import { h, on, penOn } from "./dom";
import { PITCH } from "./layout";
import { clamp, max, min } from "./lists";
import { HEIGHT } from "./shapes";
import { type Stage, worldBox } from "./stage";

const WIDE = 150;
const HIGH = 104;
const PAD = 5;
const LARGEST = 0.07;

export interface Minimap {
  readonly element: HTMLElement;
  readonly show: (stage: Stage, camera: Camera, size: Size) => void;
}

/** `centre` is asked to bring a point of the world into the middle of the view. */
export function createMinimap(centre: (x: number, y: number) => void): Minimap {
  const canvas = h("canvas");
  const view = h("div.gl-in-view");
  const element = h(
    "div.gl-minimap",
    { "aria-hidden": "true", "data-gl": "minimap", hidden: true },
    canvas,
    view,
  );
  let painted: Stage | null = null;
  let ink = "";
  let shape = { left: 0, top: 0, wide: 1, high: 1 };

  for (const event of ["pointerdown", "pointermove"] as const) {
    on(element, event, (pointer) => {
      if (!(pointer.buttons & 1)) return;
      pointer.stopPropagation();
      element.setPointerCapture(pointer.pointerId);
      const { left, top } = element.getBoundingClientRect();
      centre(
        shape.left + (pointer.clientX - left - PAD) / shape.wide,
        shape.top + (pointer.clientY - top - PAD) / shape.high,
      );
    });
  }

  function show(stage: Stage, camera: Camera, size: Size): void {
    const world = worldBox(stage, 0);
    const part = seen(camera, size);
    const isWhole =
      part.left <= world.left + 40 &&
      part.right >= world.right - 40 &&
      part.top <= world.top + 40 &&
      part.bottom >= world.bottom - 40;
    element.hidden = isWhole || size.width < 300;
    if (element.hidden) return;
    const colour = getComputedStyle(element).color;
    if (painted !== stage || ink !== colour) {
      painted = stage;
      ink = colour;
      paint(stage, colour);
    }
    const [x1, x2] = [part.left, part.right].map((x) => clamp(x, world.left, world.right));
    const [y1, y2] = [part.top, part.bottom].map((y) => clamp(y, world.top, world.bottom));
    view.style.left = `${PAD + (x1! - shape.left) * shape.wide - 2}px`;
    view.style.top = `${PAD + (y1! - shape.top) * shape.high - 2}px`;
    view.style.width = `${max((x2! - x1!) * shape.wide, 2) + 4}px`;
    view.style.height = `${max((y2! - y1!) * shape.high, 2) + 4}px`;
  }

  function paint(stage: Stage, colour: string): void {
    const { left, right, top, bottom } = worldBox(stage, 0);
    const wide = min(LARGEST, WIDE / (right - left));
    const high = min(LARGEST, HIGH / (bottom - top));
    shape = { left, top, wide, high };
    const [width, height] = [(right - left) * wide + 2 * PAD, (bottom - top) * high + 2 * PAD];
    element.style.width = canvas.style.width = `${width}px`;
    element.style.height = canvas.style.height = `${height}px`;
    const pen = penOn(canvas, width, height);
    pen.fillStyle = colour;
    const { plan, labels } = stage;
    for (let box = 0; box < plan.count; box++) {
      const [w, t] = [max(labels[box]!.width * wide, 1.5), max(HEIGHT * high, 1)];
      const x = PAD + (plan.x[box]! - left) * wide;
      const y = PAD + (plan.layer[box]! * PITCH - top) * high;
      pen.fillRect(x - w / 2, y - t / 2, w, t);
    }
  }

  return { element, show };
}
