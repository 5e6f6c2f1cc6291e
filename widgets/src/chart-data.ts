/**
 * The charts' payloads of docs/charts.md, as types and as checks.
 *
 * Every chart draws only what has passed here. A payload that does not fit is refused with a sentence
 * naming the place.
 */

import {
  checkColumns,
  checkLength,
  checkList,
  count,
  type Element,
  element,
  indexOf,
  list,
  listOf,
  Misfit,
  opened,
  orNull,
  require,
  type Rule,
  rows,
  text,
} from "./payload";

type Cells = readonly Element[];

interface Chart {
  readonly schema: 1;
  readonly title: string;
  readonly note: string;
}

export interface Plot extends Chart {
  readonly x: Cells;
  readonly y: Cells | null;
  readonly dy: Cells;
  readonly ddy?: Cells;
  readonly x_label: string;
  readonly y_label: string;
  readonly dy_label: string;
  readonly ddy_label?: string;
  /** The point the tangent stands at to begin with. */
  readonly at?: number | null;
}

export interface Line {
  readonly label: string;
  readonly y: Cells;
}

export interface Sweep extends Chart {
  readonly x: Cells;
  readonly elements: readonly {
    readonly label: string;
    readonly now: Element;
    readonly values: readonly Line[];
    readonly gradients: readonly Line[];
  }[];
}

export interface Path {
  readonly name: string;
  readonly x: Cells;
  readonly y: Cells;
  readonly z: Cells;
  readonly dx: Cells;
  readonly dy: Cells;
}

export interface Field extends Chart {
  readonly x: Cells;
  readonly y: Cells;
  readonly z: readonly Cells[];
  readonly dx: readonly Cells[] | null;
  readonly dy: readonly Cells[] | null;
  readonly levels: Cells;
  readonly x_label: string;
  readonly y_label: string;
  readonly z_label: string;
  readonly arrows: number;
  readonly paths: readonly Path[];
  readonly here: Cells | null;
}

export interface Gradients extends Chart {
  readonly steps: readonly number[];
  readonly names: readonly string[];
  readonly sizes: readonly number[];
  readonly norms: readonly Cells[];
  readonly bins: { readonly low: number; readonly high: number; readonly count: number };
  /** For each name and step: the first bin that holds something, then the counts. */
  readonly histograms: readonly (readonly (readonly number[])[])[];
}

export interface Timeline extends Chart {
  readonly names: readonly string[];
  readonly phases: readonly string[];
  readonly lanes: { readonly name: readonly string[]; readonly depth: readonly number[] };
  readonly events: {
    readonly name: readonly number[];
    readonly start: readonly number[];
    readonly end: readonly number[];
    readonly self: readonly number[];
    readonly depth: readonly number[];
    readonly parent: readonly (number | null)[];
    readonly lane: readonly number[];
    readonly phase: readonly number[];
  };
  readonly ops: {
    readonly name: readonly number[];
    readonly phase: readonly number[];
    readonly self: readonly number[];
    readonly calls: readonly number[];
  };
}

type Bag = ReturnType<typeof opened>;

/** Returns `payload` as plot data; raises Misfit where it is none. */
export function readPlot(payload: unknown): Plot {
  const plot = opened(payload);
  const names = ["x", "y", "dy", ...(plot.ddy === undefined ? [] : ["ddy"])];
  const length = list(plot.x, "x").length;
  for (const name of names) {
    if (name !== "y" || plot.y !== null) column(plot[name], name, length, "x");
  }
  texts(plot, "title", "note", ...names.map((name) => `${name}_label`));
  const at = plot.at ?? null;
  require("at", orNull(indexOf("x"))(at, { x: length }), at);
  return payload as Plot;
}

/** Returns `payload` as a sweep; raises Misfit where it is none. */
export function readSweep(payload: unknown): Sweep {
  const sweep = opened(payload);
  texts(sweep, "title", "note");
  const length = list(sweep.x, "x").length;
  column(sweep.x, "x", length, "x");
  const elements = bags(sweep.elements, "elements");
  if (!elements.length) throw new Misfit("elements is empty");
  elements.forEach((one, row) => {
    const place = `elements[${row}]`;
    require(`${place}.label`, text(one.label, {}), one.label);
    require(`${place}.now`, element(one.now, {}), one.now);
    for (const what of ["values", "gradients"]) {
      bags(one[what], `${place}.${what}`).forEach((line, at) => {
        require(`${place}.${what}[${at}].label`, text(line.label, {}), line.label);
        column(line.y, `${place}.${what}[${at}].y`, length, "x");
      });
    }
  });
  return payload as Sweep;
}

