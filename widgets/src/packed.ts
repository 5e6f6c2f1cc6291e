/**
 * Unpacks columns: what is long in a trace comes as codes of few bits and as raw numbers
 * (docs/trace.md), and is made the lists again that trace.ts checks and all else reads.
 */

import { type Bag, type Element, isBag, Misfit } from "./payload";
import type { Trace } from "./trace";

/** Rows up to which a column is believed. */
const MOST = 2e6;
/** Elements of a value that a sentence may have in it. */
const NEAR = 12;
/** U+E800 + i stands in a text where number i goes. */
const MARKS = /[\ue800-\uefff]/g;

type Cells = readonly unknown[];

/** `payload` with lists in the place of all that is packed; raises Misfit where that is broken. */
export function unpacked(payload: Bag): Bag {
  if (payload.schema === 1) return payload; // in which nothing was packed
  try {
    const trace: any = opened(payload);
    const { texts, values, numbers } = trace.math ?? {};
    if (texts) {
      if (values?.length !== texts.length) throw "math.values does not fit math.texts";
      trace.math = texts;
      trace.numbers = { values, rest: raw(numbers, Float32Array) };
    }
    return trace;
  } catch (problem) {
    throw new Misfit(`a packed column cannot be read (${problem})`);
  }
}

/** `trace`, whose sentences and formulas get their numbers when somebody looks at them. */
export function filled<Read extends Trace>(trace: Read): Read {
  if (trace.schema === 1) return trace;
  const { nodes, steps, values, math, numbers } = trace as any;
  return {
    ...trace,
    steps: { ...steps, words: lazily(steps.words, sentence) },
    math: numbers ? formulas() : math,
  };

  /** The numbers of a sentence are those of the values that its step has to do with. */
  function sentence(words: string, step: number): string {
    const node = steps.node[step];
    const near = [steps.incoming[step], steps.outgoing[step], steps.before[step], steps.after[step]]
      .concat(nodes.value[node], nodes.saved[node].map((saved: Cells) => saved[1]))
      .flat()
      .flatMap((row) => values.data[row]?.slice(0, NEAR) ?? []);
    return words.replace(MARKS, (mark) => fourDigits(near[mark.charCodeAt(0) - 0xe800]!));
  }

  /** The numbers of a formula are the first of a value, or the next among those that are given. */
  function formulas(): string[] {
    let given = 0;
    const starts = math.map((text: string, row: number) => {
      const start = given;
      if (numbers.values[row] === null) given += text.split("\ue800").length - 1;
      return start;
    });
    return lazily(math, (text, row) => {
      const whose = numbers.values[row];
      let at = whose === null ? starts[row] : 0;
      const from = values.data[whose] ?? numbers.rest;
      return text.replace(MARKS, () => fourDigits(from[at++]));
    });
  }
}

/** A list of texts that are finished one by one. */
function lazily(texts: string[], finish: (text: string, row: number) => string): string[] {
  return new Proxy(texts, {
    get: (all: any, at) => (typeof all[at] === "string" ? finish(all[at], +(at as string)) : all[at]),
  });
}

function opened(part: unknown): unknown {
  if (!isBag(part)) return part;
  if ("codes" in part) return column(part);
  const open: any = Object.fromEntries(
    Object.entries(part).map(([name, inner]) => [name, opened(inner)]),
  );
  if ("lengths" in open) return cutter(open.flat)(open.lengths);
  if ("first" in open) return open.first.map((cell: unknown, at: number) => [cell, open.second[at]]);
  return "kept" in open ? values(open) : open;
}

/** Codes for cells, for short numbers, or for differences between whole ones, with -1 as null. */
function column({ codes, rows, bits, cells, sums, digits }: any): Cells {
  const table = cells ?? sums;
  bits ??= digits ? 24 : 32 - Math.clz32(table.length - 1);
  if (!(rows <= MOST && bits <= 24)) throw `${rows} rows of ${bits} bits`;
  const bytes = atob(codes);
  let [at, held, have, sum] = [0, 0, 0, 0];
  return Array.from({ length: rows }, () => {
    for (; have < bits; have += 8) held |= bytes.charCodeAt(at++) << have;
    const code = held & ((1 << bits) - 1);
    held >>>= bits;
    have -= bits;
    if (cells) return cells[code];
    if (digits) return short(code);
    sum += sums ? sums[code] : (code >>> 1) ^ -(code & 1);
    return sum < 0 ? null : sum;
  });
}

