/** The model a widget observes: anywidget's, or the small one an exported page uses instead. */

import { on } from "./dom";

export interface Traits {
  view: string;
  payload: unknown;
  position: number;
  selected: number | null;
  /** Of a tour: the stop shown; and whether it has a page, with its address and keys, to itself. */
  stop?: number;
  alone?: boolean;
}

/** The part of anywidget's model that the widgets use. */
export interface Model {
  get<Name extends keyof Traits>(name: Name): Traits[Name];
  set<Name extends keyof Traits>(name: Name, value: Traits[Name]): void;
  on(event: string, listener: (content?: unknown) => void): void;
  off(event: string, listener: (content?: unknown) => void): void;
  save_changes(): void;
  send(content: unknown): void;
}

/** A model that lives in the page alone: nothing is saved and nobody answers messages. */
export function pageModel(traits: Traits): Model {
  const listeners = new Map<string, Set<() => void>>();
  return {
    get: (name) => traits[name],
    set(name, value) {
      if (Object.is(traits[name], value)) return;
      traits[name] = value;
      for (const listener of [...(listeners.get(`change:${name}`) ?? [])]) listener();
    },
    on(event, listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    off(event, listener) {
      listeners.get(event)?.delete(listener);
    },
    save_changes() {},
    send() {},
  };
}

/** Calls `listener` on every change of `name`, until `signal` aborts. */
export function observe(
  model: Model,
  name: keyof Traits,
  signal: AbortSignal,
  listener: () => void,
): void {
  const event = `change:${name}`;
  model.on(event, listener);
  on(signal, "abort", () => model.off(event, listener));
}

/** Sets a trait for all views and for Python. */
export function put<Name extends keyof Traits>(
  model: Model,
  name: Name,
  value: Traits[Name],
): void {
  if (Object.is(model.get(name), value)) return;
  model.set(name, value);
  model.save_changes();
}
