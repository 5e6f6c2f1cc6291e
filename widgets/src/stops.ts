/** Stops: where playing pauses. At a node, at every node of a kind, at the first NaN or infinity. */

import { h, textButton, write } from "./dom";
import { plural } from "./format";
import { runnerOf, timeline, titleOf } from "./moment";
import type { Trace } from "./trace";

type Stop = number | string;
/** The stop at the first number that is none; every other text is an operation's name. */
const ODD = "first NaN or inf";

export interface Stops {
  /** The list of stops, and the button that shows and hides it. */
  readonly element: HTMLElement;
  readonly opener: HTMLElement;
  /** Which stop is at a step, in words; "" if there is none. */
  readonly at: (position: number) => string;
  /** The nodes at which running stops. */
  readonly nodes: () => number[];
  /** The buttons of a node's details. */
  readonly buttons: (node: number) => HTMLElement[];
  /** Does what a key is for; false where it belongs to somebody else. */
  readonly press: (key: string) => boolean;
  /** The pass has gone on. */
  readonly change: (trace: Trace) => void;
}

export interface StopActions {
  /** The node that keys are about. */
  readonly node: () => number;
  readonly position: () => number;
  readonly go: (position: number) => void;
  /** The stops are others now. */
  readonly changed: () => void;
}

export function createStops(first: Trace, actions: StopActions): Stops {
  let trace = first;
  let times = timeline(trace);
  let firstOdd = firstOddOf(trace);
  const set = new Set<Stop>();
  const acts: Record<string, [string, (node: number) => void]> = {
    r: ["Run to here", runTo],
    b: ["Stop here", (node) => toggle(runnerOf(trace, node))],
    a: ["Stop at all of its kind", (node) => toggle(trace.nodes.op[runnerOf(trace, node)]!)],
    n: ["Stop at NaN or inf", () => toggle(ODD)],
    ",": ["‹ stop", () => run(-1)],
    ".": ["stop ›", () => run(1)],
  };
  const buttons = (keys: string, node: number) =>
    [...keys].map((key) => textButton(`${acts[key]![0]} (${key})`, () => acts[key]![1](node)));
  const list = h("span.gl-row");
  const spoken = h("span.gl-hidden", { "aria-live": "polite" });
  const element = h(
    "div.gl-row.gl-stops",
    { role: "group", "aria-label": "Stops", "data-gl": "stops" },
    ...buttons("n,.", 0),
    list,
    spoken,
  );
  const opener = textButton("Stops", () => open(element.hidden));
  open(false);
  const at = (position: number) => [...set].filter((stop) => isAt(stop, position)).map(named).join(", ");
  return {
    element,
    opener,
    at,
    nodes: () =>
      trace.nodes.op.flatMap((op, node) => (set.has(node) || set.has(op) ? [node] : [])),
    buttons: (node) => buttons("rba", node),
    press(key) {
      acts[key]?.[1](actions.node());
      return key in acts;
    },
    change(next) {
      trace = next;
      times = timeline(trace);
      firstOdd = firstOddOf(trace);
    },
  };

  function isAt(stop: Stop, position: number): boolean {
    const { steps, nodes } = trace;
    if (stop === ODD) return position === firstOdd;
    const node = steps.node[position]!;
    return times.ranAt[node] === position && (stop === node || stop === nodes.op[node]);
  }

  function named(stop: Stop): string {
    if (typeof stop === "number") return titleOf(trace, stop);
    return stop === ODD ? ODD : `every ${stop}`;
  }

  function open(isOpen: boolean): void {
    element.hidden = !isOpen;
    opener.setAttribute("aria-pressed", `${isOpen}`);
  }

  function toggle(stop: Stop): void {
    const isNew = !set.delete(stop);
    if (isNew) set.add(stop);
    open(true);
    list.replaceChildren(
      ...[...set].map((one) =>
        textButton(`${named(one)} ×`, () => toggle(one), {
          "aria-label": `Remove stop: ${named(one)}`,
        }),
      ),
    );
    const verb = isNew ? "set" : "removed";
    write(spoken, `Stop ${verb}: ${named(stop)}; ${plural(set.size, "stop")} in all`);
    actions.changed();
  }

  /** To the next stop, forwards or backwards in time; where there is none, to the end. */
  function run(way: 1 | -1): void {
    let position = actions.position();
    do position += way;
    while (trace.steps.kind[position] && !at(position));
    actions.go(position);
  }

  function runTo(node: number): void {
    const step = times.ranAt[runnerOf(trace, node)]!;
    if (step < Infinity) actions.go(step);
    else write(spoken, `${named(node)} does not run in this pass`);
  }
}

function firstOddOf({ steps, values }: Trace): number {
  return steps.kind.findIndex((_, step) =>
    [...steps.incoming[step]!, ...steps.outgoing[step]!, steps.after[step]!].some(
      (row) => row !== null && values.nan[row]! + values.inf[row]! > 0,
    ),
  );
}
