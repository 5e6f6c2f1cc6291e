/** The `graph` face: the drawing, a node's details beside it, a legend, and the table twin. */

import { details, KINDS } from "./details";
import { h, hasModifier, on, s, textButton } from "./dom";
import type { Face } from "./door";
import { type Model, observe, put } from "./model";
import { happened } from "./happened";
import { clamp } from "./lists";
import { timeline } from "./moment";
import { createPicture, type Picture, type PictureOptions } from "./picture";
import { type BoxKind, outline } from "./shapes";
import { tableTwin, type Twin } from "./table";
import type { Trace } from "./trace";

/** The parts that the graph and the stepper have in common. */
export interface Desk {
  readonly picture: Picture;
  readonly body: HTMLElement;
  readonly side: HTMLElement;
  readonly foot: HTMLElement;
  readonly show: (position: number) => void;
  readonly change: (trace: Trace) => void;
}

/** What faces add. */
export interface Extras {
  /** Buttons to a node's details. */
  readonly buttons?: (node: number) => HTMLElement[];
  /** The nodes at which playing stops. */
  readonly nodes?: () => readonly number[];
  /** What a graph that changes keeps of how it was drawn. */
  readonly keep?: PictureOptions["keep"];
}

export function graphFace(model: Model, trace: Trace, signal: AbortSignal): Face {
  const desk = makeDesk(model, trace, false, signal);
  const element = h("div.gl-face", { "data-gl-view": "graph" }, desk.body, desk.foot);
  listenForKeys(element);
  const show = () => desk.show(-1);
  observe(model, "selected", signal, show);
  show();
  return { element };
}

export function makeDesk(
  model: Model,
  first: Trace,
  stepping: boolean,
  signal: AbortSignal,
  extras: Extras = {},
): Desk {
  let trace = first;
  let times = timeline(trace);
  const select = (node: number | null) => put(model, "selected", node);
  const stops = () => extras.nodes?.() ?? [];
  const options = { stepping, select, regrouped: renewDetails, stops, keep: extras.keep };
  const picture = createPicture(trace, options, signal);
  const main = h("div.gl-main", picture.element);
  const side = h("div.gl-side");
  const least = first.parts ? 480 : stepping ? 420 : 260;
  const height = clamp(picture.height + 60, least, 540);
  const body = h("div.gl-body", { style: `--gl-height: ${height}px` }, main, side);
  const toggle = textButton("Table", toggleTable, {
    "data-gl": "table-button",
    "aria-pressed": "false",
  });
  let key = legend(trace, picture);
  const foot = h("div.gl-foot", key, toggle);
  let position = -1;
  let twin: Twin | null = null;
  let shown: HTMLElement | null = null;

  function toggleTable(): void {
    const isTable = toggle.getAttribute("aria-pressed") === "true";
    toggle.setAttribute("aria-pressed", `${!isTable}`);
    twin ??= tableTwin(trace, stepping, select);
    const next = isTable ? picture.element : twin.element;
    main.replaceChildren(next);
    show(position);
    next.focus({ preventScroll: true });
  }

  /** Makes the details anew only when they are of another node: what is unfolded stays so. */
  function showDetails(selected: number | null): void {
    const isSame = shown && Number(shown.getAttribute("data-gl-node")) === selected;
    if (isSame) return;
    const hadFocus = shown?.matches(":focus-within");
    shown?.remove();
    shown = selected === null ? null : detailsOf(selected);
    if (shown) {
      side.append(shown);
      side.scrollTop = shown.offsetTop;
    }
    if (hadFocus) picture.element.focus({ preventScroll: true });
  }

  function detailsOf(node: number): HTMLElement {
    return details(trace, node, {
      close: () => select(null),
      buttons: extras.buttons?.(node) ?? [],
      groups: picture.groupsOf(node),
      toggleGroup: picture.toggleGroup,
    });
  }

  function renewDetails(): void {
    if (!shown) return;
    const node = Number(shown.getAttribute("data-gl-node"));
    const fresh = detailsOf(node);
    shown.replaceWith(fresh);
    shown = fresh;
    tellHappened(node);
  }

  function tellHappened(node: number | null): void {
    if (!shown || node === null) return;
    const entries = happened(trace, times, node, position, select);
    shown.querySelector(".gl-happened")!.replaceChildren(...entries);
    shown.classList.toggle("gl-freed", times.freedAt[node]! <= position);
  }

  function show(at: number): void {
    position = at;
    const selected = chosenNode(model, trace);
    showDetails(selected);
    tellHappened(selected);
    body.classList.toggle("gl-has-side", stepping || selected !== null);
    picture.show(at, selected);
    if (twin?.element.isConnected) twin.show(at, selected, stops());
  }

  /** The details and the table are of a graph that is gone; they are made again. */
  function change(next: Trace): void {
    trace = next;
    times = timeline(trace);
    picture.change(trace);
    const fresh = legend(trace, picture);
    key.replaceWith(fresh);
    key = fresh;
    const scrolled = side.scrollTop;
    shown?.remove();
    shown = null;
    if (twin?.element.isConnected) {
      const { scrollTop } = twin.element;
      const hadFocus = twin.element.matches(":focus-within");
      twin = tableTwin(trace, stepping, select);
      main.replaceChildren(twin.element);
      twin.element.scrollTop = scrollTop;
      if (hadFocus) twin.element.focus({ preventScroll: true });
    } else twin = null;
    show(position);
    side.scrollTop = scrolled;
  }

  return { picture, body, side, foot, show, change };
}

/** `t` changes between drawing and table; escape closes the details. */
export function listenForKeys(element: HTMLElement): void {
  on(element, "keydown", (event) => {
    if (hasModifier(event)) return;
    const handle = { t: "table-button", Escape: "close-details" }[event.key];
    const button = handle && element.querySelector<HTMLElement>(`[data-gl="${handle}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
}

/** The model may hold any number; one that is no node selects nothing. */
function chosenNode(model: Model, { nodes }: Trace): number | null {
  const selected = model.get("selected");
  return selected !== null && nodes.kind[selected] !== undefined ? selected : null;
}

function legend({ nodes, times }: Trace, picture: Picture): HTMLElement {
  const order = ["leaf", "accumulate", "op", "root", "module", "function", "fold"] as const;
  const groups = new Set(
    nodes.kind.flatMap((_, node) => picture.groupsOf(node).map(({ kind }) => kind)),
  );
  const has = (kind: BoxKind) => groups.has(kind) || (nodes.kind as readonly BoxKind[]).includes(kind);
  return h(
    "ul.gl-legend",
    { "aria-label": "Shapes" },
    ...order
      .filter(has)
      .map((kind) =>
        h(
          "li",
          s(
            "svg",
            { viewBox: "-17 -11 34 22", "aria-hidden": "true" },
            s("g", { class: `gl-node gl-${kind}` }, ...outline(kind, 28, 16)),
          ),
          KINDS[kind],
        ),
      ),
    !!times && h("li", "the warmer, the longer: ↓ forward, ↑ backward"),
  );
}
