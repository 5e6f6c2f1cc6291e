/**
 * What the browser accepts: the payloads of docs/trace.md, as types and as a check.
 *
 * Every face draws only what has passed here, so no face asks again whether a column is there or an
 * index is in range. A payload that does not fit is refused with a sentence naming the place.
 */

export type NodeKind = "leaf" | "accumulate" | "op" | "root";
export type StepKind = "seed" | "vjp" | "accumulate" | "free";
/** One element of a value: JSON has no NaN, infinity or complex numbers, so those are text. */
export type Element = number | string;

export interface Trace {
  readonly schema: 1;
  readonly library: string;
  readonly root: number;
  readonly nodes: {
    readonly kind: readonly NodeKind[];
    readonly op: readonly string[];
    readonly title: readonly string[];
    readonly name: readonly string[];
    readonly module: readonly string[];
    readonly shape: readonly (readonly number[])[];
    readonly dtype: readonly string[];
    readonly value: readonly (number | null)[];
    readonly saved: readonly (readonly (readonly [string, number])[])[];
    readonly formula: readonly (number | null)[];
    readonly source: readonly (number | null)[];
    readonly group: readonly (number | null)[];
  };
  readonly edges: {
    readonly from: readonly number[];
    readonly to: readonly number[];
    readonly slot: readonly number[];
    readonly output: readonly number[];
  };
  readonly steps: {
    readonly kind: readonly StepKind[];
    readonly node: readonly number[];
    readonly incoming: readonly (readonly (number | null)[])[];
    readonly outgoing: readonly (readonly (number | null)[])[];
    readonly before: readonly (number | null)[];
    readonly after: readonly (number | null)[];
    readonly formulas: readonly (readonly number[])[];
    readonly words: readonly string[];
  };
  readonly values: {
    readonly shape: readonly (readonly number[])[];
    readonly dtype: readonly string[];
    readonly data: readonly (readonly Element[])[];
    readonly size: readonly number[];
    readonly min: readonly (Element | null)[];
    readonly max: readonly (Element | null)[];
    readonly mean: readonly (Element | null)[];
    readonly norm: readonly (Element | null)[];
    readonly nan: readonly number[];
    readonly inf: readonly number[];
  };
  readonly sources: {
    readonly cell: readonly string[];
    readonly line: readonly number[];
    readonly text: readonly string[];
  };
  readonly groups: {
    readonly name: readonly string[];
    readonly kind: readonly ("module" | "function")[];
    readonly parent: readonly (number | null)[];
  };
  readonly math: readonly string[];
  /** Of a live graph: the part each node plays, by which it is known again; and what changed. */
  readonly parts?: readonly string[];
  readonly words?: string;
}

export interface Plot {
  readonly schema: 1;
  readonly x: readonly Element[];
  readonly y: readonly Element[] | null;
  readonly dy: readonly Element[];
  readonly x_label: string;
  readonly y_label: string;
  readonly dy_label: string;
  readonly title: string;
  readonly note: string;
}

/** A payload that does not fit docs/trace.md; the message says where and why. */
export class Misfit extends Error {}

/** How many rows each table has: what an index into it must stay below. */
type Sizes = Record<"nodes" | "values" | "sources" | "groups" | "math", number>;
/** Says what a cell should have been, or nothing when it fits. */
type Rule = (cell: unknown, sizes: Sizes) => string | null;

const isCount = (cell: unknown): cell is number => Number.isInteger(cell) && (cell as number) >= 0;
const isElement = (cell: unknown): cell is Element =>
  typeof cell === "string" || (typeof cell === "number" && Number.isFinite(cell));

const text: Rule = (cell) => (typeof cell === "string" ? null : "text");
const count: Rule = (cell) => (isCount(cell) ? null : "a whole number, 0 or more");
const statistic: Rule = (cell) =>
  cell === null || isElement(cell) ? null : "a number, text or null";

