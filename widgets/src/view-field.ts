/** The `field` face: a function of two numbers as contours, its slopes, and paths over it. */

import type { Field, Path } from "./chart-data";
import { type Grid, regionAbove } from "./contour";
import { h, hasModifier, iconButton, mark, s, write } from "./dom";
import type { Face } from "./door";
import { count, short } from "./format";
import { type Model, observe, put } from "./model";
import { acrossOf, axes, linear, makePane, nearest, pathOf, type Scale, type Sheet } from "./sheet";
import { axis } from "./ticks";
import { foldedTable, reading, toNumber } from "./twin";

const EDGES = { left: 62, right: 72, top: 12, bottom: 44 };
/** How long a step stays while playing. */
const BEAT = 220;
const PLAY = "M5 3.2v9.6L13 8z";
const PAUSE = "M4.5 3.5h2.5v9H4.5zM9 3.5h2.5v9H9z";

export function fieldFace(model: Model, field: Field, signal: AbortSignal): Face {
  const grid: Grid = {
    x: field.x.map(toNumber),
    y: field.y.map(toNumber),
    z: field.z.map((row) => row.map(toNumber)),
  };
  const steps = Math.max(0, ...field.paths.map(({ x }) => x.length));
  const moving = s("g");
  const walked = s("g");
  const readout = h("output.gl-readout", { "data-gl": "readout" });
  let sheet: Sheet;
  let [column, row] = start(grid, field);
  const attributes = {
    role: "application",
    "aria-roledescription": "contours",
    "aria-label": `${field.title}. Arrow keys move the point.`,
  };
  const { frame, repaint, placeOf } = makePane("field", attributes, paint, signal);

  function paint(width: number) {
    const height = Math.min(460, Math.max(260, Math.round(width * 0.62)));
    sheet = sheetOf(grid, width, height);
    movePoint(column, row);
    walk();
    const parts = [
      ...bands(grid, field, sheet),
      ...axes(sheet, field.x_label, field.y_label, true),
      ...(field.dx && field.dy ? arrows(field, grid, sheet) : []),
      ...scaleBar(field, sheet),
      walked,
      moving,
      ...(field.here ? [star(sheet, field.here.map(toNumber))] : []),
    ];
    return { height, parts };
  }

  function movePoint(toColumn: number, toRow: number): void {
    column = Math.min(Math.max(toColumn, 0), grid.x.length - 1);
    row = Math.min(Math.max(toRow, 0), grid.y.length - 1);
    const [x, y] = [sheet.across.px(grid.x[column]!), sheet.along.px(grid.y[row]!)];
    const [dx, dy] = [field.dx?.[row]![column], field.dy?.[row]![column]];
    const told = [
      reading("x", field.x_label, field.x[column]!),
      reading("y", field.y_label, field.y[row]!),
      reading("z", field.z_label, field.z[row]![column]!),
    ];
    const drawn: SVGElement[] = [];
    if (dx !== undefined && dy !== undefined) {
      told.push(reading("dx", `∂/∂${field.x_label}`, dx), reading("dy", `∂/∂${field.y_label}`, dy));
      told.push(reading("norm", "|∇|", Math.hypot(toNumber(dx), toNumber(dy)) || 0));
      const direction = downhill(sheet, toNumber(dx), toNumber(dy), 34);
      if (direction) drawn.push(arrow(x, y, direction, "gl-steep"));
    }
    drawn.push(s("circle.gl-spot", { cx: x, cy: y, r: field.here ? 8 : 5 }));
    moving.replaceChildren(...drawn);
    readout.replaceChildren(...told);
  }

  // The walk over the paths ------------------------------------------------------------------

  const slider = h("input", {
    type: "range",
    min: 0,
    max: Math.max(steps - 1, 0),
    "aria-label": "Step of the path",
    "data-gl": "slider",
  });
  const place = h("output.gl-position", { "data-gl": "position" });
  const found = h("ul.gl-lines.gl-paths", { "data-gl": "paths" });
  const play = iconButton("play", "Play", PLAY, () => (clock ? stop() : begin()));
  let clock: ReturnType<typeof setInterval> | undefined;

  /** Until somebody moves it, the walk stands at its end. */
  function step(): number {
    const position = model.get("position");
    return position < 0 ? steps - 1 : Math.min(position, steps - 1);
  }

  function walk(): void {
    if (!steps) return;
    const at = step();
    walked.replaceChildren(...field.paths.flatMap((path, look) => pathUpTo(path, look, at, sheet)));
    slider.value = `${at}`;
    mark(slider, "aria-valuetext", `step ${at} of ${steps - 1}`);
    write(place, `step ${count(at)} of ${count(steps - 1)}`);
    found.replaceChildren(...field.paths.map((path, look) => pathReading(path, look, at)));
  }

  function stop(): void {
    clearInterval(clock);
    clock = undefined;
    play.querySelector("path")!.setAttribute("d", PLAY);
    mark(play, "aria-label", "Play");
    mark(play, "title", "Play");
  }

  function begin(): void {
    if (step() === steps - 1) put(model, "position", 0);
    play.querySelector("path")!.setAttribute("d", PAUSE);
    mark(play, "aria-label", "Pause");
    mark(play, "title", "Pause");
    clock = setInterval(() => {
      if (step() === steps - 1) stop();
      else put(model, "position", step() + 1);
    }, BEAT);
  }

  slider.addEventListener("input", () => {
    stop();
    put(model, "position", Number(slider.value));
  });
  observe(model, "position", signal, walk);
  signal.addEventListener("abort", stop);

  frame.addEventListener("pointermove", (event) => {
    const [x, y] = placeOf(event);
    movePoint(nearest(grid.x, sheet.across.value(x)), nearest(grid.y, sheet.along.value(y)));
  });
  frame.addEventListener("keydown", (event) => {
    const way = hasModifier(event) ? undefined : moves(event.key, grid);
    if (!way) return;
    event.preventDefault();
    movePoint(column + way[0], row + way[1]);
  });

  repaint();
  const element = h(
    "div.gl-face.gl-plot-face",
    { "data-gl-view": "field" },
    h("div.gl-plot-head", h("strong", field.title)),
    frame,
    readout,
    steps > 0 && h("div.gl-bar.gl-walk", play, slider, place),
    steps > 0 && found,
    field.note && h("p.gl-note-line", { "data-gl": "note" }, field.note),
    twin(field),
  );
  return { element };
}

