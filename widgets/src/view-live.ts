/** The `live` face: the graph of a notebook's tensors, which goes on as they change. */

import { h, write } from "./dom";
import { plural } from "./format";
import { type Model, observe, put } from "./model";
import type { Trace } from "./trace";
import { type Face, listenForKeys, makeDesk } from "./view-graph";

/** A screen reader hears of changes at most this often. */
const HEARD = 2000;

export function liveFace(model: Model, first: Trace, signal: AbortSignal): Face {
  let trace = first;
  const desk = makeDesk(model, trace, false, signal);
  const count = h("output", { class: "gl-position", "data-gl": "position" });
  const words = h("div", { class: "gl-hidden", "aria-live": "polite", "data-gl": "words" });
  const hint = h(
    "p",
    { class: "gl-empty", "data-gl": "message" },
    "No tensor requires a gradient yet. Make one in a cell, such as ",
    h("code", {}, "a = gl.tensor(2.0, requires_grad=True)"),
    ", and it appears here.",
  );
  const head = h("div", { class: "gl-bar gl-live-bar" }, h("span", { class: "gl-dot" }), "live", count);
  desk.body.prepend(hint);
  const element = h(
    "div",
    { class: "gl-face", "data-gl-view": "live" },
    head,
    words,
    desk.body,
    desk.foot,
  );
  listenForKeys(element);
  let clock: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener("abort", () => clearTimeout(clock));

  function tell(): void {
    const size = trace.nodes.kind.length;
    write(count, plural(size, "node"));
    hint.hidden = size > 0;
    if (clock !== undefined) return;
    write(words, trace.words ?? "");
    clock = setTimeout(() => {
      clock = undefined;
      write(words, trace.words ?? "");
    }, HEARD);
  }

  /** The node whose details are shown is another row now, or gone. */
  function change(next: Trace): void {
    const chosen = model.get("selected");
    const part = chosen === null ? undefined : trace.parts?.[chosen];
    trace = next;
    const row = part === undefined ? -1 : (trace.parts?.indexOf(part) ?? -1);
    put(model, "selected", row < 0 ? null : row);
    desk.change(trace);
    head.classList.remove("gl-beat");
    requestAnimationFrame(() => head.classList.add("gl-beat"));
    tell();
  }

  const show = () => desk.show(-1);
  observe(model, "selected", signal, show);
  show();
  tell();
  return { element, change };
}
