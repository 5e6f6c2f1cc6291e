/** The bundle of the charts. */

import base from "./base.css";
import style from "./chart.css";
import { readPlot } from "./chart-data";
import { type Face, makeDoor } from "./door";
import type { Model } from "./model";
import { Misfit } from "./payload";
import { plotFace } from "./view-plot";

export const { render, mount } = makeDoor(base + style, faceOf);

export default { render };

function faceOf(model: Model, signal: AbortSignal): Face {
  const view = model.get("view");
  if (view !== "plot") throw new Misfit(`there is no view named ${JSON.stringify(view)}`);
  return plotFace(readPlot(model.get("payload")), signal);
}
