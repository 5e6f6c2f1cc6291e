/**
 * The door of every bundle: anywidget calls `render` with a model, an exported page calls `mount`
 * with plain data.
 */

import { h, on } from "./dom";
import { type Model, observe, pageModel, type Traits } from "./model";
import { Misfit } from "./payload";

/** What a widget shows. */
export interface Face {
  readonly element: HTMLElement;
  /** Goes on with another payload, and says whether it could; without it a new face is made. */
  readonly change?: (payload: unknown) => boolean;
}

/** Makes the face of a model; raises Misfit where there is nothing it could draw. */
type MakeFace = (model: Model, signal: AbortSignal) => Face;

export interface Door {
  /** Draws the widget of `model` into `el`; the function returned takes all of it away again. */
  readonly render: (view: { model: Model; el: HTMLElement }) => () => void;
  /** Draws a widget into a page that has no widget manager; the traits are docs/trace.md's. */
  readonly mount: (el: HTMLElement, traits: Partial<Traits>) => () => void;
}

export function makeDoor(style: string, makeFace: MakeFace): Door {
  function faceOf(model: Model, signal: AbortSignal): Face {
    try {
      return makeFace(model, signal);
    } catch (problem) {
      if (!(problem instanceof Misfit)) throw problem;
      return message(`This widget cannot be drawn: ${problem.message}.`, "alert");
    }
  }

  function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    const life = new AbortController();
    const root = h("div.gradlab");
    el.append(h("style", style), root);
    keepKeysFromNotebook(root, life.signal);
    let face = new AbortController();
    let made: Face | null = null;

    function show(): void {
      face.abort();
      face = new AbortController();
      made = faceOf(model, face.signal);
      root.replaceChildren(made.element);
    }

    observe(model, "payload", life.signal, () => {
      try {
        if (made?.change?.(model.get("payload"))) return;
      } catch {
        // What cannot be drawn, a face of its own says.
      }
      show();
    });
    observe(model, "view", life.signal, show);
    show();
    sayReady(model);
    return () => {
      face.abort();
      life.abort();
      el.replaceChildren();
    };
  }

  function mount(el: HTMLElement, traits: Partial<Traits>): () => void {
    const model = pageModel({
      view: "graph",
      payload: null,
      position: -1,
      selected: null,
      ...traits,
    });
    return render({ model, el });
  }

  return { render, mount };
}

export function message(text: string, role = "status"): Face {
  return { element: h("p.gl-message", { role, "data-gl": "message" }, text) };
}

/**
 * JupyterLab acts on single keys (d d deletes a cell); inside a widget they are the widget's own.
 * It looks for this attribute on the element that has the focus, so that is where it is set, before
 * JupyterLab sees the key. Keys with control still reach it: Ctrl+S saves.
 */
function keepKeysFromNotebook(root: HTMLElement, signal: AbortSignal): void {
  on(
    window,
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
