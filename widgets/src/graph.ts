/** The bundle of the graph and the live panel. */

import style from "./live.css";
import { traceDoor } from "./trace-door";
import { graphFace } from "./view-graph";
import { liveFace } from "./view-live";

export const { render, mount } = traceDoor({ graph: graphFace, live: liveFace }, style);

export default { render };