/** The point begins at the middle, or where the field says "here". */
function start({ x, y }: Grid, { here }: Field): readonly [number, number] {
  if (!here) return [x.length >> 1, y.length >> 1];
  return [nearest(x, toNumber(here[0]!)), nearest(y, toNumber(here[1]!))];
}

function moves(key: string, { x, y }: Grid): readonly [number, number] | undefined {
  const all = x.length + y.length;
  const page = Math.max(1, Math.round(y.length / 10));
  return (
    {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
      Home: [-all, 0],
      End: [all, 0],
      PageUp: [0, page],
      PageDown: [0, -page],
    } as const
  )[key];
}

function sheetOf({ x, y }: Grid, width: number, height: number): Sheet {
  const along = linear(axis(y, 6), height - EDGES.bottom, EDGES.top);
  return { width, height, edges: EDGES, across: acrossOf(x, width, EDGES), along };
}

// The ground ------------------------------------------------------------------------------------

/** From the lowest band to the highest, each painted over those below it. */
function bands(grid: Grid, { levels }: Field, { across, along }: Sheet): SVGElement[] {
  const place = (x: number, y: number) => [across.px(x), along.px(y)] as const;
  const bounds = [-Infinity, ...levels.map(toNumber)];
  return bounds.flatMap((level, at) => {
    const { region, line } = regionAbove(grid, level, place);
    return [
      band(at, bounds.length, "path", { d: region }),
      s("path.gl-level", { d: line }),
    ];
  });
}

