/** The `timeline` face: every call of a profile as a bar, and the time of each operation by itself. */

import type { Timeline } from "./chart-data";
import { h, hasModifier, iconButton, s, write } from "./dom";
import type { Face } from "./door";
import { clip, plural, time } from "./format";
import { listenToHands } from "./hands";
import { type Model, observe, put } from "./model";
import { linear, makePane, type Scale } from "./sheet";
import { axis } from "./ticks";
import { createTip } from "./tip";
import { foldedTable } from "./twin";

const EDGES = { left: 8, right: 8, top: 24, bottom: 8 };
const BAR = 20;
const PITCH = 23;
const LANE = 20;
/** A letter's width, about: a bar names itself where its name has room. */
const LETTER = 6.3;
/** Narrower bars are painted together with what stands beside them. */
const THIN = 1.2;
/** As many operations are listed at once. */
const LISTED = 12;

const ICONS = { in: "M8 3v10M3 8h10", out: "M3 8h10", whole: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" };

interface Window {
  readonly from: number;
  readonly to: number;
}

export function timelineFace(model: Model, data: Timeline, signal: AbortSignal): Face {
  const { events } = data;
  const all = events.name.length;
  const whole = extent(data);
  const rows = rowsOf(data);
  const kin = kinOf(data);
  const height = EDGES.top + rows.height + EDGES.bottom;
  const words = h("output.gl-words-line", { "data-gl": "words" });
  const tip = createTip();
  let view = whole;
  let across: Scale;
  let op: number | null = null;

  const attributes = {
    role: "application",
    "aria-roledescription": "timeline",
    "aria-label":
      `${data.title}. Left and right go along calls, up and down to callers and calls made, ` +
      "plus and minus zoom, 0 shows all.",
  };
  const pane = makePane("timeline", attributes, paint, signal);
  const { frame } = pane;
  frame.append(tip.element);

  function selected(): number | null {
    const position = model.get("position");
    return position >= 0 && position < all ? position : null;
  }

  function paint(width: number) {
    across = linear({ low: view.from, high: view.to, ticks: [] }, EDGES.left, width - EDGES.right);
    const parts = [...clockOf(view, width, height, whole), ...lanesOf(data, rows, width), ...bars()];
    return { height, parts };
  }

  function bars(): SVGElement[] {
    const made: SVGElement[] = [];
    const painted = new Map<number, number>();
    const chosen = selected();
    for (let event = 0; event < all; event++) {
      if (events.end[event]! < view.from || events.start[event]! > view.to) continue;
      const left = Math.max(across.px(events.start[event]!), EDGES.left);
      const right = Math.min(across.px(events.end[event]!), across.px(view.to));
      const top = rows.top(event);
      // What is thinner than a pixel is painted once for all that share the pixel.
      if (right - left < THIN && event !== chosen) {
        if (left < (painted.get(top) ?? -1)) continue;
        painted.set(top, left + THIN);
      }
      made.push(bar(event, left, Math.max(right - left, THIN), top, event === chosen));
    }
    return made;
  }

  function bar(event: number, x: number, width: number, y: number, isChosen: boolean): SVGElement {
    const isFaint = op !== null && op !== event && !isOfOp(event, op);
    const name = data.names[events.name[event]!]!;
    const letters = Math.floor((width - 10) / LETTER);
    const group = s(
      "g",
      {
        class: `gl-event gl-phase-${events.phase[event]!}${isFaint ? " gl-faint" : ""}`,
        "data-gl": "event",
        "data-gl-event": event,
        "data-selected": isChosen,
      },
      s("rect", { x, y, width, height: BAR, rx: Math.min(3, width / 3) }),
    );
    if (letters >= 3) group.append(s("text", { x: x + 6, y: y + 14 }, clip(name, letters)));
    return group;
  }

  /** Whether an event is one of those that row `row` of the operations adds up. */
  function isOfOp(event: number, row: number): boolean {
    return events.name[event] === data.ops.name[row] && events.phase[event] === data.ops.phase[row];
  }

  function lookAt(next: Window): void {
    const span = Math.min(next.to - next.from, whole.to - whole.from);
    const least = Math.max(span, 0.05);
    const from = Math.min(Math.max(next.from, whole.from), whole.to - least);
    view = { from, to: from + least };
    pane.repaint();
  }

  function zoom(factor: number, x: number | null = null): void {
    const chosen = selected();
    const middle = chosen === null ? (view.from + view.to) / 2 : (events.start[chosen]! + events.end[chosen]!) / 2;
    const at = x === null ? Math.min(Math.max(middle, view.from), view.to) : across.value(x);
    lookAt({ from: at - (at - view.from) / factor, to: at + (view.to - at) / factor });
  }

  function eventAt(x: number, y: number): number | null {
    let best: number | null = null;
    for (let event = 0; event < all; event++) {
      const top = rows.top(event);
      if (y < top || y >= top + PITCH) continue;
      const [left, right] = [across.px(events.start[event]!), across.px(events.end[event]!)];
      if (x < left - 1 || x > Math.max(right, left + THIN) + 1) continue;
      if (best === null || x >= left) best = event;
    }
    return best;
  }

  function told(event: number): string[] {
    const total = events.end[event]! - events.start[event]!;
    const lines = [`${time(total)} in all, ${time(events.self[event]!)} itself`, data.phases[events.phase[event]!]!];
    if (total > 0) lines[0] += ` (${share(events.self[event]!, total)})`;
    return lines;
  }

  function show(): void {
    const event = selected();
    pane.repaint();
    const hint = "Press a bar, or use the arrow keys.";
    write(words, event === null ? hint : [data.names[events.name[event]!], ...told(event)].join(" · "));
  }

  function select(event: number | null): void {
    put(model, "position", event ?? -1);
    if (event === null) return;
    const [start, end] = [events.start[event]!, events.end[event]!];
    const isSeen = start < view.to && end > view.from;
    const span = view.to - view.from;
    if (!isSeen) lookAt({ from: (start + end - span) / 2, to: (start + end + span) / 2 });
  }

  const scaled = (x: number) => (x * (across.px(view.to) + EDGES.right)) / (frame.clientWidth || 1);
  listenToHands(frame, {
    drag: (x) => {
      const moved = across.value(0) - across.value(scaled(x));
      lookAt({ from: view.from + moved, to: view.to + moved });
    },
    press: (x, y) => select(eventAt(scaled(x), y)),
    pressTwice: (x, y) => {
      const event = eventAt(scaled(x), y);
      if (event !== null) lookAt(around(data, event));
    },
    hover: (x, y) => {
      const event = eventAt(scaled(x), y);
      if (event === null) return tip.hide();
      const room = { width: frame.clientWidth, height: frame.clientHeight };
      tip.show(data.names[events.name[event]!]!, told(event), x, y, room);
    },
    leave: tip.hide,
    zoom: (factor, x) => zoom(factor, scaled(x)),
  });
  frame.addEventListener("keydown", (event) => {
    if (hasModifier(event) || !all) return;
    const act = keys(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  });

  function keys(key: string): (() => void) | undefined {
    const at = selected();
    return {
      ArrowLeft: () => select(at === null ? all - 1 : (kin.before[at] ?? at)),
      ArrowRight: () => select(at === null ? 0 : (kin.after[at] ?? at)),
      ArrowUp: () => select(at === null ? 0 : (events.parent[at] ?? at)),
      ArrowDown: () => select(at === null ? 0 : (kin.child[at] ?? at)),
      Home: () => select(0),
      End: () => select(all - 1),
      "+": () => zoom(1.6),
      "=": () => zoom(1.6),
      "-": () => zoom(1 / 1.6),
      "0": () => lookAt(whole),
      Enter: () => at !== null && lookAt(around(data, at)),
      Escape: () => select(null),
    }[key] as (() => void) | undefined;
  }

  const tools = h(
    "div.gl-tools",
    iconButton("zoom-out", "Zoom out (−)", ICONS.out, () => zoom(1 / 1.6)),
    iconButton("zoom-in", "Zoom in (+)", ICONS.in, () => zoom(1.6)),
    iconButton("fit", "Show all (0)", ICONS.whole, () => lookAt(whole)),
  );
  observe(model, "position", signal, show);
  show();
  const choose = (row: number | null) => {
    op = row;
    pane.repaint();
  };
  const element = h(
    "div.gl-face.gl-plot-face",
    { "data-gl-view": "timeline" },
    h("div.gl-plot-head", h("strong", data.title), legend(data), tools),
    all > 0 && frame,
    all > 0 ? words : h("p.gl-note-line", "Nothing was recorded."),
    data.note && h("p.gl-note-line", { "data-gl": "note" }, data.note),
    all > 0 && h("h4", "Time of each operation by itself"),
    all > 0 && operations(data, choose),
    foldedTable(
      "Table of all operations",
      ["operation", "when", "calls", "self time in µs"],
      () => data.ops.name.map((name, row) => [data.names[name]!, data.phases[data.ops.phase[row]!]!, `${data.ops.calls[row]}`, data.ops.self[row]!]),
    ),
  );
  return { element };
}

function extent({ events }: Timeline): Window {
  let [from, to] = [Infinity, -Infinity];
  events.start.forEach((start, event) => {
    from = Math.min(from, start);
    to = Math.max(to, events.end[event]!);
  });
  return from < to ? { from, to } : { from: 0, to: 1 };
}

/** For each call the one before and after it with the same caller, and the first that it made. */
function kinOf({ events }: Timeline) {
  const before: number[] = [];
  const after: number[] = [];
  const child: number[] = [];
  const newest = new Map<string, number>();
  events.parent.forEach((parent, event) => {
    if (parent !== null) child[parent] ??= event;
    const family = `${events.lane[event]} ${parent}`;
    const sibling = newest.get(family);
    if (sibling !== undefined) [before[event], after[sibling]] = [sibling, event];
    newest.set(family, event);
  });
  return { before, after, child };
}

/** A call with some room on both sides. */
function around({ events }: Timeline, event: number): Window {
  const [from, to] = [events.start[event]!, events.end[event]!];
  const room = Math.max((to - from) * 0.06, 0.02);
  return { from: from - room, to: to + room };
}

function rowsOf({ events, lanes }: Timeline) {
  const isNamed = lanes.name.length > 1;
  const tops: number[] = [];
  let height = 0;
  for (const depth of lanes.depth) {
    height += isNamed ? LANE : 0;
    tops.push(height);
    height += depth * PITCH;
  }
  const top = (event: number) =>
    EDGES.top + tops[events.lane[event]!]! + events.depth[event]! * PITCH;
  return { tops, height, top };
}

/** The lanes' names, where there are several. */
function lanesOf({ lanes }: Timeline, { tops }: { tops: number[] }, width: number): SVGElement[] {
  if (lanes.name.length < 2) return [];
  return lanes.name.flatMap((name, lane) => {
    const top = EDGES.top + tops[lane]!;
    return [
      s("path.gl-rule", { d: `M0 ${top - LANE + 2}H${width}` }),
      s("text.gl-start", { x: EDGES.left, y: top - 6 }, name),
    ];
  });
}

/** Times along the top, since the profile began. */
function clockOf({ from, to }: Window, width: number, height: number, whole: Window): SVGElement[] {
  const begin = whole.from;
  const wanted = Math.max(2, Math.floor(width / 110));
  const { ticks } = axis([from - begin, to - begin], wanted);
  const per = (width - EDGES.left - EDGES.right) / (to - from);
  return ticks.flatMap(({ at }) => {
    const x = EDGES.left + (at + begin - from) * per;
    const isAtEdge = x > width - 30;
    return [
      s("path.gl-rule", { d: `M${x.toFixed(1)} ${EDGES.top - 6}V${height}` }),
      s("text", { class: isAtEdge ? "gl-end" : x < 30 ? "gl-start" : null, x, y: 12 }, time(at)),
    ];
  });
}

function share(part: number, all: number): string {
  return `${Math.round((100 * part) / all)} %`;
}

function legend({ phases, events }: Timeline): HTMLElement {
  const used = new Set(events.phase);
  return h(
    "ul.gl-legend",
    ...phases.flatMap((phase, row) =>
      used.has(row)
        ? [
            h(
              "li",
              s(
                "svg",
                { viewBox: "-17 -11 34 22", "aria-hidden": "true" },
                s("g", { class: `gl-event gl-phase-${row}` }, s("rect", { x: -13, y: -6, width: 26, height: 12, rx: 3 })),
              ),
              phase,
            ),
          ]
        : [],
    ),
  );
}

/** The operations that took most, as bars; pointing at one shows where its calls are. */
function operations(data: Timeline, choose: (row: number | null) => void): HTMLElement {
  const { ops } = data;
  const total = ops.self.reduce((sum, us) => sum + us, 0) || 1;
  const most = Math.max(...ops.self, 1e-9);
  const rows = ops.name.slice(0, LISTED).map((name, row) => {
    const us = ops.self[row]!;
    const item = h(
      "li",
      { class: `gl-op-row gl-phase-${ops.phase[row]!}`, "data-gl": "operation" },
      h("span.gl-op-name", { title: data.names[name]! }, data.names[name]!),
      h("span.gl-op-bar", h("span", { style: `width: ${((100 * us) / most).toFixed(1)}%` })),
      h("span.gl-op-time", `${time(us)} · ${share(us, total)} · ${plural(ops.calls[row]!, "call")}`),
    );
    item.addEventListener("pointerenter", () => choose(row));
    item.addEventListener("pointerleave", () => choose(null));
    return item;
  });
  const rest = ops.self.slice(LISTED).reduce((sum, us) => sum + us, 0);
  const others = ops.name.length - LISTED;
  return h(
    "ol.gl-ops",
    ...rows,
    others > 0 && h("li.gl-dim", `and ${plural(others, "other")}: ${time(rest)} (${plural(others, "row")} in the table)`),
  );
}
