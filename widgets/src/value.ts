/** A tensor's value for reading: its kind, a small chart, the numbers, and statistics. */

import { h } from "./dom";
import { apartView, recipeOf } from "./elements";
import { farView } from "./far-value";
import { count, glance, isConstant, isOdd, placeOf, shapeText, short } from "./format";
import { bars, heatMap } from "./heat";
import type { Element as Cell } from "./payload";
import type { Trace } from "./trace";

type Values = Trace["values"];

/** What a value is in the graph: the result of `node` (slot -1), or the gradient it sends by a slot. */
export interface Origin {
  readonly node: number;
  readonly slot: number;
}

/** Up to this many numbers are shown unfolded. */
const UNFOLDED = 32;

/**
 * Row `row` of a trace's values; `handle` and `name` let a page's reader find it (docs/trace.md).
 * The numbers of a small one that comes of `origin` can be taken apart.
 */
export function valueView(
  trace: Trace,
  row: number,
  handle = "value",
  name = "",
  origin: Origin | null = null,
): HTMLElement {
  const { values } = trace;
  const data = values.data[row]!;
  const size = values.size[row]!;
  const dtype = values.dtype[row]!;
  const isFlat = values.shape[row]!.length < 2;
  const recipe = origin ? recipeOf(trace, origin.node, origin.slot) : -1;
  const isChart = data.length > 1 && isFlat && data.some((cell) => typeof cell === "number");
  return h(
    "div.gl-value",
    { "data-gl": handle, "data-gl-name": name || null },
    h(
      "div.gl-value-head",
      size === 1 ? number(data[0] ?? "?", dtype) : lead(values, row),
      h("span.gl-dim", `${shapeText(values.shape[row]!)} ${dtype}`),
      ...oddities(values, row),
    ),
    farView(trace, row, name) ?? (isChart && bars(data, `Bars of the ${data.length} elements: ${glance(values, row)}`)),
    size > 1 && numbers(trace, row, name, recipe),
    size === 1 &&
      recipe >= 0 &&
      h("details", h("summary", "How it is made"), apartView(trace, recipe, 0)),
    size > 1 && statistics(values, row),
  );
}

/** What `.grad` is before anything has been added to it. */
export function noneView(handle: string, name: string): HTMLElement {
  return h("div.gl-value", { "data-gl": handle, "data-gl-name": name }, h("span.gl-big", "None"));
}

/** In large: what there is to say at once about many numbers, or none. */
function lead(values: Values, row: number): HTMLElement | false {
  const isPlain = values.size[row] === 0 || isConstant(values, row);
  return isPlain && h("span.gl-big", glance(values, row));
}

/** NaN and infinity are said in words, so that they are seen even beyond the preview. */
function oddities(values: Values, row: number): HTMLElement[] {
  const told = [
    [values.nan[row]!, "NaN"],
    [values.inf[row]!, "inf"],
  ] as const;
  return told
    .filter(([times]) => times > 0)
    .map(([times, what]) => h("span.gl-warning", `${count(times)} × ${what}`));
}

function number(cell: Cell, dtype: string): HTMLElement {
  return h(
    "span",
    {
      class: `gl-number gl-big${isOdd(cell) ? " gl-odd" : ""}`,
      "data-gl": "element",
      "data-value": cell,
      title: `${cell}`,
    },
    short(cell, dtype),
  );
}

/** The numbers as a heat map; where it is known how they are made, each can be taken apart. */
function numbers(trace: Trace, row: number, name: string, recipe: number): HTMLElement {
  const { values } = trace;
  const data = values.data[row]!;
  const shape = values.shape[row]!;
  const rest = values.size[row]! - data.length;
  const columns = shape.length > 1 && !rest ? shape.at(-1)! : 0;
  const digits = columns > 6 ? 2 : columns > 4 ? 3 : 4;
  const apart = h("div", { "aria-live": "polite" });
  const map = heatMap({
    name: `${name} numbers, ${shapeText(shape)}`,
    cells: data,
    columns,
    block: shape.length > 2 ? shape.at(-2)! : 0,
    place: (at) => placeOf(at, shape),
    exact: (at) => `= ${data[at]}`,
    text: (cell) => short(cell, values.dtype[row], digits),
    pick:
      recipe < 0
        ? null
        : (at) => {
            apart.replaceChildren(apartView(trace, recipe, at));
            apart.scrollIntoView({ block: "nearest" });
          },
  });
  const isOpen = (columns || data.length <= UNFOLDED) && !isConstant(values, row);
  const title = rest > 0 ? `First ${data.length} of ${count(values.size[row]!)}` : "Numbers";
  return h("details", { open: isOpen }, h("summary", title), map, apart);
}

function statistics(values: Values, row: number): HTMLElement {
  const dtype = values.dtype[row]!;
  const known = (["min", "mean", "max", "norm"] as const).flatMap((name) => {
    const cell = values[name][row];
    if (cell === null || cell === undefined) return [];
    const type = name === "min" || name === "max" ? dtype : "float";
    return [h("span", h("span.gl-dim", name), ` ${short(cell, type)}`)];
  });
  return h("div.gl-stats", ...known);
}
