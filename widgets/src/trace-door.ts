/** The door of the bundles that draw traces: what they refuse, and the styles they share. */

import base from "./base.css";
import { type Door, type Face, makeDoor, message } from "./door";
import type { Model } from "./model";
import { Misfit } from "./payload";
import style from "./style.css";
import { readTrace, type Trace } from "./trace";
import values from "./values.css";

type TraceFace = (model: Model, trace: Trace, signal: AbortSignal) => Face;

/** Opens on the views that are named; a live one may be empty at first. */
export function traceDoor(faces: Readonly<Record<string, TraceFace>>, more = ""): Door {
  return makeDoor(base + style + values + more, (model, signal) => {
    const view = model.get("view");
    const face = Object.hasOwn(faces, view) && faces[view];
    if (!face) throw new Misfit(`there is no view named ${JSON.stringify(view)}`);
    const trace = readTrace(model.get("payload"));
    if (view !== "live" && !trace.nodes.kind.length)
      return message("This graph holds no nodes, so there is nothing to draw.");
    return face(model, trace, signal);
  });
}
