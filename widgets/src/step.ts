/** The bundle of the stepper. */

import { traceDoor } from "./trace-door";
import { stepFace } from "./view-step";

export const { render, mount } = traceDoor({ step: stepFace });

export default { render };
