/** Numbers as a reader wants them: short, honest about NaN and infinity, written PyTorch's way. */

import type { Element } from "./payload";
import type { Trace } from "./trace";

type Values = Trace["values"];

/** An element with few significant digits; a whole number keeps its `.0` if it is a float. */
export function short(element: Element, dtype = "float32", significant = 4): string {
  if (typeof element === "string") {
    const part = /\d[\d.]*(e[+-]\d+)?/g;
    if (!element.endsWith("j")) return element;
    return element.replace(part, (digits) => `${+(+digits).toPrecision(significant)}`);
  }
  if (!isFloating(dtype)) return String(element);
  const size = Math.abs(element);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) {
    return element.toExponential(2).replace(/\.?0+e/, "e");
  }
  const rounded = size < 1000 ? element.toPrecision(significant) : element.toFixed(1);
  const digits = String(Number(rounded));
  return digits.includes(".") ? digits : `${Object.is(element, -0) ? "-" : ""}${digits}.0`;
}

/** Whether an element is NaN or infinite, or, being complex, has such a part. */
export function isOdd(element: Element): boolean {
  return typeof element === "string" && /nan|inf/.test(element);
}

/** Whether elements of this dtype are written with a decimal point. */
export function isFloating(dtype: string): boolean {
  return /float|double|half|complex/.test(dtype);
}

/** A value in a few characters, for an edge's label: `2.5`, `25 × 2.0`, `1.08, 0.514, …`. */
export function glance(values: Values, row: number): string {
  const data = values.data[row]!;
  const dtype = values.dtype[row]!;
  const size = values.size[row]!;
  if (size === 0) return "no elements";
  if (size === 1) return short(data[0] ?? "?", dtype);
  if (isConstant(values, row)) return `${count(size)} × ${short(data[0]!, dtype)}`;
  const few = data.slice(0, 2).map((element) => short(element, dtype, 3));
  return few.join(", ") + (size > few.length ? ", …" : "");
}

/** Whether all elements are the same number. */
export function isConstant(values: Values, row: number): boolean {
  const lowest = values.min[row];
  return values.size[row]! > 1 && lowest !== null && lowest === values.max[row] && !values.nan[row];
}

/** A shape as PyTorch lists it; a tensor without axes is a scalar. */
export function shapeText(shape: readonly number[]): string {
  return shape.length ? `[${shape.join(", ")}]` : "scalar";
}

/** The place of an element, counted row by row, in a tensor of this shape: "[1, 0]". */
export function placeOf(element: number, shape: readonly number[]): string {
  const place: number[] = [];
  for (const length of [...shape].reverse()) {
    place.unshift(element % length);
    element = Math.floor(element / length);
  }
  return place.length ? `[${place.join(", ")}]` : "";
}

/** Microseconds in the unit that suits them. */
export function time(us: number): string {
  const [size, unit] = us >= 1e6 ? [us / 1e6, "s"] : us >= 1e3 ? [us / 1e3, "ms"] : [us, "µs"];
  return `${Number(size.toPrecision(3))} ${unit}`;
}

/** A count with thousands set apart. */
export function count(size: number): string {
  return size.toLocaleString("en");
}

export function plural(size: number, one: string): string {
  return `${count(size)} ${one}${size === 1 ? "" : "s"}`;
}

/** Text cut to at most `length` characters. */
export function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** The same from its end, where paths differ. */
export function clipStart(text: string, length: number): string {
  return text.length > length ? `…${text.slice(1 - length)}` : text;
}
