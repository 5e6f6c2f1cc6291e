/** The `step` face: a drawing, a control bar, and one step in symbols, numbers and words. */

import { heading } from "./details";
import { h, hasModifier, iconButton, mark, on, write } from "./dom";
import type { Face } from "./door";
import { count } from "./format";
import { clamp } from "./lists";
import { formulaBox } from "./mathml";
import { type Model, observe, put } from "./model";
import { variableName } from "./moment";
import { createStops, type Stops } from "./stops";
import { readTrace, type StepKind, type Trace } from "./trace";
import { noneView, valueView } from "./value";
import { listenForKeys, makeDesk } from "./view-graph";

/** How long a step stays while playing. */
const BEAT = 1200;
/** Of the gradients of one step, as many are shown in full. */
const MOST_VALUES = 12;

const TITLES: Record<StepKind, string> = {
  seed: "the pass starts",
  vjp: "the rule runs",
  accumulate: ".grad grows",
  free: "saved values are freed",
};

export function stepFace(model: Model, first: Trace, signal: AbortSignal): Face {
  let trace = first;
  const last = () => trace.steps.kind.length - 1;
  /** The model may hold any number; the trace has steps from 0 on, and -1 is before them. */
  const now = () => {
    const position = Math.trunc(Number(model.get("position")));
    return position > -1 ? Math.min(position, last()) : -1;
  };
  const stops = createStops(trace, {
    node: () => desk.picture.atHand(),
    position: now,
    go: (position) => time.jump(position),
    changed: () => show(),
  });
  const desk = makeDesk(model, trace, true, signal, stops);
  desk.foot.lastElementChild!.before(stops.opener);
  const panel = h("section", { "aria-label": "This step" });
  desk.side.prepend(panel);
  const words = h("p.gl-words", { "aria-live": "polite", "data-gl": "words" });
  const time = transport(
    last,
    now,
    (position) => put(model, "position", position),
    stops,
    signal,
  );
  const element = h(
    "div.gl-face",
    { "data-gl-view": "step" },
    time.bar,
    words,
    stops.element,
    desk.body,
    desk.foot,
  );
  on(element, "keydown", time.onKey);
  listenForKeys(element);

  const show = () => {
    const position = now();
    time.show();
    const stop = stops.at(position);
    write(words, (stop && `Stop (${stop}). `) + sentence(trace, position));
    panel.replaceChildren(...stepPanel(trace, position));
    desk.show(position);
  };
  observe(model, "position", signal, show);
  observe(model, "selected", signal, () => desk.show(now()));
  show();
  return { element, change };

  /** Goes on with a pass that went on: in the graph, all is as the user left it. */
  function change(payload: unknown): boolean {
    const next = readTrace(payload);
    const isSame = `${next.nodes.op}` === `${trace.nodes.op}`;
    if (isSame) {
      trace = next;
      stops.change(trace);
      desk.change(trace);
      show();
    }
    return isSame;
  }
}

function sentence({ steps }: Trace, position: number): string {
  if (!steps.kind.length)
    return "This trace holds no backward pass, so there is nothing to step through.";
  if (position < 0) return "Nothing has run yet. Go forward to start the backward pass.";
  return steps.words[position]!;
}

/** The control bar: buttons, slider, keys, and the clock that plays. */
function transport(
  last: () => number,
  position: () => number,
  go: (position: number) => void,
  stops: Stops,
  signal: AbortSignal,
) {
  let clock: ReturnType<typeof setTimeout> | undefined;
  const back = () => jump(position() - 1);
  const forward = () => jump(position() + 1);
  const toStart = [
    iconButton("first", "First (Home)", "M4 3v10M13 3L6 8l7 5z", () => jump(-1)),
    iconButton("back", "Back (←)", "M11 3L4 8l7 5z", back),
  ];
  const play = iconButton("play", "Play (space)", "M5 3l8 5l-8 5z", togglePlay);
  const pause = iconButton("pause", "Pause (space)", "M5 3v10M11 3v10", togglePlay);
  const toEnd = [
    iconButton("forward", "Forward (→)", "M5 3l7 5l-7 5z", forward),
    iconButton("last", "Last (End)", "M12 3v10M3 3l7 5l-7 5z", () => jump(last())),
  ];
  for (const one of [play, pause]) one.classList.add("gl-round");
  const slider = h("input", {
    "data-gl": "slider",
    type: "range",
    min: -1,
    "aria-label": "Step"
  });
  on(slider, "input", () => jump(Number(slider.value)));
  const text = h("output.gl-position", { "data-gl": "position" });
  const bar = h(
    "div.gl-bar",
    { role: "toolbar", "aria-label": "Steps" },
    h("div.gl-buttons", ...toStart, play, pause, ...toEnd),
    slider,
    text,
  );
  on(signal, "abort", () => clearTimeout(clock));
  return { bar, show, onKey, jump };

  function show(): void {
    const at = position();
    const end = last();
    const told = `step ${count(at + 1)} of ${count(end + 1)}`;
    write(text, told);
    slider.max = `${end}`;
    slider.value = `${at}`;
    mark(slider, "aria-valuetext", told);
    if (at >= end) stop();
    // aria-disabled, not disabled: a button that had the focus keeps it, and the keys with it.
    for (const one of toStart) mark(one, "aria-disabled", `${at <= -1}`);
    for (const one of toEnd) mark(one, "aria-disabled", `${at >= end}`);
    mark(play, "aria-disabled", `${end < 0}`);
    const isPlaying = clock !== undefined;
    const hadFocus = (isPlaying ? play : pause).matches(":focus");
    play.hidden = isPlaying;
    pause.hidden = !isPlaying;
    if (hadFocus) (isPlaying ? pause : play).focus();
  }

  /** The keys of time work wherever the focus is, but space on a button presses it. */
  function onKey(event: KeyboardEvent): void {
    if (hasModifier(event) || event.shiftKey) return;
    const isOnButton = (event.target as Element).closest("button, summary");
    const acts: Record<string, (() => void) | null> = {
      ArrowLeft: back,
      ArrowRight: forward,
      Home: () => jump(-1),
      End: () => jump(last()),
      " ": isOnButton ? null : togglePlay,
    };
    const act = acts[event.key];
    if (act) act();
    else if (!stops.press(event.key)) return;
    event.preventDefault();
  }

  function jump(to: number): void {
    stop();
    move(to);
  }

  function move(to: number): void {
    go(clamp(to, -1, last()));
    show();
  }

  function togglePlay(): void {
    if (clock !== undefined) {
      stop();
      show();
    } else if (last() >= 0) tick(position() >= last() ? -1 : position());
  }

  function tick(from: number): void {
    clock = setTimeout(() => tick(position()), BEAT);
    if (stops.at(Math.min(from + 1, last()))) stop();
    move(from + 1);
  }

  function stop(): void {
    clearTimeout(clock);
    clock = undefined;
  }
}

