/** The `plot` face: a function, its gradient and maybe its second one, with a point that moves. */

import type { Plot } from "./chart-data";
import { h, hasModifier, mark, s } from "./dom";
import type { Face } from "./door";
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
import { foldedTable, reading, toNumber } from "./twin";

const HEIGHT = 340;
const EDGES = { left: 52, right: 16, top: 14, bottom: 42 };
/** With so few points each gets a marker of its own. */
const FEW = 60;

type Name = "y" | "dy" | "ddy";

interface Curve {
  readonly name: Name;
  readonly label: string;
  readonly points: readonly number[];
}

export function plotFace(plot: Plot, signal: AbortSignal): Face {
  const x = plot.x.map(toNumber);
  const curves = (["y", "dy", "ddy"] as const).flatMap((name): Curve[] => {
    const column = plot[name];
    return column ? [{ name, label: plot[`${name}_label`]!, points: column.map(toNumber) }] : [];
  });
  const moving = s("g");
  const readout = h("output.gl-readout", { "data-gl": "readout" });
  let sheet: Sheet;
  let at = plot.at ?? x.length >> 1;
  const attributes = {
    role: "slider",
    "aria-label": `${plot.title}. Left and right move the point.`,
    "aria-valuemin": 0,
    "aria-valuemax": Math.max(x.length - 1, 0),
    "aria-valuenow": 0,
  };
  const { frame, repaint, placeOf } = makePane("plot", attributes, paint, signal);

  function paint(width: number) {
    sheet = sheetOf(x, curves, width);
    movePoint(at);
    const lines = curves.flatMap((curve) => drawCurve(sheet, x, curve));
    return { height: HEIGHT, parts: [...axes(sheet, plot.x_label), ...lines, moving] };
  }

  function movePoint(to: number): void {
    at = to;
    if (!x.length) return readout.replaceChildren("There are no points to show.");
    moving.replaceChildren(...pointAt(sheet, x, curves, at));
    const told = [
      ["x", plot.x_label, plot.x[at]!] as const,
      ...curves.map(({ name, label }) => [name, label, plot[name]![at]!] as const),
    ];
    readout.replaceChildren(...told.map(([name, label, cell]) => reading(name, label, cell)));
  }

  function tellPoint(): void {
    mark(frame, "aria-valuenow", `${at}`);
    mark(
      frame,
      "aria-valuetext",
      [...readout.children].map(({ textContent }) => textContent).join(", "),
    );
  }

  function go(to: number): void {
    if (to < 0 || !x.length) return;
    movePoint(to);
    tellPoint();
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
  repaint();
  tellPoint();
  const element = h(
    "div.gl-face.gl-plot-face",
    { "data-gl-view": "plot" },
    h("div.gl-plot-head", h("strong", plot.title), legend(curves)),
    frame,
    readout,
    plot.note && h("p.gl-note-line", { "data-gl": "note" }, plot.note),
    foldedTable("Table of points", [plot.x_label, ...curves.map(({ label }) => label)], () =>
      plot.x.map((cell, row) => [cell, ...curves.map(({ name }) => plot[name]![row]!)]),
    ),
  );
  return { element };
}

function sheetOf(x: readonly number[], curves: readonly Curve[], width: number): Sheet {
  const up = axis([0, ...curves.flatMap(({ points }) => points)], 6, 0.05);
  return {
    width,
    height: HEIGHT,
    edges: EDGES,
    across: acrossOf(x, width, EDGES),
    along: linear(up, HEIGHT - EDGES.bottom, EDGES.top),
  };
}

function drawCurve({ across, along }: Sheet, x: readonly number[], curve: Curve): SVGElement[] {
  const { name, points } = curve;
  const places = points.map((y, at) => [across.px(x[at]!), along.px(y)] as const);
  const isKnown = (at: number) => places[at]?.every(Number.isFinite) ?? false;
  const isAlone = (at: number) => isKnown(at) && !isKnown(at - 1) && !isKnown(at + 1);
  const isMarked = points.length <= FEW ? isKnown : isAlone;
  return [
    s("path", {
      class: `gl-curve gl-${name}`,
      "data-gl": name === "y" ? "curve-f" : `curve-${name}`,
      d: pathOf(places),
    }),
    ...places.flatMap(([left, top], at) => (isMarked(at) ? [marker(name, left, top, 3)] : [])),
  ];
}

/** A circle on f, a diamond on its gradient, a square on its second one. */
function marker(name: Name, x: number, y: number, radius: number): SVGElement {
  if (name === "y") return s("circle.gl-marker", { cx: x, cy: y, r: radius });
  const r = name === "dy" ? radius * 1.3 : radius * 0.9;
  const d =
    name === "dy"
      ? `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}z`
      : `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`;
  return s("path", { class: `gl-marker gl-${name}`, d });
}

/** The moved point: a guide, tangents at f and its gradient, and a marker on each curve. */
function pointAt(
  sheet: Sheet,
  x: readonly number[],
  curves: readonly Curve[],
  at: number,
): SVGElement[] {
  const left = sheet.across.px(x[at]!);
  if (!Number.isFinite(left)) return [];
  const made: SVGElement[] = [
    s("path.gl-guide", { d: `M${left} ${EDGES.top}V${HEIGHT - EDGES.bottom}` }),
  ];
  const markers: SVGElement[] = [];
  for (const [row, { name, points }] of curves.entries()) {
    const y = points[at]!;
    if (!Number.isFinite(y)) continue;
    const slope = curves[row + 1]?.points[at] ?? NaN;
    if (Number.isFinite(slope)) made.push(tangent(sheet, name, left, y, slope));
    markers.push(marker(name, left, sheet.along.px(y), 5));
  }
  return [...made, ...markers];
}

/** A line of one length whatever its slope: a steep tangent is as easy to see as a flat one. */
function tangent(sheet: Sheet, name: Name, x: number, y: number, slope: number): SVGElement {
  const { across, along, width } = sheet;
  const half = (of: { low: number; high: number }) => of.high / 2 - of.low / 2;
  const shape = (HEIGHT - EDGES.top - EDGES.bottom) / (width - EDGES.left - EDGES.right);
  const angle = Math.atan((slope / half(along.axis)) * half(across.axis) * shape);
  const reach = Math.min(name === "y" ? 110 : 60, width / 6);
  const [wide, high] = [reach * Math.cos(angle), reach * Math.sin(angle)];
  const top = along.px(y);
  return s("path", {
    class: `gl-tangent gl-${name}`,
    "data-gl": name === "y" ? "tangent" : "second-tangent",
    d: `M${x - wide} ${top + high}L${x + wide} ${top - high}`,
  });
}

function legend(curves: readonly Curve[]): HTMLElement {
  return h(
    "ul.gl-legend",
    ...curves.map(({ name, label }) =>
      h(
        "li",
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
