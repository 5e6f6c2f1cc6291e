/**
 * The door: anywidget calls `render` with a model, an exported page calls `mount` with plain data.
 */

import { h } from "./dom";
import { type Model, observe, pageModel, type Traits } from "./model";
import style from "./style.css";
import { Misfit, readPlot, readTrace, type Trace } from "./trace";
import { type Face, graphFace } from "./view-graph";
import { liveFace } from "./view-live";
import { plotFace } from "./view-plot";
import { stepFace } from "./view-step";

/** Draws the widget of `model` into `el`; the function returned takes all of it away again. */
export function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const life = new AbortController();
  const root = h("div", { class: "gradlab" });
  el.append(h("style", {}, style), root);
  keepKeysFromNotebook(root, life.signal);
  let face = new AbortController();
  let made: Face | null = null;

  function show(): void {
    face.abort();
    face = new AbortController();
    made = faceOf(model, face.signal);
    root.replaceChildren(made.element);
  }

  /** A live graph goes on; whatever else arrives is another picture. */
  function change(): void {
    const trace = made?.change && model.get("view") === "live" ? liveTrace(model) : null;
    if (trace) made!.change!(trace);
    else show();
  }
  observe(model, "payload", life.signal, change);
  observe(model, "view", life.signal, show);
  show();
  sayReady(model);
  return () => {
    face.abort();
    life.abort();
    el.replaceChildren();
  };
}

/** Draws a widget into a page that has no widget manager; the traits are those of docs/trace.md. */
export function mount(el: HTMLElement, traits: Partial<Traits>): () => void {
  const model = pageModel({
    view: "graph",
    payload: null,
    position: -1,
    selected: null,
    ...traits,
  });
  return render({ model, el });
}

export default { render };

/** The payload as a trace that a live face can go on with; null where it has to be made anew. */
function liveTrace(model: Model): Trace | null {
  try {
    return readTrace(model.get("payload"));
  } catch {
    return null;
  }
}

function faceOf(model: Model, signal: AbortSignal): Face {
  try {
    const view = model.get("view");
    const payload = model.get("payload");
    if (view === "plot") return plotFace(readPlot(payload), signal);
    if (view !== "graph" && view !== "step" && view !== "live")
      throw new Misfit(`there is no view named ${JSON.stringify(view)}`);
    const trace = readTrace(payload);
    if (view === "live") return liveFace(model, trace, signal);
    if (!trace.nodes.kind.length)
      return message("This graph holds no nodes, so there is nothing to draw.");
    return (view === "step" ? stepFace : graphFace)(model, trace, signal);
  } catch (problem) {
    if (!(problem instanceof Misfit)) throw problem;
    return message(`This widget cannot be drawn: ${problem.message}.`, "alert");
  }
}

function message(text: string, role = "status"): Face {
  return { element: h("p", { class: "gl-message", role, "data-gl": "message" }, text) };
}

/**
 * JupyterLab acts on single keys (d d deletes a cell); inside a widget they are the widget's own.
 * It looks for this attribute on the element that has the focus, so that is where it is set, before
 * JupyterLab sees the key. Keys with control still reach it: Ctrl+S saves.
 */
function keepKeysFromNotebook(root: HTMLElement, signal: AbortSignal): void {
  window.addEventListener(
    "keydown",
    ({ target, ctrlKey, metaKey }) => {
      if (!(target instanceof Element && root.contains(target))) return;
      target.toggleAttribute("data-lm-suppress-shortcuts", !ctrlKey && !metaKey);
    },
    { capture: true, signal },
  );
}

const told = new WeakSet<Model>();

/** Once for each model, after its first paint. */
function sayReady(model: Model): void {
  if (told.has(model)) return;
  told.add(model);
  requestAnimationFrame(() => requestAnimationFrame(() => model.send({ type: "ready" })));
}