/** A number of four digits: 10,000 codes for each power of ten; the highest bit is its sign. */
function short(code: number): Element {
  const place = code & 0x7fffff;
  const size = place < 7e6 ? +`${place % 1e4}e${((place / 1e4) | 0) - 330}` : place & 1 ? NaN : 1 / 0;
  return written(code >> 23 ? -size : size);
}

/** Cuts a list into pieces of these lengths, going on where the last call ended. */
function cutter(list: Cells): (lengths: readonly number[]) => Cells[] {
  let at = 0;
  return (lengths) => lengths.map((length) => list.slice(at, (at += length)));
}

function raw(text: string, kind: typeof Float32Array | typeof Float64Array): number[] {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
  return Array.from(new kind(bytes.buffer));
}

/** Values give up their numbers from four streams; statistics of what is whole follow from it. */
function values({ kept, in: places, d4, f4, f8, cells, ...known }: any): Bag {
  const streams: Record<string, ReturnType<typeof cutter>> = {
    d4: cutter(d4 ?? []), // schema 2 had none
    f4: cutter(raw(f4, Float32Array).map(shortest)),
    f8: cutter(raw(f8, Float64Array).map(written)),
    cells: cutter(cells),
  };
  const rows = places.map((place: string, row: number) => {
    const next = streams[place]!;
    const [data] = next([kept[row]]);
    const isWhole = place !== "cells" && kept[row] === known.size[row];
    const isSingle = !/^float(16|64)$/.test(known.dtype[row]);
    return [data, ...(isWhole ? statistics(data as Element[], isSingle) : next([4])[0]!)];
  });
  ["data", "min", "max", "mean", "norm"].forEach((name, at) => {
    known[name] = rows.map((row: Cells) => row[at]);
  });
  return known;
}

function statistics(data: readonly Element[], isSingle: boolean): Cells {
  const real = data
    .map((cell) => (typeof cell === "string" ? +cell.replace("inf", "Infinity") : cell))
    .filter((x) => x === x);
  const mean = real.reduce((sum, x) => sum + x / real.length, 0);
  const found = [Math.min(...real), Math.max(...real), mean, Math.hypot(...real)];
  return found.map((x, at) => {
    if (!real.length) return data.length ? "nan" : null;
    const single = Math.fround(x);
    if (at < 2) return written(x);
    return isSingle && single - single === 0 ? shortest(single) : written(+x.toPrecision(10));
  });
}

/** A number, or text where it is not finite. */
function written(x: number): Element {
  return Number.isFinite(x) ? x : `${x}`.replace("inity", "").toLowerCase();
}

/** Powers of ten, all of which are exact. */
const TENS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** A number of float32 with the digits that tell it from others, and no more. */
function shortest(x: number): Element {
  const power = Math.floor(Math.log10(Math.abs(x)));
  const isPlain = Math.abs(power) < 13; // as of most: rounding by hand is ten times as fast
  for (let digits = 6; digits < 10; digits++) {
    const up = TENS[digits - 1 - power];
    const down = TENS[power + 1 - digits]!;
    const byHand = () => (up ? Math.round(x * up) / up : Math.round(x / down) * down);
    const short = isPlain ? byHand() : x && +x.toPrecision(digits);
    if (Math.fround(short) === x) return written(short);
  }
  return written(x);
}

/** A number with four digits, as Python's number_text writes it. */
function fourDigits(x: Element): string {
  let text = `${x}`;
  if (typeof x === "number" && x) {
    const [digits, power] = x.toExponential(3).split("e");
    text =
      +power! > -5 && +power! < 4
        ? `${+x.toPrecision(4)}`
        : `${+digits!}e${power!.replace(/\b\d$/, "0$&")}`;
  }
  return text.replace(/^-/, "−");
}
