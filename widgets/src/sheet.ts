/** A sheet to draw a chart on: scales from numbers to pixels, axes, and the frame around them. */

import { h, mark, s } from "./dom";
import { short } from "./format";
import { type Axis, axis } from "./ticks";

export interface Scale {
  readonly axis: Axis;
  readonly px: (value: number) => number;
  readonly value: (px: number) => number;
}

export interface Edges {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Sheet {
  readonly width: number;
  readonly height: number;
  readonly edges: Edges;
  readonly across: Scale;
  readonly along: Scale;
}

/** A scale from the axis's ends to two pixels; in halves, for a difference may not be finite. */
export function linear(along: Axis, from: number, to: number): Scale {
  const half = along.high / 2 - along.low / 2;
  return {
    axis: along,
    px: (value) => from + ((value / 2 - along.low / 2) / half) * (to - from),
    value: (px) => along.low + ((px - from) / (to - from)) * 2 * half,
  };
}

/** A scale of powers of ten that holds all positive numbers given. */
export function logarithmic(numbers: Iterable<number>, from: number, to: number): Scale {
  let [low, high] = [Infinity, -Infinity];
  for (const number of numbers) {
    if (!(number > 0) || number === Infinity) continue;
    low = Math.min(low, Math.log10(number));
    high = Math.max(high, Math.log10(number));
  }
  if (low > high) [low, high] = [-1, 1];
  const room = Math.max(0.15, (high - low) * 0.06);
  [low, high] = [low - room, high + room];
  const most = Math.max(2, Math.abs(to - from) / 34);
  const step = Math.max(1, Math.ceil((high - low) / most));
  const between = high - low < 2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(low / step) * step; power <= high; power += step) {
    for (const times of between) {
      const at = times * 10 ** power;
      if (at < 10 ** low || at > 10 ** high) continue;
      ticks.push({ at, text: times === 1 ? powerOfTen(power) : short(at, "float32", 1) });
    }
  }
  return {
    axis: { low: 10 ** low, high: 10 ** high, ticks },
    px: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    value: (px) => 10 ** (low + ((px - from) / (to - from)) * (high - low)),
  };
}

/** Small powers of ten in full, others as 10⁻⁷. */
export function powerOfTen(power: number): string {
  if (Math.abs(power) <= 2) return `${Number((10 ** power).toPrecision(1))}`;
  const digits = [...`${Math.abs(power)}`].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]);
  return `10${power < 0 ? "⁻" : ""}${digits.join("")}`;
}

/** A horizontal axis for `numbers`, from edge to edge. */
export function acrossOf(numbers: Iterable<number>, width: number, edges: Edges): Scale {
  const wanted = Math.max(3, Math.min(9, Math.floor(width / 80)));
  return linear(axis(numbers, wanted), edges.left, width - edges.right);
}

/** Ticks and labels of both axes, and rules across the sheet; not over a `covered` one. */
export function axes(
  { width, height, edges, across, along }: Sheet,
  label: string,
  upLabel = "",
  covered = false,
): SVGElement[] {
  const bottom = height - edges.bottom;
  const right = width - edges.right;
  const line = (d: string, isZero: boolean) =>
    s("path", { class: isZero ? "gl-zero" : "gl-rule", d });
  const middle = (edges.top + bottom) / 2;
  return [
    ...along.axis.ticks.flatMap(({ at, text }) => [
      covered
        ? line(`M${edges.left} ${along.px(at)}h-5`, false)
        : line(`M${edges.left} ${along.px(at)}H${right}`, at === 0),
      s("text.gl-end", { x: edges.left - 8, y: along.px(at) + 4 }, text),
    ]),
    ...across.axis.ticks.flatMap(({ at, text }) => [
      line(`M${across.px(at)} ${bottom}v5`, false),
      s("text", { x: across.px(at), y: bottom + 18 }, text),
    ]),
    s("text.gl-axis", { x: (edges.left + right) / 2, y: height - 6 }, label),
    ...(upLabel
      ? [
          s(
            "text.gl-axis",
            { transform: `translate(13 ${middle}) rotate(-90)` },
            upLabel,
          ),
        ]
      : []),
  ];
}

export interface Pane {
  readonly frame: HTMLElement;
  /** Draws anew, for what is drawn has changed. */
  readonly repaint: () => void;
  /** Where an event happened, in the drawing's own pixels. */
  readonly placeOf: (event: MouseEvent) => readonly [x: number, y: number];
}

/**
 * A drawing that is as wide as its place, and takes the focus. `paint` draws it for a width and says
 * how high it is; it is asked again whenever the width changes,
 * and first by the caller's `repaint`.
 */
export function makePane(
  handle: string,
  attributes: Record<string, string | number>,
  paint: (width: number) => { height: number; parts: readonly SVGElement[] },
  signal: AbortSignal,
): Pane {
  const svg = s("svg.gl-plot", { "data-gl": handle });
  const frame = h(
    "div.gl-plot-frame",
    { tabindex: 0, "data-gl": `${handle}-frame`, ...attributes },
    svg,
  );
  let drawn = 640;

  function draw(width: number): void {
    drawn = width;
    const { height, parts } = paint(width);
    mark(svg, "viewBox", `0 0 ${width} ${height}`);
    mark(svg, "style", `height: ${height}px`);
    svg.replaceChildren(...parts);
  }

  function placeOf({ clientX, clientY }: MouseEvent): readonly [number, number] {
    const { left, top, width } = svg.getBoundingClientRect();
    const scale = width ? drawn / width : 1;
    return [(clientX - left) * scale, (clientY - top) * scale];
  }

  const resized = new ResizeObserver(([entry]) => {
    const width = Math.round(entry!.contentRect.width);
    if (width && width !== drawn) draw(width);
  });
  resized.observe(frame);
  signal.addEventListener("abort", () => resized.disconnect());
  return { frame, repaint: () => draw(drawn), placeOf };
}

/** What a key means to a row of `size` places: where to go from `at`; undefined if nothing. */
export function steppedTo(key: string, at: number, size: number): number | undefined {
  const page = Math.max(1, Math.round(size / 10));
  const to = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    Home: 0,
    End: size - 1,
    PageDown: at - page,
    PageUp: at + page,
  }[key];
  return to === undefined ? undefined : Math.min(Math.max(to, 0), size - 1);
}

/** The index of the number nearest to `wanted`; -1 where there is none. */
export function nearest(numbers: readonly number[], wanted: number): number {
  let best = -1;
  let least = Infinity;
  numbers.forEach((number, at) => {
    const distance = Math.abs(number - wanted);
    if (distance < least) [best, least] = [at, distance];
  });
  return best;
}

/** A path through points, with a gap where a number is none. */
export function pathOf(points: Iterable<readonly [x: number, y: number]>): string {
  let d = "";
  let isDown = false;
  for (const [x, y] of points) {
    const isKnown = Number.isFinite(x) && Number.isFinite(y);
    if (isKnown) d += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = isKnown;
  }
  return d;
}
