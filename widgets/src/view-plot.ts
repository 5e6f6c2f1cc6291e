/** The `plot` face: a function and its gradient over the inputs, with a point that moves. */

import type { Plot } from "./chart-data";
import { h, hasModifier, mark, s, write } from "./dom";
import type { Face } from "./door";
import { short } from "./format";
import type { Element as Cell } from "./payload";
import { axis, type Axis } from "./ticks";

const HEIGHT = 340;
const EDGE = { left: 52, right: 16, top: 14, bottom: 42 };
/** With so few points each gets a marker of its own. */
const FEW = 60;

interface Curve {
  readonly name: "f" | "dy";
  readonly label: string;
  readonly points: readonly number[];
}

export function plotFace(plot: Plot, signal: AbortSignal): Face {
  const x = plot.x.map(toNumber);
  const dy = plot.dy.map(toNumber);
  const y = plot.y?.map(toNumber) ?? null;
  const curves: Curve[] = [
    ...(y ? [{ name: "f" as const, label: plot.y_label, points: y }] : []),
    { name: "dy", label: plot.dy_label, points: dy },
  ];
  const svg = s("svg", { class: "gl-plot", "data-gl": "plot" });
  const moving = s("g");
  const readout = h("output", { class: "gl-readout", "data-gl": "readout" });
  const frame = h(
    "div",
    {
      class: "gl-plot-frame",
      tabindex: 0,
      role: "slider",
      "aria-label": `${plot.title}. Left and right move the point.`,
      "aria-valuemin": 0,
      "aria-valuemax": Math.max(x.length - 1, 0),
      "data-gl": "plot-frame",
    },
    svg,
  );
  const element = h(
    "div",
    { class: "gl-face gl-plot-face", "data-gl-view": "plot" },
    h("div", { class: "gl-plot-head" }, h("strong", {}, plot.title), legend(curves)),
    frame,
    readout,
    plot.note && h("p", { class: "gl-note-line", "data-gl": "note" }, plot.note),
    table(plot),
  );
  let sheet = sheetOf(x, curves, 640);
  let at = x.length >> 1;

  function draw(width: number): void {
    sheet = sheetOf(x, curves, width);
    mark(svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.replaceChildren(
      ...axes(sheet, plot),
      ...curves.flatMap((curve) => drawCurve(sheet, x, curve)),
      moving,
    );
    movePoint(at);
  }

  function movePoint(to: number): void {
    at = Math.min(Math.max(to, 0), x.length - 1);
    if (!x.length) return write(readout, "There are no points to show.");
    moving.replaceChildren(...pointAt(sheet, x, y, dy, at));
    const told = [
      [plot.x_label, plot.x[at]!] as const,
      ...(plot.y ? [[plot.y_label, plot.y[at]!] as const] : []),
      [plot.dy_label, plot.dy[at]!] as const,
    ];
    readout.replaceChildren(
      ...told.map(([label, cell], place) =>
        h(
          "span",
          { "data-gl": ["x", "y", "dy"][plot.y || !place ? place : 2]!, "data-value": cell },
          h("span", { class: "gl-dim" }, `${label} = `),
          short(cell),
        ),
      ),
    );
    mark(frame, "aria-valuenow", `${at}`);
    mark(
      frame,
      "aria-valuetext",
      told.map(([label, cell]) => `${label} is ${short(cell)}`).join(", "),
    );
  }

  frame.addEventListener(
    "pointermove",
    (event) => {
      const { left, width } = svg.getBoundingClientRect();
      if (width) movePoint(nearest(x, sheet.toX((event.clientX - left) * (sheet.width / width))));
    },
    { signal },
  );
  frame.addEventListener(
    "keydown",
    (event) => {
      if (hasModifier(event)) return;
      const page = Math.max(1, Math.round(x.length / 10));
      const to = {
        ArrowLeft: at - 1,
        ArrowRight: at + 1,
        Home: 0,
        End: x.length - 1,
        PageDown: at - page,
        PageUp: at + page,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      movePoint(to);
    },
    { signal },
  );
  const resized = new ResizeObserver(([entry]) => {
    const width = Math.round(entry!.contentRect.width);
    if (width) draw(width);
  });
  resized.observe(frame);
  signal.addEventListener("abort", () => resized.disconnect());
  draw(640);
  return { element };
}

/** NaN and infinities are gaps. */
function toNumber(cell: Cell): number {
  return typeof cell === "number" ? cell : NaN;
}

// The sheet: data to pixels -----------------------------------------------------------------------

interface Sheet {
  readonly width: number;
  readonly across: Axis;
  readonly along: Axis;
  readonly px: (x: number) => number;
  readonly py: (y: number) => number;
  readonly toX: (pixel: number) => number;
  /** How steep a slope of the data looks. */
  readonly angleOf: (slope: number) => number;
}

function sheetOf(x: readonly number[], curves: readonly Curve[], width: number): Sheet {
  const across = axis(x, Math.max(3, Math.min(9, Math.floor(width / 80))));
  const along = axis([0, ...curves.flatMap(({ points }) => points)], 6, 0.05);
  const wide = width - EDGE.left - EDGE.right;
  const high = HEIGHT - EDGE.top - EDGE.bottom;
  // Halves, because the difference of two finite numbers may not be finite.
  const half = ({ low, high: top }: Axis) => top / 2 - low / 2;
  const share = (value: number, by: Axis) => (value / 2 - by.low / 2) / half(by);
  return {
    width,
    across,
    along,
    px: (value) => EDGE.left + share(value, across) * wide,
    py: (value) => EDGE.top + (1 - share(value, along)) * high,
    angleOf: (slope) => Math.atan((slope / half(along)) * half(across) * (high / wide)),
    toX: (pixel) => across.low + ((pixel - EDGE.left) / wide) * 2 * half(across),
  };
}

function axes({ width, across, along, px, py }: Sheet, plot: Plot): SVGElement[] {
  const bottom = HEIGHT - EDGE.bottom;
  const right = width - EDGE.right;
  const line = (d: string, isZero: boolean) =>
    s("path", { class: isZero ? "gl-zero" : "gl-rule", d });
  return [
    ...along.ticks.flatMap(({ at, text }) => [
      line(`M${EDGE.left} ${py(at)}H${right}`, at === 0),
      s("text", { class: "gl-end", x: EDGE.left - 8, y: py(at) + 4 }, text),
    ]),
    ...across.ticks.flatMap(({ at, text }) => [
      line(`M${px(at)} ${bottom}v5`, false),
      s("text", { x: px(at), y: bottom + 18 }, text),
    ]),
    s("text", { class: "gl-axis", x: (EDGE.left + right) / 2, y: HEIGHT - 6 }, plot.x_label),
  ];
}

function drawCurve({ px, py }: Sheet, x: readonly number[], { name, points }: Curve): SVGElement[] {
  const known = points.map((point, at) => Number.isFinite(point) && Number.isFinite(x[at]!));
  const parts = points.map((point, at) =>
    known[at] ? `${known[at - 1] ? "L" : "M"}${px(x[at]!).toFixed(1)} ${py(point).toFixed(1)}` : "",
  );
  const isAlone = (at: number) => known[at] && !known[at - 1] && !known[at + 1];
  const marked = points.length <= FEW ? known : points.map((_, at) => isAlone(at));
  const markers = points.flatMap((point, at) =>
    marked[at] ? [marker(name, px(x[at]!), py(point), 3)] : [],
  );
  return [
    s("path", { class: `gl-curve gl-${name}`, "data-gl": `curve-${name}`, d: parts.join("") }),
    ...markers,
  ];
}

/** A circle on f, a diamond on its gradient. */
function marker(name: Curve["name"], x: number, y: number, radius: number): SVGElement {
  if (name === "f") return s("circle", { class: "gl-marker", cx: x, cy: y, r: radius });
  const r = radius * 1.3;
  return s("path", {
    class: "gl-marker gl-dy",
    d: `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}z`,
  });
}

/** The moved point: a guide, the tangent at f, and a marker on each curve. */
function pointAt(
  { px, py, angleOf, width }: Sheet,
  x: readonly number[],
  y: readonly number[] | null,
  dy: readonly number[],
  at: number,
): SVGElement[] {
  const made: SVGElement[] = [];
  if (!Number.isFinite(x[at]!)) return made;
  const left = px(x[at]!);
  made.push(s("path", { class: "gl-guide", d: `M${left} ${EDGE.top}V${HEIGHT - EDGE.bottom}` }));
  const height = y?.[at];
  if (height !== undefined && Number.isFinite(height)) {
    if (Number.isFinite(dy[at]!)) made.push(tangent(left, py(height), angleOf(dy[at]!), width));
    made.push(marker("f", left, py(height), 5));
  }
  if (Number.isFinite(dy[at]!)) made.push(marker("dy", left, py(dy[at]!), 5));
  return made;
}

/** A line of one length whatever its slope: a steep tangent is as easy to see as a flat one. */
function tangent(x: number, y: number, angle: number, width: number): SVGElement {
  const reach = Math.min(110, width / 6);
  const [wide, high] = [reach * Math.cos(angle), reach * Math.sin(angle)];
  return s("path", {
    class: "gl-tangent",
    "data-gl": "tangent",
    d: `M${x - wide} ${y + high}L${x + wide} ${y - high}`,
  });
}

/** The index of the sorted `x` nearest to `wanted`. */
function nearest(x: readonly number[], wanted: number): number {
  let best = 0;
  x.forEach((value, at) => {
    if (Math.abs(value - wanted) < Math.abs(x[best]! - wanted) || Number.isNaN(x[best]!)) best = at;
  });
  return best;
}

function legend(curves: readonly Curve[]): HTMLElement {
  return h(
    "ul",
    { class: "gl-legend" },
    ...curves.map(({ name, label }) =>
      h(
        "li",
        {},
        s(
          "svg",
          { viewBox: "-17 -11 34 22", "aria-hidden": "true" },
          s("path", { class: `gl-curve gl-${name}`, d: "M-16 0H16" }),
          marker(name, 0, 0, 3),
        ),
        label,
      ),
    ),
  );
}

function table({ x, y, dy, x_label, y_label, dy_label }: Plot): HTMLElement {
  const titles = y ? [x_label, y_label, dy_label] : [x_label, dy_label];
  const body = h("tbody");
  const details = h(
    "details",
    { class: "gl-points" },
    h("summary", {}, "Table of points"),
    h(
      "div",
      { class: "gl-table", tabindex: 0, role: "region", "aria-label": "Points" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title)))),
        body,
      ),
    ),
  );
  details.addEventListener(
    "toggle",
    () => {
      body.replaceChildren(
        ...x.map((cell, at) => {
          const cells = y ? [cell, y[at]!, dy[at]!] : [cell, dy[at]!];
          return h("tr", {}, ...cells.map((one) => h("td", { "data-value": one }, short(one))));
        }),
      );
    },
    { once: true },
  );
  return details;
}
