/** The bundle of the graph, the stepper and the live panel. */

import base from "./base.css";
import { type Face, makeDoor, message } from "./door";
import type { Model } from "./model";
import { Misfit } from "./payload";
import style from "./style.css";
import { readTrace } from "./trace";
import { graphFace } from "./view-graph";
import { liveFace } from "./view-live";
import { stepFace } from "./view-step";

export const { render, mount } = makeDoor(base + style, faceOf);

export default { render };

function faceOf(model: Model, signal: AbortSignal): Face {
  const view = model.get("view");
  if (view !== "graph" && view !== "step" && view !== "live")
    throw new Misfit(`there is no view named ${JSON.stringify(view)}`);
  const trace = readTrace(model.get("payload"));
  if (view === "live") return liveFace(model, trace, signal);
  if (!trace.nodes.kind.length)
    return message("This graph holds no nodes, so there is nothing to draw.");
  return (view === "step" ? stepFace : graphFace)(model, trace, signal);
}
