/** The table twin of the drawing: all it holds, for those who would rather read or search. */

import { h, hasModifier, on, write } from "./dom";
import { glance, shapeText } from "./format";
import { KINDS } from "./details";
import { clamp, joined } from "./lists";
import { gradOf, nodeState, timeline } from "./moment";
import { spentBy } from "./spent";
import type { Trace } from "./trace";

export interface Twin {
  readonly element: HTMLElement;
  /** Brings the columns that change with time up to `position`, and marks the selected row. */
  readonly show: (
    position: number,
    selected: number | null,
    stops: readonly number[],
  ) => void;
}

/** A table of `trace`; with `stepping`, it also tells what has run and which gradients left. */
export function tableTwin(
  trace: Trace,
  stepping: boolean,
  select: (node: number | null) => void,
): Twin {
  const columns = [
    "Node",
    "Kind",
    "Name",
    "Inputs",
    "Shape",
    "Dtype",
    "Value",
    "Saved",
    "Made in",
    "Part of",
    ...(trace.times ? ["Time"] : []),
  ];
  const timed = stepping ? ["State", "Gradient in", "Gradient out"] : [];
  const rows = trace.nodes.kind.map((_, node) => tableRow(trace, node, timed.length));
  const body = h("tbody", ...rows);
  on(body, "click", ({ target }) => {
    const row = (target as Element).closest("tr");
    if (row) select(rows.indexOf(row));
  });
  /** Up and down choose a row, as in the drawing they choose a node. */
  function onKey(event: KeyboardEvent): void {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || hasModifier(event)) return;
    event.preventDefault();
    const at = rows.findIndex((row) => row.classList.contains("gl-chosen"));
    const last = rows.length - 1;
    const next = at < 0 && by < 0 ? last : clamp(at + by, 0, last);
    select(next);
    rows[next]?.scrollIntoView({ block: "nearest" });
  }

  const head = h("tr", ...[...columns, ...timed].map((title) => h("th", { scope: "col" }, title)));
  const table = h(
    "table",
    h("caption.gl-hidden", "The graph, node by node"),
    h("thead", head),
    body,
  );
  const times = timeline(trace);
  const seed = trace.steps.kind.indexOf("seed");

  const show: Twin["show"] = (position, selected, stops) => {
    const stopping = new Set(stops);
    rows.forEach((row, node) => {
      row.classList.toggle("gl-chosen", node === selected);
      if (!stepping) return;
      const state = nodeState(trace, times, node, position);
      const told = [
        state,
        times.marks.get(node),
        times.freedAt[node]! <= position && "saved values freed",
        stopping.has(node) && "stop",
      ];
      const cells = [
        joined(told, ", "),
        gradientIn(node, position),
        gradientOut(node, position),
      ];
      cells.forEach((text, at) => write(row.cells[columns.length + at]!.firstElementChild!, text));
    });
  };

  const element = h(
    "div.gl-table",
    {
      tabindex: 0,
      role: "region",
      "aria-label": "The graph as a table",
      "data-gl": "table",
    },
    table,
  );
  on(element, "keydown", onKey);
  return { element, show };

  /** What arrived when a node ran; at the result, as soon as the pass has started. */
  function gradientIn(node: number, position: number): string {
    const { steps, values } = trace;
    const at = node === steps.node[seed] ? seed : times.ranAt[node]!;
    if (at > position) return "";
    return steps.incoming[at]!.map((row) => told(row, values)).join("; ");
  }

  function gradientOut(node: number, position: number): string {
    const { nodes, steps, values } = trace;
    const step = times.ranAt[node]!;
    if (nodes.kind[node] === "accumulate") {
      const grad = (at: number) => told(gradOf(trace, times, node, at), values, "None");
      return `.grad ${position === step ? `${grad(step - 1)} → ` : ""}${grad(position)}`;
    }
    if (step > position) return "";
    return steps.outgoing[step]!
      .map((row, slot) => [times.summed.get(`${node} ${slot}`), told(row, values)])
      .map((parts) => joined(parts, ": "))
      .join("; ");
  }
}

function told(row: number | null, values: Trace["values"], nothing = "none"): string {
  return row === null ? nothing : glance(values, row);
}

/** The module a node ran in, and the calls it is part of, the outermost first. */
function partOf({ nodes, groups }: Trace, node: number): string {
  const calls: string[] = [];
  for (let at = nodes.group[node]!; at !== null; at = groups.parent[at]!)
    calls.unshift(groups.name[at]!);
  return joined(new Set([nodes.module[node], calls.join(" › ")]), " · ");
}

function tableRow(trace: Trace, node: number, timed: number): HTMLTableRowElement {
  const { nodes, values, sources } = trace;
  const value = nodes.value[node]!;
  const source = nodes.source[node]!;
  const cells = [
    KINDS[nodes.kind[node]!],
    joined(new Set([nodes.title[node], nodes.name[node], nodes.op[node]]), " · "),
    inputsOf(trace)[node]!.join(", "),
    shapeText(nodes.shape[node]!),
    nodes.dtype[node]!,
    value === null ? "" : glance(values, value),
    nodes.saved[node]!.map(([name, row]) => `${name}: ${glance(values, row)}`).join("; "),
    source === null
      ? ""
      : `${sources.cell[source]}, line ${sources.line[source]}: ${sources.text[source]}`,
    partOf(trace, node),
    ...(trace.times ? [spentBy(trace, [node])?.text ?? ""] : []),
    ...Array<string>(timed).fill(""),
  ];
  return h(
    "tr",
    { "data-gl-node": node },
    h("th", { scope: "row" }, `${node}`),
    ...cells.map((text) => h("td", h("div", text))),
  );
}

const known = new WeakMap<Trace, string[][]>();

/** For each node its inputs in slot order, as the table's first column numbers them. */
function inputsOf(trace: Trace): string[][] {
  let inputs = known.get(trace);
  if (inputs) return inputs;
  inputs = trace.nodes.kind.map(() => []);
  const { from, to, slot } = trace.edges;
  const order = [...from.keys()].sort((one, other) => slot[one]! - slot[other]!);
  for (const edge of order) inputs[to[edge]!]!.push(`${from[edge]}`);
  known.set(trace, inputs);
  return inputs;
}