function band<Tag extends "path" | "rect">(
  at: number,
  bands: number,
  tag: Tag,
  attributes: Record<string, string | number>,
): SVGElement {
  const share = bands > 1 ? at / (bands - 1) : 0;
  return s(tag, { class: "gl-band", style: `--gl-share: ${share.toFixed(3)}`, ...attributes });
}

/** Which band is how high: as many labels as there is room for. */
function scaleBar({ levels, z_label }: Field, { width, height }: Sheet): SVGElement[] {
  const bounds = levels.map(toNumber);
  const high = (height - EDGES.top - EDGES.bottom) / (bounds.length + 1);
  const left = width - EDGES.right + 14;
  const bottom = height - EDGES.bottom;
  const every = Math.max(1, Math.ceil(18 / high));
  const bar = Array.from({ length: bounds.length + 1 }, (_, at) =>
    band(at, bounds.length + 1, "rect", {
      x: left,
      y: bottom - (at + 1) * high,
      width: 10,
      height: high + 0.4,
    }),
  );
  const labels = bounds.flatMap((level, at) =>
    at % every ? [] : [s("text.gl-start", { x: left + 15, y: bottom - (at + 1) * high + 4 }, short(level, "float32", 3))],
  );
  return [s("g", { role: "img", "aria-label": `Heights of ${z_label}` }, ...bar, ...labels)];
}

/** The way down as it lies on the sheet, `length` long; null where it is level or unknown. */
function downhill(
  { across, along }: Sheet,
  dx: number,
  dy: number,
  length: number,
): readonly [number, number] | null {
  const [wide, high] = [-dx * pixelsPer(across), -dy * pixelsPer(along)];
  const size = Math.hypot(wide, high);
  return size > 0 && size < Infinity ? [(wide / size) * length, (high / size) * length] : null;
}

function pixelsPer({ axis: { low, high }, px }: Scale): number {
  return (px(high) - px(low)) / (high - low);
}

function arrow(x: number, y: number, [wide, high]: readonly [number, number], name: string) {
  return s("path", { class: name, d: arrowPath(x, y, wide, high) });
}

function arrowPath(x: number, y: number, wide: number, high: number): string {
  const length = Math.hypot(wide, high);
  const [along, up] = [wide / length, high / length];
  const head = Math.min(5, length * 0.4);
  const [tipX, tipY] = [x + wide, y + high];
  const wing = (side: number) =>
    `${(tipX - head * (along + side * up * 0.7)).toFixed(1)} ${(tipY - head * (up - side * along * 0.7)).toFixed(1)}`;
  const tip = `${tipX.toFixed(1)} ${tipY.toFixed(1)}`;
  return `M${x.toFixed(1)} ${y.toFixed(1)}L${tip}M${wing(1)}L${tip}L${wing(-1)}`;
}

/** Arrows downhill at some places: direction only, so that all can be seen. */
function arrows(field: Field, grid: Grid, sheet: Sheet): SVGElement[] {
  const { dx, dy } = field;
  const { across, along } = sheet;
  const fit = ({ axis: { low, high }, px }: Scale) =>
    Math.min(field.arrows, Math.floor(Math.abs(px(high) - px(low)) / 26));
  const columns = evenly(grid.x.length, fit(across));
  const rows = evenly(grid.y.length, fit(along));
  let d = "";
  for (const row of rows) {
    for (const column of columns) {
      const way = downhill(sheet, toNumber(dx![row]![column]!), toNumber(dy![row]![column]!), 13);
      if (!way) continue;
      const [x, y] = [across.px(grid.x[column]!), along.px(grid.y[row]!)];
      d += arrowPath(x - way[0] / 2, y - way[1] / 2, ...way);
    }
  }
  return [s("path.gl-arrows", { d, "data-gl": "arrows" })];
}

/** At most `most` of `size` places, in the middle of as many equal parts. */
function evenly(size: number, most: number): number[] {
  const some = Math.min(size, most);
  return Array.from({ length: some }, (_, at) => Math.floor(((at + 0.5) * size) / some));
}

