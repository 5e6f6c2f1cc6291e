/**
 * One element taken apart: the elements of other tensors that made it, the terms, what they give.
 *
 * The trace numbers the axes of a small operation's tensors (docs/trace.md). The terms of an element
 * are found by going through the axes that its tensor hasn't.
 */

import { h } from "./dom";
import { placeOf, plural, short } from "./format";
import { miniMap } from "./heat";
import { formula, formulaWith } from "./mathml";
import type { Element as Cell } from "./payload";
import type { Trace } from "./trace";

/** Of more terms, as many are listed. */
const MOST_TERMS = 16;

/** The row of `elements` for what leaves `node` by a slot, or with -1 its result; -1 if none. */
export function recipeOf({ elements }: Trace, node: number, slot: number): number {
  return elements?.node.findIndex((n, row) => n === node && elements.part[row] === slot + 1) ?? -1;
}

/** For one element, the elements of each operand that enter each term. */
export function termsOf(
  sizes: readonly number[],
  [own, ...operands]: readonly (readonly number[])[],
  element: number,
): number[][] {
  const place = sizes.map(() => 0);
  /** Sets the place along `axes` to the one of number `at` of all places there are. */
  const goTo = (axes: readonly number[], at: number) => {
    for (const axis of [...axes].reverse()) {
      place[axis] = at % sizes[axis]!;
      at = Math.floor(at / sizes[axis]!);
    }
  };
  goTo(own!, element);
  const free = [...sizes.keys()].filter((axis) => !own!.includes(axis));
  const count = free.reduce((all, axis) => all * sizes[axis]!, 1);
  return Array.from({ length: count }, (_, term) => {
    goTo(free, term);
    return operands.map((axes) => axes.reduce((at, axis) => at * sizes[axis]! + place[axis]!, 0));
  });
}

/** Element `at` of the result of recipe `row`, taken apart. */
export function apartView({ math, values, ...trace }: Trace, row: number, at: number): HTMLElement {
  const elements = trace.elements!;
  const how = elements.how[row]!;
  const plus = elements.plus[row];
  const [result, ...operands] = elements.values[row]!.map((value, part) => {
    const shape = values.shape[value]!;
    const name = () => formula(math[elements.names[row]![part]!]!);
    return {
      name,
      data: values.data[value]!,
      columns: shape.at(-1) ?? 1,
      /** The name of one element: a[0, 1]. */
      of: (at: number) => h("span", name(), placeOf(at, shape)),
    };
  });
  const terms = termsOf(elements.sizes[row]!, elements.axes[row]!, at);
  const text = (cell: Cell) => short(cell, values.dtype[elements.values[row]![0]!]);
  const cellsOf = (term: readonly number[]) => operands.map(({ data }, i) => data[term[i]!]!);
  const filled = (term: readonly number[]) =>
    formulaWith(math[elements.term[row]!]!, cellsOf(term).map(text));
  const value = text(result!.data[at]!);
  const factors = operands.filter((_, i) => i !== plus);
  const line = (title: (Node | string)[], ...cells: (Node | string)[]) =>
    h("tr", h("th", { scope: "row" }, ...title), ...cells.map((cell) => h("td", cell)));
  const blank = factors.length > 1 ? [""] : [];
  const rest = terms.length - MOST_TERMS;
  const maps = operands.map(({ name, data, columns }, i) => {
    const used = new Set(terms.map((term) => term[i]!));
    const outlined = used.size < data.length ? [...used] : [];
    return data.length > 1 && miniMap(name(), data, columns, outlined);
  });
  return h(
    "section.gl-apart",
    { "data-gl": "apart", "aria-label": "How this element is made" },
    ...maps,
    h(
      "table",
      ...terms.slice(0, MOST_TERMS).map((term) =>
        line(
          factors.flatMap(({ of }, i) => [i ? ", " : "", of(term[i]!)]),
          filled(term),
          ...blank.map(() => (how === "product" ? text(product(cellsOf(term), plus)) : "")),
        ),
      ),
      rest > 0 && line([`and ${plural(rest, "more term")}`], ""),
      plus != null && line([operands[plus]!.of(terms[0]![plus]!)], ...blank, text(cellsOf(terms[0]!)[plus]!)),
      h(
        "tfoot",
        line([result!.of(at), terms.length > 1 ? `, the ${how === "product" ? "sum" : how}` : ""], ...blank, value),
      ),
    ),
  );
}

/** The product of a term's numbers, without the one that is added; "" where one is no number. */
function product(cells: readonly Cell[], plus: number | null | undefined): Cell {
  const made = cells.reduce<number>((all, cell, i) => (i === plus ? all : all * Number(cell)), 1);
  return Number.isNaN(made) ? "" : made;
}
