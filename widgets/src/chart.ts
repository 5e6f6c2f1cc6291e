/** The bundle of the charts. */

import base from "./base.css";
import style from "./chart.css";
import { readField, readGradients, readPlot, readSweep, readTimeline } from "./chart-data";
import { type Face, makeDoor } from "./door";
import type { Model } from "./model";
import { Misfit } from "./payload";
import { fieldFace } from "./view-field";
import { gradientsFace } from "./view-gradients";
import { plotFace } from "./view-plot";
import { sweepFace } from "./view-sweep";
import { timelineFace } from "./view-timeline";

export const { render, mount } = makeDoor(base + style, faceOf);

export default { render };

function faceOf(model: Model, signal: AbortSignal): Face {
  const view = model.get("view");
  const payload = model.get("payload");
  switch (view) {
    case "plot":
      return plotFace(readPlot(payload), signal);
    case "sweep":
      return sweepFace(model, readSweep(payload), signal);
    case "field":
      return fieldFace(model, readField(payload), signal);
    case "gradients":
      return gradientsFace(model, readGradients(payload), signal);
    case "timeline":
      return timelineFace(model, readTimeline(payload), signal);
    default:
      throw new Misfit(`there is no view named ${JSON.stringify(view)}`);
  }
}
