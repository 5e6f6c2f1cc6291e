/** The search over a drawing: a field, how many nodes it found, and one after the other. */

import { h, iconButton, on, write } from "./dom";
import { count } from "./format";

export interface Search {
  readonly element: HTMLElement;
  readonly open: () => void;
}

export interface SearchActions {
  /** Finds nodes, marks them, and says which. */
  readonly find: (words: string) => readonly number[];
  readonly goTo: (node: number) => void;
  /** The search is over: nothing is marked any more. */
  readonly leave: () => void;
}

export function createSearch({ find, goTo, leave }: SearchActions): Search {
  let nodes: readonly number[] = [];
  let at = -1;
  const field = h("input", {
    type: "search",
    placeholder: "name or operation",
    "aria-label": "Search the graph",
    "data-gl": "search",
    spellcheck: "false",
  });
  const told = h("output.gl-dim", { "aria-live": "polite", "data-gl": "found" });
  const element = h(
    "div.gl-search",
    { role: "search", hidden: true },
    field,
    told,
    iconButton("previous", "Previous (shift enter)", "M3.5 10L8 5.5l4.5 4.5", () => step(-1)),
    iconButton("next", "Next (enter)", "M3.5 6L8 10.5L12.5 6", () => step(1)),
    iconButton("close-search", "Close (escape)", "M4 4l8 8M12 4l-8 8", close),
  );
  on(field, "input", () => {
    nodes = find(field.value);
    at = -1;
    tell();
  });
  // The keys of time and of the picture are letters and arrows here.
  on(element, "keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && event.target === field) step(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  });

  function step(way: 1 | -1): void {
    if (!nodes.length) return;
    at = at < 0 && way < 0 ? nodes.length - 1 : (at + way + nodes.length) % nodes.length;
    goTo(nodes[at]!);
    tell();
  }

  function tell(): void {
    const all = nodes.length;
    const place = at < 0 ? count(all) : `${count(at + 1)} of ${count(all)}`;
    write(told, field.value.trim() ? (all ? place : "none") : "");
  }

  function open(): void {
    element.hidden = false;
    field.select();
    field.focus();
    if (field.value) nodes = find(field.value);
  }

  function close(): void {
    element.hidden = true;
    leave();
  }

  return { element, open };
}