function star({ across, along }: Sheet, [x, y]: readonly number[]): SVGElement {
  const centre = [across.px(x!), along.px(y!)] as const;
  if (!isSeen(centre)) return s("g");
  const points = Array.from({ length: 10 }, (_, at) => {
    const [angle, reach] = [(at * Math.PI) / 5 - Math.PI / 2, at % 2 ? 4 : 10];
    return `${centre[0] + reach * Math.cos(angle)} ${centre[1] + reach * Math.sin(angle)}`;
  });
  return s("path.gl-star", { d: `M${points.join("L")}z`, "data-gl": "here" });
}

// Paths -----------------------------------------------------------------------------------------

/** The path, faint; up to the step, strong; and where it stands then. */
function pathUpTo(path: Path, look: number, step: number, { across, along }: Sheet): SVGElement[] {
  const points = path.x.map(
    (x, at) => [across.px(toNumber(x)), along.px(toNumber(path.y[at]!))] as const,
  );
  const at = Math.min(step, points.length - 1);
  const here = points[at];
  if (!here) return [];
  const gone = pathOf(points.slice(0, at + 1));
  const name = `gl-path-${look % 4}`;
  return [
    s("path", { class: `gl-path ${name} gl-ahead`, d: pathOf(points.slice(at)) }),
    s("path.gl-path.gl-halo", { d: gone }),
    s("path", { class: `gl-path ${name}`, d: gone, "data-gl": "path" }),
    ...points.slice(0, at).filter(isSeen).map(([x, y]) => s("circle", { class: `gl-stop ${name}`, cx: x, cy: y, r: 2.4 })),
    ...(isSeen(here) ? [pathMark(look, ...here)] : []),
  ];
}

/** A walk that diverged ends nowhere. */
function isSeen(point: readonly number[]): boolean {
  return point.every(Number.isFinite);
}

/** A circle, a diamond, a square or a triangle: paths are told apart without colours, too. */
function pathMark(look: number, x: number, y: number): SVGElement {
  const name = `gl-path-mark gl-path-${look % 4}`;
  if (look % 4 === 0) return s("circle", { class: name, cx: x, cy: y, r: 6, "data-gl": "at-step" });
  const corners = [[], [0, -8, 8, 0, 0, 8, -8, 0], [-6, -6, 6, -6, 6, 6, -6, 6], [0, -8, 7, 6, -7, 6]][look % 4]!;
  const points = corners.map((offset, at) => offset + (at % 2 ? y : x));
  return s("polygon", { class: name, points: points.join(" "), "data-gl": "at-step" });
}

function pathReading(path: Path, look: number, step: number): HTMLElement {
  const at = Math.min(step, path.x.length - 1);
  const swatch = s("svg", { viewBox: "-13 -10 26 20", "aria-hidden": "true" }, pathMark(look, 0, 0));
  if (at < 0) return h("li", swatch, h("span", path.name), "no points");
  const steep = Math.hypot(toNumber(path.dx[at]!), toNumber(path.dy[at]!));
  return h(
    "li",
    swatch,
    h("span", path.name),
    h("output", `(${short(path.x[at]!)}, ${short(path.y[at]!)})`),
    reading("path-z", "value", path.z[at]!),
    reading("path-norm", "|∇|", Number.isFinite(steep) ? steep : "nan"),
  );
}

function twin({ x, y, z, dx, dy, paths, x_label, y_label, z_label }: Field): HTMLElement {
  const slopes = dx && dy ? [`∂/∂${x_label}`, `∂/∂${y_label}`] : [];
  const titles = ["where", x_label, y_label, z_label, ...slopes];
  return foldedTable("Table of points", titles, function* () {
    for (const path of paths) {
      for (const at of path.x.keys()) {
        const numbers = [path.x, path.y, path.z, path.dx, path.dy].map((column) => column[at]!);
        yield [`${path.name}, step ${at}`, ...numbers.slice(0, titles.length - 1)];
      }
    }
    for (const [row, up] of y.entries()) {
      for (const [column, across] of x.entries()) {
        const steep = dx && dy ? [dx[row]![column]!, dy[row]![column]!] : [];
        yield ["grid", across, up, z[row]![column]!, ...steep];
      }
    }
  });
}
