/** The camera over a drawing: which part of the world is in view, and how large. */

import { clamp, max, min } from "./lists";

export interface Camera {
  /** Where the world's origin lies in the view, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const MARGIN = 20;
const LARGEST = 2.5;
const SMALLEST = 1e-4;

/** Shows all of `world`, never enlarged. */
export function fit({ left, top, right, bottom }: Box, view: Size): Camera {
  const wide = (view.width - 2 * MARGIN) / max(right - left, 1);
  const high = (view.height - 2 * MARGIN) / max(bottom - top, 1);
  const scale = clamp(min(1, wide, high), SMALLEST, LARGEST);
  return centred((left + right) / 2, (top + bottom) / 2, scale, view);
}

/** Shows the part of `world` around a point, without empty space where there could be drawing. */
export function around(x: number, y: number, scale: number, world: Box, view: Size): Camera {
  const centre = (at: number, low: number, high: number, length: number) => {
    const half = (length / 2 - MARGIN) / scale;
    return high - low < 2 * half ? (low + high) / 2 : clamp(at, low + half, high - half);
  };
  return centred(
    centre(x, world.left, world.right, view.width),
    centre(y, world.top, world.bottom, view.height),
    scale,
    view,
  );
}

/** Zooms by `factor`; the point of the view at (x, y) stays where it is. */
export function zoom(camera: Camera, factor: number, x: number, y: number): Camera {
  const scale = clamp(camera.scale * factor, SMALLEST, LARGEST);
  const change = scale / camera.scale;
  return { x: x - (x - camera.x) * change, y: y - (y - camera.y) * change, scale };
}

export function pan(camera: Camera, x: number, y: number): Camera {
  return { ...camera, x: camera.x + x, y: camera.y + y };
}

/** The part of the world in view. */
export function seen({ x, y, scale }: Camera, { width, height }: Size): Box {
  return {
    left: -x / scale,
    top: -y / scale,
    right: (width - x) / scale,
    bottom: (height - y) / scale,
  };
}

/** Whether the whole of `inner` lies in `outer`. */
export function isInside(inner: Box, outer: Box): boolean {
  return (
    inner.left >= outer.left &&
    inner.right <= outer.right &&
    inner.top >= outer.top &&
    inner.bottom <= outer.bottom
  );
}

/** Where `box` is out of view, moves the camera only as far as it and `context` around it need. */
export function bringIn(camera: Camera, box: Box, context: number, view: Size): Camera {
  const part = seen(camera, view);
  if (isInside(box, part)) return camera;
  const shift = (low: number, high: number, from: number, to: number) => {
    const room = clamp((to - from - (high - low)) / 2, 0, context);
    if (low < from + room) return from + room - low;
    return min(0, to - room - high);
  };
  return pan(
    camera,
    shift(box.left, box.right, part.left, part.right) * camera.scale,
    shift(box.top, box.bottom, part.top, part.bottom) * camera.scale,
  );
}

function centred(x: number, y: number, scale: number, view: Size): Camera {
  return { x: view.width / 2 - x * scale, y: view.height / 2 - y * scale, scale };
}