// The panel ---------------------------------------------------------------------------------------

function stepPanel(trace: Trace, position: number): (HTMLElement | string)[] {
  const { steps } = trace;
  const kind = steps.kind[position];
  if (kind === undefined) return [hint()];
  const node = steps.node[position]!;
  return [
    h("header.gl-heading", ...heading(trace, node)),
    h("p.gl-dim", `${TITLES[kind]} · `, h("code", trace.nodes.op[node]!)),
    ...rules(trace, position),
    ...(kind === "accumulate" ? growth(trace, position) : []),
    ...(kind === "free" ? spoils(trace, node) : []),
    ...gradients("Arrives", "incoming", trace, steps.incoming[position]!, outputName),
    ...gradients(
      "Goes out",
      "outgoing",
      trace,
      steps.outgoing[position]!,
      (slot) => inputName(trace, node, slot),
      node,
    ),
  ];
}

function hint(): HTMLElement {
  const keys = [
    ["→ ←", "one step on, one step back"],
    ["Home End", "to the start, to the end"],
    ["space", "play"],
    ["↑ ↓", "along the edges of the graph"],
    ["enter", "details of a node"],
    ["o", "open or close a group"],
    ["/", "search"],
    ["t", "the graph as a table"],
    ["r", "run to a node"],
    ["b a n", "stop at a node, at all of its kind, at NaN or inf"],
    [", .", "to the stop before, to the next"],
  ] as const;
  return h("dl.gl-keys", ...keys.flatMap(([key, act]) => [h("dt", key), h("dd", act)]));
}

function rules({ steps, math }: Trace, position: number): HTMLElement[] {
  const rows = steps.formulas[position]!;
  if (!rows.length) return [];
  return [
    h("h4", "Rule"),
    ...rows.map((row) => formulaBox(math[row]!, "formula")),
  ];
}

function gradients(
  title: string,
  handle: string,
  trace: Trace,
  rows: readonly (number | null)[],
  nameOf: (at: number, all: number) => string,
  node = -1,
): HTMLElement[] {
  if (!rows.length) return [];
  const shown = rows.slice(0, MOST_VALUES).map((row, at) => {
    const name = nameOf(at, rows.length);
    return h(
      "div.gl-gradient",
      { "data-gl-slot": at },
      name && h("div.gl-dim", name),
      row === null
        ? h("span.gl-dim", "no gradient needed")
        : valueView(trace, row, handle, name, { node, slot: at }),
    );
  });
  const rest = rows.length - shown.length;
  return [
    h("h4", title),
    ...shown,
    ...(rest > 0 ? [h("p.gl-dim", `and ${count(rest)} more`)] : []),
  ];
}

/** What a node had saved and lets go of now. */
function spoils(trace: Trace, node: number): HTMLElement[] {
  const saved = trace.nodes.saved[node]!;
  const rows = saved.map(([, row]) => row);
  return gradients("Lets go of", "freed", trace, rows, (at) => saved[at]![0]);
}

function outputName(at: number, all: number): string {
  return all > 1 ? `at output ${at}` : "";
}

function inputName(trace: Trace, node: number, slot: number): string {
  const { nodes, edges } = trace;
  const edge = edges.to.findIndex((to, row) => to === node && edges.slot[row] === slot);
  if (edge < 0) return `to slot ${slot}`;
  const input = edges.from[edge]!;
  if (nodes.kind[input] === "accumulate") return `to ${variableName(trace, input)}.grad`;
  const name = nodes.name[input]!;
  return `to ${nodes.title[input]}${name && name !== nodes.title[input] ? ` (${name})` : ""}`;
}

/** `.grad` before and after: the numbers the learner has been waiting for. */
function growth(trace: Trace, position: number): HTMLElement[] {
  const { steps } = trace;
  const name = variableName(trace, steps.node[position]!);
  const side = (title: string, handle: string, row: number | null) =>
    h(
      "div.gl-gradient",
      h("div.gl-dim", title),
      row === null ? noneView(handle, name) : valueView(trace, row, handle, name),
    );
  return [
    h("h4", h("code", `${name}.grad`)),
    side("before", "grad-before", steps.before[position]!),
    side("after", "grad-after", steps.after[position]!),
  ];
}
