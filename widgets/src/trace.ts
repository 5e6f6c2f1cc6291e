/**
 * The trace the browser accepts, docs/trace.md's, as a type and as a check.
 *
 * Every face draws only what has passed here, so no face asks again whether a column is there or an
 * index is in range. A payload that does not fit is refused with a sentence naming the place.
 */

import {
  checkColumns,
  checkLength,
  checkList,
  type Columns,
  count,
  type Element,
  indexOf,
  list,
  listOf,
  Misfit,
  oneOf,
  opened,
  element,
  orNull,
  require,
  rows,
  type Rule,
  statistic,
  text,
} from "./payload";
import { filled, unpacked } from "./packed";

export type NodeKind = "leaf" | "accumulate" | "op" | "root";
export type StepKind = "seed" | "vjp" | "accumulate" | "free";

export interface Trace {
  readonly schema: 1 | 2 | 3;
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
  /** How the elements of small results and gradients are made (elements.ts). */
  readonly elements?: {
    readonly node: readonly number[];
    /** 0 for the node's own result, else 1 + the slot that the gradient leaves by. */
    readonly part: readonly number[];
    readonly sizes: readonly (readonly number[])[];
    readonly axes: readonly (readonly (readonly number[])[])[];
    readonly values: readonly (readonly number[])[];
    readonly names: readonly (readonly number[])[];
    readonly term: readonly number[];
    readonly how: readonly string[];
    readonly plus: readonly (number | null)[];
  };
  /** Pictures of large values (far-value.ts). */
  readonly samples?: {
    readonly value: readonly number[];
    readonly rows: readonly number[];
    readonly columns: readonly number[];
    readonly levels: readonly string[];
    readonly scale: readonly number[];
    readonly low: readonly number[];
    readonly high: readonly number[];
    readonly bins: readonly (readonly number[])[];
  };
  /** Gradients summed over axes that the forward had broadcast. */
  readonly sums?: {
    readonly node: readonly number[];
    readonly slot: readonly number[];
    readonly axes: readonly (readonly number[])[];
  };
  /** Gradients that meet others of the same tensor: what they amount to with this one. */
  readonly terms?: {
    readonly node: readonly number[];
    readonly slot: readonly number[];
    readonly sum: readonly (number | null)[];
  };
  /** The user's hooks that ran; before and after are null where nothing was changed. */
  readonly hooks?: {
    readonly node: readonly number[];
    readonly kind: readonly string[];
    readonly name: readonly string[];
    readonly slot: readonly (number | null)[];
    readonly before: readonly (number | null)[];
    readonly after: readonly (number | null)[];
  };
  /** Nodes that an earlier pass made, while `of` ran. */
  readonly second?: {
    readonly node: readonly number[];
    readonly of: readonly number[];
    readonly order: readonly number[];
  };
  /** Of a profiled graph: the nanoseconds that nodes took. */
  readonly times?: {
    readonly node: readonly number[];
    readonly forward: readonly (number | null)[];
    readonly backward: readonly (number | null)[];
  };
  /** Of a live graph: the part each node plays, by which it is known again; and what changed. */
  readonly parts?: readonly string[];
  readonly words?: string;
}

const node = indexOf("nodes");
const value = indexOf("values");
const formula = indexOf("math");
const maybeValue = orNull(value);
const counts = listOf(count);

const savedValue: Rule = (cell, sizes) =>
  Array.isArray(cell) && cell.length === 2 && !text(cell[0], sizes)
    ? value(cell[1], sizes)
    : "a pair of name and value index";

