/** The `sweep` face: values or gradients of a computation while one element of a leaf is moved. */

import type { Sweep } from "./chart-data";
import { h, hasModifier, mark, s, write } from "./dom";
import type { Face } from "./door";
import { short } from "./format";
import { type Model, observe, put } from "./model";
import {
  acrossOf,
  axes,
  linear,
  makePane,
  nearest,
  pathOf,
  type Sheet,
  steppedTo,
} from "./sheet";
import { axis } from "./ticks";
import { choice, foldedTable, toNumber } from "./twin";

const HEIGHT = 320;
const EDGES = { left: 52, right: 16, top: 14, bottom: 42 };
const KINDS = ["values", "gradients"] as const;
/** As many looks of lines the style sheet has; then they come again, thinner. */
const LOOKS = 10;

export function sweepFace(model: Model, sweep: Sweep, signal: AbortSignal): Face {
  const x = sweep.x.map(toNumber);
  let kind = 0;
  let at = x.length >> 1;
  let sheet: Sheet;
  const moving = s("g");
  const lists = h("ul.gl-lines", { "data-gl": "readout" });
  const kinds = choice("kind", "What is drawn", ["Values", "Gradients"], (chosen) => {
    kind = chosen;
    show();
  });
  const elements = h(
    "select.gl-select",
    { "aria-label": "The element that is swept", "data-gl": "element" },
    ...sweep.elements.map(({ label }) => h("option", label)),
  );
  elements.addEventListener("change", () => put(model, "position", elements.selectedIndex));
  const attributes = { role: "slider", "aria-valuemin": 0, "aria-valuemax": x.length - 1 };
  const nothing = h("p.gl-note-line", "Nothing here depends on a tensor that requires a gradient.");
  const { frame, repaint, placeOf } = makePane("sweep", attributes, paint, signal);

  /** Before anybody chose, the first one is. */
  function chosen() {
    return sweep.elements[Math.max(model.get("position"), 0)] ?? sweep.elements[0]!;
  }

  function lines() {
    return chosen()[KINDS[kind]!];
  }

  function paint(width: number) {
    const columns = lines().map(({ y }) => y.map(toNumber));
    const across = acrossOf(x, width, EDGES);
    const up = axis([0, ...columns.flat()], 6, 0.05);
    const along = linear(up, HEIGHT - EDGES.bottom, EDGES.top);
    sheet = { width, height: HEIGHT, edges: EDGES, across, along };
    const now = across.px(toNumber(chosen().now));
    const isSeen = now >= EDGES.left && now <= width - EDGES.right;
    const parts = [
      ...axes(sheet, chosen().label),
      ...(isSeen ? nowMark(now) : []),
      ...columns.map((column, row) =>
        s("path", {
          class: `gl-curve gl-look-${row % LOOKS}`,
          "data-gl": "line",
          d: pathOf(column.map((y, place) => [across.px(x[place]!), along.px(y)])),
        }),
      ),
      moving,
    ];
    movePoint();
    return { height: HEIGHT, parts };
  }

  function movePoint(): void {
    const left = sheet.across.px(x[at]!);
    const points = lines().flatMap(({ y }, row) => {
      const top = sheet.along.px(toNumber(y[at]!));
      if (!Number.isFinite(top)) return [];
      return [s("circle", { class: `gl-dot-on gl-look-${row % LOOKS}`, cx: left, cy: top, r: 4.5 })];
    });
    const guide = `M${left} ${EDGES.top}V${HEIGHT - EDGES.bottom}`;
    const isHere = Number.isFinite(left);
    moving.replaceChildren(...(isHere ? [s("path.gl-guide", { d: guide }), ...points] : []));
    [...lists.children].forEach((item, row) => {
      const cell = row ? lines()[row - 1]!.y[at]! : sweep.x[at]!;
      const output = item.lastElementChild!;
      write(output, short(cell));
      mark(output, "data-value", `${cell}`);
    });
  }

  function tell(): void {
    const told = [...lists.children].map(({ textContent }) => textContent);
    mark(frame, "aria-valuenow", `${at}`);
    mark(frame, "aria-valuetext", told.join(", "));
  }

  function go(to: number): void {
    if (to < 0) return;
    at = to;
    movePoint();
    tell();
  }

  function show(): void {
    elements.selectedIndex = sweep.elements.indexOf(chosen());
    kinds.press(kind);
    lists.replaceChildren(
      h("li", s("svg"), h("span", `${chosen().label} =`), h("output")),
      ...lines().map(({ label }, row) =>
        h("li", swatch(row), h("span", `${label} =`), h("output")),
      ),
    );
    const label = `${KINDS[kind]!} as ${chosen().label} moves. Left and right move the point.`;
    mark(frame, "aria-label", label);
    frame.hidden = lists.hidden = !lines().length;
    nothing.hidden = !frame.hidden;
    repaint();
    tell();
  }

  frame.addEventListener("pointermove", (event) =>
    go(nearest(x, sheet.across.value(placeOf(event)[0]))),
  );
  frame.addEventListener("keydown", (event) => {
    const to = hasModifier(event) ? undefined : steppedTo(event.key, at, x.length);
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  observe(model, "position", signal, show);
  show();
  const element = h(
    "div.gl-face.gl-plot-face",
    { "data-gl-view": "sweep" },
    h(
      "div.gl-plot-head",
      h("strong", sweep.title),
      h("div.gl-tools", sweep.elements.length > 1 && elements, kinds.element),
    ),
    frame,
    nothing,
    lists,
    sweep.note && h("p.gl-note-line", { "data-gl": "note" }, sweep.note),
    foldedTable("Table of all lines", ["element", "set to", "what", "of", "number"], () =>
      sweep.elements.flatMap((one) =>
        KINDS.flatMap((what) =>
          one[what].flatMap(({ label, y }) =>
            y.map((cell, row) => [one.label, sweep.x[row]!, what, label, cell]),
          ),
        ),
      ),
    ),
  );
  return { element };
}

/** Where the element stands by itself. */
function nowMark(x: number): SVGElement[] {
  return [
    s("path.gl-here", { d: `M${x} ${EDGES.top}V${HEIGHT - EDGES.bottom}` }),
    s("text.gl-here-text", { x: x + 5, y: EDGES.top + 9 }, "now"),
  ];
}

function swatch(row: number): SVGElement {
  return s(
    "svg",
    { viewBox: "-13 -6 26 12", "aria-hidden": "true" },
    s("path", { class: `gl-curve gl-look-${row % LOOKS}`, d: "M-12 0H12" }),
  );
}
