/** The bundle of tours, which are a stepper and more: no other widget carries them. */

import style from "./tour.css";
import { traceDoor } from "./trace-door";
import { tourFace } from "./view-tour";

export const { render, mount } = traceDoor({ tour: tourFace }, style);

export default { render };
