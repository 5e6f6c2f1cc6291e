/** The `live` face: the graph of a notebook's tensors, which goes on as they change. */

import { h, on, write } from "./dom";
import type { Face } from "./door";
import { plural } from "./format";
import { keepPlaces } from "./growing";
import { type Model, observe, put } from "./model";
import { readTrace, type Trace } from "./trace";
import { listenForKeys, makeDesk } from "./view-graph";

/** A screen reader hears of changes at most this often. */
const HEARD = 2000;

/** Jupyter's word to a model whose kernel was restarted. */
const KERNEL_ENDED = "comm_live_update";
/** Python's answer to a view that is ready, and its word when it follows no longer. */
const FROM_PYTHON = "msg:custom";

/** All live faces on the page; those with one payload are views of one panel. */
const faces = new Map<HTMLElement, Model>();

/** While a panel is docked beside the notebook, its view in the cell's output only says so. */
function yieldToDocked(): void {
  const isDocked = (element: HTMLElement) =>
    element.matches("body .jupyterlab-sidecar :not(.gl-ended)");
  const docked = [...faces].filter(([element]) => isDocked(element));
  const payloads = docked.map(([, model]) => model.get("payload"));
  for (const [element, model] of faces) {
    const isElsewhere = !isDocked(element) && payloads.includes(model.get("payload"));
    element.classList.toggle("gl-elsewhere", isElsewhere);
  }
}

export function liveFace(model: Model, first: Trace, signal: AbortSignal): Face {
  let trace = first;
  const desk = makeDesk(model, trace, false, signal, { keep: keepPlaces });
  const count = h("output.gl-position", { "data-gl": "position" });
  const words = h("div.gl-hidden", { "aria-live": "polite", "data-gl": "words" });
  const hint = h(
    "p.gl-empty",
    { "data-gl": "message" },
    "No tensor requires a gradient yet. Make one in a cell, such as ",
    h("code", "a = gl.tensor(2.0, requires_grad=True)"),
    ", and it appears here.",
  );
  const name = h("span");
  const head = h(
    "div.gl-bar.gl-live-bar",
    h("span.gl-dot"),
    name,
    h("span.gl-beside", "beside the notebook"),
    count,
  );
  desk.body.prepend(hint);
  const element = h("div.gl-face", { "data-gl-view": "live" }, head, words, desk.body, desk.foot);
  listenForKeys(element);
  let clock: ReturnType<typeof setTimeout> | undefined;
  faces.set(element, model);
  follows(false);
  model.on(FROM_PYTHON, hear);
  model.on(KERNEL_ENDED, end);
  // It is called when the view comes into the page and when it leaves it.
  const placed = new ResizeObserver(yieldToDocked);
  placed.observe(element);
  on(signal, "abort", () => {
    clearTimeout(clock);
    placed.disconnect();
    model.off(FROM_PYTHON, hear);
    model.off(KERNEL_ENDED, end);
    faces.delete(element);
    yieldToDocked();
  });

  /** In a saved notebook nobody answers, and the panel does not call itself live. */
  function hear(content: unknown): void {
    const { type } = content as { type?: string };
    if (type === "live" || type === "stopped") follows(type === "live");
  }

  function follows(isLive: boolean): void {
    head.classList.toggle("gl-on", isLive);
    write(name, isLive ? "live" : "not live");
  }

  function end(): void {
    follows(false);
    element.classList.add("gl-ended");
    yieldToDocked();
  }

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
  function change(payload: unknown): boolean {
    const next = readTrace(payload);
    const chosen = model.get("selected");
    const part = chosen === null ? undefined : trace.parts?.[chosen];
    trace = next;
    const row = part === undefined ? -1 : (trace.parts?.indexOf(part) ?? -1);
    put(model, "selected", row < 0 ? null : row);
    desk.change(trace);
    head.classList.remove("gl-beat");
    requestAnimationFrame(() => head.classList.add("gl-beat"));
    tell();
    return true;
  }

  const show = () => desk.show(-1);
  observe(model, "selected", signal, show);
  show();
  tell();
  return { element, change };
}