/** What every trace has; the first column of a table says how many rows there are. */
const TABLES: Record<string, Columns> = {
  nodes: {
    kind: oneOf("leaf", "accumulate", "op", "root"),
    op: text,
    title: text,
    name: text,
    module: text,
    shape: counts,
    dtype: text,
    value: maybeValue,
    saved: listOf(savedValue),
    formula: orNull(formula),
    source: orNull(indexOf("sources")),
    group: orNull(indexOf("groups")),
  },
  edges: { from: node, to: node, slot: count, output: count },
  steps: {
    kind: oneOf("seed", "vjp", "accumulate", "free"),
    node,
    incoming: listOf(maybeValue),
    outgoing: listOf(maybeValue),
    before: maybeValue,
    after: maybeValue,
    formulas: listOf(formula),
    words: text,
  },
  values: {
    shape: counts,
    dtype: text,
    data: listOf(element),
    size: count,
    min: statistic,
    max: statistic,
    mean: statistic,
    norm: statistic,
    nan: count,
    inf: count,
  },
  sources: { cell: text, line: count, text },
  groups: { name: text, kind: oneOf("module", "function"), parent: orNull(indexOf("groups")) },
};
/** What most traces have nothing of. */
const RARE: Record<string, Columns> = {
  elements: {
    node,
    part: count,
    sizes: counts,
    axes: listOf(counts),
    values: listOf(value),
    names: listOf(formula),
    term: formula,
    how: oneOf("sum", "product", "mean", "max", "min"),
    plus: orNull(count),
  },
  samples: {
    value,
    rows: count,
    columns: count,
    levels: text,
    scale: statistic,
    low: statistic,
    high: statistic,
    bins: counts,
  },
  sums: { node, slot: count, axes: counts },
  terms: { node, slot: count, sum: maybeValue },
  hooks: {
    node,
    kind: text,
    name: text,
    slot: orNull(count),
    before: maybeValue,
    after: maybeValue,
  },
  second: { node, of: node, order: count },
  times: { node, forward: orNull(count), backward: orNull(count) },
};

/** Returns `payload` as a trace; raises Misfit where it is none. */
export function readTrace(payload: unknown): Trace {
  const trace = unpacked(opened(payload));
  const math = list(trace.math, "math");
  const sizes: Record<string, number> = { math: math.length };
  for (const [name, columns] of Object.entries(TABLES))
    sizes[name] = rows(trace, name, Object.keys(columns)[0]!);
  for (const [name, columns] of Object.entries({ ...TABLES, ...RARE }))
    if (name in TABLES || trace[name] !== undefined) checkColumns(trace, name, columns, sizes);
  checkList(math, "math", text, sizes);
  require("library", text(trace.library, sizes), trace.library);
  if (sizes.nodes) require("root", node(trace.root, sizes), trace.root);
  if (trace.parts !== undefined) {
    const parts = list(trace.parts, "parts");
    checkLength(parts, "parts", sizes.nodes!, "nodes.kind");
    checkList(parts, "parts", text, sizes);
    require("words", text(trace.words, sizes), trace.words);
  }
  const read = trace as unknown as Trace;
  checkOrder(read);
  checkNesting(read);
  checkPreviews(read);
  checkElements(read);
  return filled(read);
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

/** A preview never holds more elements than the value has, and never none of some. */
function checkPreviews({ values }: Trace): void {
  values.data.forEach((data, row) => {
    const most = Math.min(values.size[row]!, 64);
    if (data.length > most || data.length < Math.min(most, 1)) {
      const fitting = most ? `1 to ${most}` : "none";
      throw new Misfit(`values.data[${row}] has ${data.length} elements, but ${fitting} fit`);
    }
  });
}

/** What is taken apart has the shapes that its axes say. */
function checkElements({ elements, values }: Trace): void {
  elements?.axes.forEach((axes, row) => {
    const sizes = elements.sizes[row]!;
    const parts = elements.values[row]!;
    const room = (of: readonly number[]) => of.reduce((all, axis) => all * sizes[axis]!, 1);
    const fits =
      room([...sizes.keys()]) <= 4096 &&
      axes.length === parts.length &&
      axes.length === elements.names[row]!.length &&
      (elements.plus[row] ?? 0) < axes.length - 1 &&
      axes.every((of, part) => room(of) === values.data[parts[part]!]!.length);
    if (!fits) throw new Misfit(`elements row ${row} does not fit its values`);
  });
}