const oneOf =
  (...names: string[]): Rule =>
  (cell) =>
    names.includes(cell as string) ? null : `one of ${names.join(", ")}`;

const indexOf =
  (table: keyof Sizes): Rule =>
  (cell, sizes) =>
    isCount(cell) && cell < sizes[table] ? null : `an index into ${table}, below ${sizes[table]}`;

const orNull =
  (rule: Rule): Rule =>
  (cell, sizes) => {
    const wanted = cell === null ? null : rule(cell, sizes);
    return wanted && `${wanted}, or null`;
  };

const listOf =
  (rule: Rule): Rule =>
  (cell, sizes) => {
    if (!Array.isArray(cell)) return "a list";
    for (const item of cell) {
      const wanted = rule(item, sizes);
      if (wanted) return `a list in which each entry is ${wanted}`;
    }
    return null;
  };

const savedValue: Rule = (cell, sizes) =>
  Array.isArray(cell) && cell.length === 2 && !text(cell[0], sizes)
    ? indexOf("values")(cell[1], sizes)
    : "a pair of name and value index";

const element: Rule = (cell) => (isElement(cell) ? null : "a finite number or text");

type Columns = Record<string, Rule>;

const NODES: Columns = {
  kind: oneOf("leaf", "accumulate", "op", "root"),
  op: text,
  title: text,
  name: text,
  module: text,
  shape: listOf(count),
  dtype: text,
  value: orNull(indexOf("values")),
  saved: listOf(savedValue),
  formula: orNull(indexOf("math")),
  source: orNull(indexOf("sources")),
  group: orNull(indexOf("groups")),
};
const EDGES: Columns = { from: indexOf("nodes"), to: indexOf("nodes"), slot: count, output: count };
const STEPS: Columns = {
  kind: oneOf("seed", "vjp", "accumulate", "free"),
  node: indexOf("nodes"),
  incoming: listOf(orNull(indexOf("values"))),
  outgoing: listOf(orNull(indexOf("values"))),
  before: orNull(indexOf("values")),
  after: orNull(indexOf("values")),
  formulas: listOf(indexOf("math")),
  words: text,
};
const VALUES: Columns = {
  shape: listOf(count),
  dtype: text,
  data: listOf(element),
  size: count,
  min: statistic,
  max: statistic,
  mean: statistic,
  norm: statistic,
  nan: count,
  inf: count,
};
const SOURCES: Columns = { cell: text, line: count, text };
const GROUPS: Columns = {
  name: text,
  kind: oneOf("module", "function"),
  parent: orNull(indexOf("groups")),
};

/** Returns `payload` as a trace; raises Misfit where it is none. */
export function readTrace(payload: unknown): Trace {
  const trace = opened(payload);
  const math = list(trace.math, "math");
  const sizes: Sizes = {
    nodes: rows(trace, "nodes", "kind"),
    values: rows(trace, "values", "size"),
    sources: rows(trace, "sources", "cell"),
    groups: rows(trace, "groups", "name"),
    math: math.length,
  };
  checkColumns(trace, "nodes", NODES, sizes);
  checkColumns(trace, "edges", EDGES, sizes);
  checkColumns(trace, "steps", STEPS, sizes);
  checkColumns(trace, "values", VALUES, sizes);
  checkColumns(trace, "sources", SOURCES, sizes);
  checkColumns(trace, "groups", GROUPS, sizes);
  checkList(math, "math", text, sizes);
  require("library", text(trace.library, sizes), trace.library);
  if (sizes.nodes > 0) require("root", indexOf("nodes")(trace.root, sizes), trace.root);
  if (trace.parts !== undefined) {
    const parts = list(trace.parts, "parts");
    checkLength(parts, "parts", sizes.nodes, "nodes.kind");
    checkList(parts, "parts", text, sizes);
    require("words", text(trace.words, sizes), trace.words);
  }
  const read = payload as Trace;
  checkOrder(read);
  checkNesting(read);
  checkPreviews(read);
  return read;
}

