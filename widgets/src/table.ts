/** The table twin of the drawing: all it holds, for those who would rather read or search. */

import { h, write } from "./dom";
import { glance, shapeText } from "./format";
import { KINDS } from "./details";
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
    "Module",
    ...(trace.times ? ["Time"] : []),
  ];
  const timed = stepping ? ["State", "Gradient out"] : [];
  const rows = trace.nodes.kind.map((_, node) => tableRow(trace, node, timed.length));
  const body = h("tbody", {}, ...rows);
  body.addEventListener("click", ({ target }) => {
    const row = (target as Element).closest("tr");
    if (row) select(rows.indexOf(row));
  });
  const head = h(
    "tr",
    {},
    ...[...columns, ...timed].map((title) => h("th", { scope: "col" }, title)),
  );
  const table = h(
    "table",
    {},
    h("caption", { class: "gl-hidden" }, "The graph, node by node"),
    h("thead", {}, head),
    body,
  );
  const times = timeline(trace);
  const out = gradientsOut(trace);

  const show: Twin["show"] = (position, selected, stops) => {
    const stopping = new Set(stops);
    rows.forEach((row, node) => {
      row.classList.toggle("gl-chosen", node === selected);
      if (!stepping) return;
      const state = nodeState(trace, times, node, position);
      const hasRun = times.ranAt[node]! <= position;
      const told = [
        state,
        times.marks.get(node),
        times.freedAt[node]! <= position && "saved values freed",
        stopping.has(node) && "stop",
      ];
      write(row.cells[columns.length]!.firstElementChild!, told.filter(Boolean).join(", "));
      write(row.cells[columns.length + 1]!.firstElementChild!, hasRun ? out(node, position) : "");
    });
  };

  const element = h(
    "div",
    {
      class: "gl-table",
      tabindex: 0,
      role: "region",
      "aria-label": "The graph as a table",
      "data-gl": "table",
    },
    table,
  );
  return { element, show };

  function gradientsOut({ nodes, steps, values }: Trace) {
    return (node: number, position: number): string => {
      if (nodes.kind[node] === "accumulate") {
        const grad = gradOf(trace, times, node, position);
        return `.grad ${grad === null ? "None" : glance(values, grad)}`;
      }
      const leaving = steps.outgoing[times.ranAt[node]!] ?? [];
      return leaving
        .map((row, slot) => [
          times.summed.get(`${node} ${slot}`),
          row === null ? "none" : glance(values, row),
        ])
        .map((parts) => parts.filter(Boolean).join(": "))
        .join("; ");
    };
  }
}

function tableRow(trace: Trace, node: number, timed: number): HTMLTableRowElement {
  const { nodes, values, sources } = trace;
  const value = nodes.value[node]!;
  const source = nodes.source[node]!;
  const cells = [
    KINDS[nodes.kind[node]!],
    [...new Set([nodes.title[node], nodes.name[node], nodes.op[node]])].filter(Boolean).join(" · "),
    inputsOf(trace)[node]!.join(", "),
    shapeText(nodes.shape[node]!),
    nodes.dtype[node]!,
    value === null ? "" : glance(values, value),
    nodes.saved[node]!.map(([name, row]) => `${name}: ${glance(values, row)}`).join("; "),
    source === null
      ? ""
      : `${sources.cell[source]}, line ${sources.line[source]}: ${sources.text[source]}`,
    nodes.module[node]!,
    ...(trace.times ? [spentBy(trace, [node])?.text ?? ""] : []),
    ...Array<string>(timed).fill(""),
  ];
  return h(
    "tr",
    { "data-gl-node": node },
    h("th", { scope: "row" }, `${node}`),
    ...cells.map((text) => h("td", {}, h("div", {}, text))),
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
