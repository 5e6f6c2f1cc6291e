/** The bundle of the graph, the stepper and the live panel. */

import { traceDoor } from "./trace-door";
import { graphFace } from "./view-graph";
import { liveFace } from "./view-live";
import { stepFace } from "./view-step";

export const { render, mount } = traceDoor({ graph: graphFace, step: stepFace, live: liveFace });

export default { render };
