/** Stops: where playing pauses. At a node, at every node of a kind, at the first NaN or infinity. */

import { h, write } from "./dom";
import { plural } from "./format";
import { runnerOf, type Timeline } from "./moment";
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
  /** What a key does; undefined where it belongs to somebody else. */
  readonly keys: Record<string, () => void>;
}

export interface StopActions {
  /** The node that keys are about. */
  readonly node: () => number;
  readonly position: () => number;
  readonly go: (position: number) => void;
  /** The stops are others now. */
  readonly changed: () => void;
}

export function createStops(trace: Trace, times: Timeline, actions: StopActions): Stops {
  const { nodes, steps, values } = trace;
  const set = new Set<Stop>();
  const list = h("span", { class: "gl-row" });
  const spoken = h("span", { class: "gl-hidden", "aria-live": "polite" });
  const element = h(
    "div",
    {
      class: "gl-row gl-stops",
      role: "group",
      "aria-label": "Stops",
      "data-gl": "stops",
      hidden: true,
    },
    button("Stop at NaN or inf (n)", () => toggle(ODD)),
    button("‹ stop (,)", () => run(-1)),
    button("stop › (.)", () => run(1)),
    list,
    spoken,
  );
  const opener = button("Stops", () => open(element.hidden));
  const firstOdd = steps.kind.findIndex((_, step) =>
    [...steps.incoming[step]!, ...steps.outgoing[step]!, steps.after[step]!].some(
      (row) => row !== null && values.nan[row]! + values.inf[row]! > 0,
    ),
  );
  return {
    element,
    opener,
    at: (position) => [...set].filter((stop) => isAt(stop, position)).map(named).join(", "),
    nodes: () => [...nodes.op.keys()].filter((node) => set.has(node) || set.has(nodes.op[node]!)),
    buttons: (node) => [
      button("Run to here (r)", () => runTo(node)),
      button("Stop here (b)", () => toggle(runnerOf(trace, node))),
      button("Stop at all of its kind (a)", () => toggle(nodes.op[runnerOf(trace, node)]!)),
    ],
    keys: {
      b: () => toggle(runnerOf(trace, actions.node())),
      a: () => toggle(nodes.op[runnerOf(trace, actions.node())]!),
      n: () => toggle(ODD),
      r: () => runTo(actions.node()),
      ".": () => run(1),
      ",": () => run(-1),
    },
  };

  function isAt(stop: Stop, position: number): boolean {
    if (stop === ODD) return position === firstOdd;
    const node = steps.node[position];
    if (node === undefined || times.ranAt[node] !== position) return false;
    return stop === node || stop === nodes.op[node];
  }

  function open(isOpen: boolean): void {
    element.hidden = !isOpen;
    opener.setAttribute("aria-pressed", `${isOpen}`);
  }

  function named(stop: Stop): string {
    if (typeof stop === "string") return stop === ODD ? ODD : `every ${stop}`;
    return [nodes.title[stop], nodes.name[stop]].filter(Boolean).join(" ");
  }

  function toggle(stop: Stop): void {
    const isNew = !set.delete(stop);
    if (isNew) set.add(stop);
    open(true);
    list.replaceChildren(
      ...[...set].map((one) => button(`${named(one)} ×`, () => toggle(one), "Remove stop: ")),
    );
    write(
      spoken,
      `Stop ${isNew ? "set" : "removed"}: ${named(stop)}; ${plural(set.size, "stop")} in all`,
    );
    actions.changed();
  }

  /** To the next stop, forwards or backwards in time; where there is none, to the end. */
  function run(way: 1 | -1): void {
    let at = actions.position();
    do at += way;
    while (at >= 0 && at < steps.kind.length && ![...set].some((stop) => isAt(stop, at)));
    actions.go(at);
  }

  function runTo(node: number): void {
    const step = times.ranAt[runnerOf(trace, node)]!;
    if (step < Infinity) actions.go(step);
    else write(spoken, `${named(node)} does not run in this pass`);
  }
}

function button(text: string, act: () => void, before = ""): HTMLElement {
  const made = h(
    "button",
    { type: "button", class: "gl-button gl-text", "aria-label": before && before + text },
    text,
  );
  made.addEventListener("click", act);
  return made;
}