/** Returns `payload` as plot data; raises Misfit where it is none. */
export function readPlot(payload: unknown): Plot {
  const plot = opened(payload);
  const none: Sizes = { nodes: 0, values: 0, sources: 0, groups: 0, math: 0 };
  const length = list(plot.x, "x").length;
  for (const name of ["x", "y", "dy"]) {
    if (name === "y" && plot.y === null) continue;
    const column = list(plot[name], name);
    checkLength(column, name, length, "x");
    checkList(column, name, element, none);
  }
  for (const name of ["x_label", "y_label", "dy_label", "title", "note"]) {
    require(name, text(plot[name], none), plot[name]);
  }
  return payload as Plot;
}

type Bag = Record<string, unknown>;

const isBag = (value: unknown): value is Bag =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function opened(payload: unknown): Bag {
  if (!isBag(payload) || Object.keys(payload).length === 0) {
    throw new Misfit("the payload is empty");
  }
  if (payload.schema !== 1) {
    throw new Misfit(`schema is ${shown(payload.schema)}, and this widget reads schema 1`);
  }
  return payload;
}

function list(value: unknown, place: string): unknown[] {
  if (value === undefined) throw new Misfit(`${place} is missing`);
  require(place, Array.isArray(value) ? null : "a list", value);
  return value as unknown[];
}

function table(trace: Bag, name: string): Bag {
  const found = trace[name];
  if (found === undefined) throw new Misfit(`${name} is missing`);
  require(name, isBag(found) ? null : "an object of columns", found);
  return found as Bag;
}

function rows(trace: Bag, name: string, column: string): number {
  return list(table(trace, name)[column], `${name}.${column}`).length;
}

function checkColumns(trace: Bag, name: string, columns: Columns, sizes: Sizes): void {
  const first = Object.keys(columns)[0]!;
  const length = rows(trace, name, first);
  for (const [column, rule] of Object.entries(columns)) {
    const place = `${name}.${column}`;
    const cells = list(table(trace, name)[column], place);
    checkLength(cells, place, length, `${name}.${first}`);
    checkList(cells, place, rule, sizes);
  }
}

function checkLength(cells: unknown[], place: string, length: number, model: string): void {
  if (cells.length !== length) {
    throw new Misfit(`${place} has ${cells.length} rows, but ${model} has ${length}`);
  }
}

function checkList(cells: unknown[], place: string, rule: Rule, sizes: Sizes): void {
  cells.forEach((cell, row) => require(`${place}[${row}]`, rule(cell, sizes), cell));
}

function require(place: string, wanted: string | null, got: unknown): void {
  if (wanted) throw new Misfit(`${place} should be ${wanted}, but is ${shown(got)}`);
}

/** Inputs come before users: the layout and the walk along edges rely on it. */
function checkOrder({ edges }: Trace): void {
  edges.from.forEach((from, row) => {
    const to = edges.to[row]!;
    if (from >= to) {
      throw new Misfit(`edges row ${row} goes from ${from} to ${to}, but inputs come before users`);
    }
  });
}

/** Outer groups come before inner ones: nothing then walks outwards for ever. */
function checkNesting({ groups }: Trace): void {
  groups.parent.forEach((parent, row) => {
    if (parent !== null && parent >= row) {
      throw new Misfit(`groups.parent[${row}] is ${parent}, but outer groups come first`);
    }
  });
}

/** A preview never holds more elements than the value has. */
function checkPreviews({ values }: Trace): void {
  values.data.forEach((data, row) => {
    const most = Math.min(values.size[row]!, 64);
    if (data.length > most) {
      throw new Misfit(`values.data[${row}] has ${data.length} elements, but at most ${most} fit`);
    }
  });
}

function shown(value: unknown): string {
  const written = value === undefined ? "missing" : JSON.stringify(value);
  return written.length > 60 ? `${written.slice(0, 59)}…` : written;
}
