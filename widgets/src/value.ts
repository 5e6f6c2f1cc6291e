/** A tensor's value for reading: its kind, a small chart, the numbers, and statistics. */

import { h, s } from "./dom";
import { count, glance, isConstant, isOdd, shapeText, short } from "./format";
import type { Element as Cell } from "./payload";
import type { Trace } from "./trace";

type Values = Trace["values"];

const BAR = { width: 200, height: 34 };
/** Up to this many numbers are shown unfolded. */
const UNFOLDED = 32;

/** Row `row` of `values`; `handle` and `name` let a page's reader find it (docs/trace.md). */
export function valueView(values: Values, row: number, handle = "value", name = ""): HTMLElement {
  const data = values.data[row]!;
  const size = values.size[row]!;
  const dtype = values.dtype[row]!;
  return h(
    "div",
    { class: "gl-value", "data-gl": handle, "data-gl-name": name || null },
    h(
      "div",
      { class: "gl-value-head" },
      size === 1 ? number(data[0] ?? "?", dtype, "", "gl-big") : lead(values, row),
      h("span", { class: "gl-dim" }, `${shapeText(values.shape[row]!)} ${dtype}`),
      ...oddities(values, row),
    ),
    data.length > 1 && data.some(isReal) && bars(data, values, row),
    size > 1 && numbers(values, row),
    size > 1 && statistics(values, row),
  );
}

/** What `.grad` is before anything has been added to it. */
export function noneView(handle: string, name: string): HTMLElement {
  return h(
    "div",
    { class: "gl-value", "data-gl": handle, "data-gl-name": name },
    h("span", { class: "gl-big" }, "None"),
  );
}

/** In large: what there is to say at once about many numbers, or none. */
function lead(values: Values, row: number): HTMLElement | false {
  const isPlain = values.size[row] === 0 || isConstant(values, row);
  return isPlain && h("span", { class: "gl-big" }, glance(values, row));
}

/** NaN and infinity are said in words, so that they are seen even beyond the preview. */
function oddities(values: Values, row: number): HTMLElement[] {
  const told = [
    [values.nan[row]!, "NaN"],
    [values.inf[row]!, "inf"],
  ] as const;
  return told
    .filter(([times]) => times > 0)
    .map(([times, what]) => h("span", { class: "gl-warning" }, `${count(times)} × ${what}`));
}

function number(cell: Cell, dtype: string, index: string, extra = ""): HTMLElement {
  const odd = isOdd(cell) ? " gl-odd" : "";
  return h(
    "span",
    {
      class: `gl-number ${extra}${odd}`,
      "data-gl": "element",
      "data-value": cell,
      title: `${index}${cell}`,
    },
    short(cell, dtype),
  );
}

function numbers(values: Values, row: number): HTMLElement {
  const data = values.data[row]!;
  const dtype = values.dtype[row]!;
  const columns = values.shape[row]!.length > 1 ? values.shape[row]!.at(-1)! : 0;
  const rest = values.size[row]! - data.length;
  const grid = h(
    "div",
    {
      class: "gl-grid",
      style: columns > 1 && columns <= 6 ? `grid-template-columns: repeat(${columns}, 1fr)` : null,
    },
    ...data.map((cell, at) => number(cell, dtype, `element ${at}: `)),
  );
  const isOpen = data.length <= UNFOLDED && !isConstant(values, row);
  const title = rest > 0 ? `First ${data.length} of ${count(values.size[row]!)}` : "Numbers";
  return h("details", { open: isOpen }, h("summary", {}, title), grid);
}

function statistics(values: Values, row: number): HTMLElement {
  const dtype = values.dtype[row]!;
  const known = (["min", "mean", "max", "norm"] as const).flatMap((name) => {
    const cell = values[name][row];
    if (cell === null || cell === undefined) return [];
    const type = name === "min" || name === "max" ? dtype : "float";
    return [h("span", {}, h("span", { class: "gl-dim" }, name), ` ${short(cell, type)}`)];
  });
  return h("div", { class: "gl-stats" }, ...known);
}

function isReal(cell: Cell): cell is number {
  return typeof cell === "number";
}

/** One bar per element of the preview, from zero; what is not finite is a dashed line. */
function bars(data: readonly Cell[], values: Values, row: number): SVGElement {
  const finite = data.filter(isReal);
  const high = Math.max(0, ...finite);
  const low = Math.min(0, ...finite);
  const scale = (BAR.height - 2) / (high - low || 1);
  const step = BAR.width / data.length;
  const zero = 1 + high * scale;
  const marks = data.map((cell, at) => {
    const x = at * step;
    if (typeof cell === "string") {
      const middle = x + step / 2;
      return s("path", { class: "gl-bar-odd", d: `M${middle} 0V${BAR.height}` });
    }
    const height = Math.max(Math.abs(cell) * scale, 0.75);
    return s("rect", {
      x: x + step * 0.1,
      y: cell < 0 ? zero : zero - height,
      width: step * 0.8,
      height,
    });
  });
  return s(
    "svg",
    {
      class: "gl-bars",
      viewBox: `0 0 ${BAR.width} ${BAR.height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `Bars of the first ${data.length} elements: ${glance(values, row)}`,
    },
    ...marks,
    s("path", { class: "gl-bar-zero", d: `M0 ${zero}H${BAR.width}` }),
  );
}
