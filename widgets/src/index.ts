/** The bundle of the graph, the stepper and the live panel. */

import base from "./base.css";
import { type Face, makeDoor, message } from "./door";
import type { Model } from "./model";
import { Misfit } from "./payload";
import style from "./style.css";
import tour from "./tour.css";
import { readTrace } from "./trace";
import { graphFace } from "./view-graph";
import { liveFace } from "./view-live";
import { stepFace } from "./view-step";
import { tourFace } from "./view-tour";

export const { render, mount } = makeDoor(base + style + tour, faceOf);

export default { render };

const FACES: Record<string, typeof graphFace> = {
  graph: graphFace,
  step: stepFace,
  live: liveFace,
  tour: tourFace,
};

function faceOf(model: Model, signal: AbortSignal): Face {
  const view = model.get("view");
  const face = Object.hasOwn(FACES, view) && FACES[view];
  if (!face) throw new Misfit(`there is no view named ${JSON.stringify(view)}`);
  const trace = readTrace(model.get("payload"));
  if (view !== "live" && !trace.nodes.kind.length)
    return message("This graph holds no nodes, so there is nothing to draw.");
  return face(model, trace, signal);
}