/** Returns `payload` as a field; raises Misfit where it is none. */
export function readField(payload: unknown): Field {
  const field = opened(payload);
  texts(field, "title", "note", "x_label", "y_label", "z_label");
  const [wide, high] = [list(field.x, "x").length, list(field.y, "y").length];
  if (wide < 2 || high < 2) throw new Misfit(`x and y hold ${wide} and ${high} places, not 2 or more`);
  // Contours cannot be drawn between places that are none.
  checkList(list(field.x, "x"), "x", finite, {});
  checkList(list(field.y, "y"), "y", finite, {});
  const levels = list(field.levels, "levels");
  checkList(levels, "levels", finite, {});
  for (const name of ["z", "dx", "dy"]) {
    if (name !== "z" && field[name] === null) continue;
    const table = list(field[name], name);
    checkLength(table, name, high, "y");
    table.forEach((cells, row) => column(cells, `${name}[${row}]`, wide, "x"));
  }
  require("arrows", count(field.arrows, {}), field.arrows);
  bags(field.paths, "paths").forEach((path, row) => {
    require(`paths[${row}].name`, text(path.name, {}), path.name);
    const length = list(path.x, `paths[${row}].x`).length;
    for (const name of ["x", "y", "z", "dx", "dy"]) {
      column(path[name], `paths[${row}].${name}`, length, `paths[${row}].x`);
    }
  });
  if (field.here !== null) column(field.here, "here", 2, "a place");
  return payload as Field;
}

/** Returns `payload` as a log of gradients; raises Misfit where it is none. */
export function readGradients(payload: unknown): Gradients {
  const log = opened(payload);
  texts(log, "title", "note");
  const steps = list(log.steps, "steps");
  checkList(steps, "steps", finite, {});
  const names = list(log.names, "names");
  checkList(names, "names", text, {});
  const bins = bag(log.bins, "bins");
  for (const name of ["low", "high"]) require(`bins.${name}`, power(bins[name], {}), bins[name]);
  require("bins.count", few(bins.count, {}), bins.count);
  for (const name of ["sizes", "norms", "histograms"]) {
    checkLength(list(log[name], name), name, names.length, "names");
  }
  checkList(list(log.sizes, "sizes"), "sizes", count, {});
  list(log.norms, "norms").forEach((row, at) => column(row, `norms[${at}]`, steps.length, "steps"));
  list(log.histograms, "histograms").forEach((row, at) => {
    const place = `histograms[${at}]`;
    checkLength(list(row, place), place, steps.length, "steps");
    checkList(list(row, place), place, histogramIn(bins.count as number), {});
  });
  return payload as Gradients;
}

/** Returns `payload` as a timeline; raises Misfit where it is none. */
export function readTimeline(payload: unknown): Timeline {
  const timeline = opened(payload);
  texts(timeline, "title", "note");
  for (const name of ["names", "phases"]) checkList(list(timeline[name], name), name, text, {});
  const sizes = {
    names: list(timeline.names, "names").length,
    phases: list(timeline.phases, "phases").length,
    lanes: rows(timeline, "lanes", "name"),
    events: rows(timeline, "events", "name"),
  };
  checkColumns(timeline, "lanes", { name: text, depth: few }, sizes);
  const named = { name: indexOf("names"), phase: indexOf("phases") };
  const events = {
    ...named,
    start: finite,
    end: finite,
    self: finite,
    depth: few,
    parent: orNull(indexOf("events")),
    lane: indexOf("lanes"),
  };
  checkColumns(timeline, "events", events, sizes);
  checkColumns(timeline, "ops", { ...named, self: finite, calls: count }, sizes);
  return payload as Timeline;
}

const finite: Rule = (cell) => (Number.isFinite(cell) ? null : "a finite number");
const within = (cell: unknown, most: number) => Math.abs(cell as number) <= most;
const power: Rule = (cell, sizes) =>
  finite(cell, sizes) ?? (within(cell, 400) ? null : "a power of ten, from -400 to 400");
const few: Rule = (cell, sizes) =>
  count(cell, sizes) ?? (within(cell, 1e4) ? null : "at most 10,000");

const histogramIn =
  (bins: number): Rule =>
  (cell, sizes) => {
    const wanted = listOf(count)(cell, sizes);
    if (wanted) return wanted;
    const [first, ...counts] = cell as number[];
    const fits = first !== undefined && first + counts.length <= bins;
    return fits ? null : `a first bin and counts, together at most ${bins} bins`;
  };

function texts(payload: Bag, ...names: string[]): void {
  for (const name of names) require(name, text(payload[name], {}), payload[name]);
}

function column(cells: unknown, place: string, length: number, model: string): void {
  const column = list(cells, place);
  checkLength(column, place, length, model);
  checkList(column, place, element, {});
}

function bag(value: unknown, place: string): Bag {
  const isBag = typeof value === "object" && value !== null && !Array.isArray(value);
  require(place, isBag ? null : "an object", value);
  return value as Bag;
}

function bags(value: unknown, place: string): Bag[] {
  return list(value, place).map((one, row) => bag(one, `${place}[${row}]`));
}
