/**
 * The charts' payloads, as types and as checks.
 *
 * Every chart draws only what has passed here. A payload that does not fit is refused with a sentence
 * naming the place.
 */

import { checkLength, checkList, type Element, element, list, opened, require, text } from "./payload";

export interface Plot {
  readonly schema: 1;
  readonly x: readonly Element[];
  readonly y: readonly Element[] | null;
  readonly dy: readonly Element[];
  readonly x_label: string;
  readonly y_label: string;
  readonly dy_label: string;
  readonly title: string;
  readonly note: string;
}

/** Returns `payload` as plot data; raises Misfit where it is none. */
export function readPlot(payload: unknown): Plot {
  const plot = opened(payload);
  const length = list(plot.x, "x").length;
  for (const name of ["x", "y", "dy"]) {
    if (name === "y" && plot.y === null) continue;
    const column = list(plot[name], name);
    checkLength(column, name, length, "x");
    checkList(column, name, element, {});
  }
  for (const name of ["x_label", "y_label", "dy_label", "title", "note"]) {
    require(name, text(plot[name], {}), plot[name]);
  }
  return payload as Plot;
}
