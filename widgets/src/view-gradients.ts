/** The `gradients` face: each layer's gradient over training, and at one step its elements' sizes. */

import type { Gradients } from "./chart-data";
import { h, hasModifier, mark, s, write } from "./dom";
import type { Face } from "./door";
import { clipStart, count, short } from "./format";
import { type Model, observe, put } from "./model";
import {
  acrossOf,
  axes,
  logarithmic,
  makePane,
  nearest,
  pathOf,
  powerOfTen,
  type Sheet,
  steppedTo,
} from "./sheet";
import { createTip } from "./tip";
import { foldedTable, toNumber } from "./twin";

const EDGES = { left: 58, right: 16, top: 12, bottom: 42 };
const HEIGHT = 280;
/** Below and above these sizes of a gradient, training stops or breaks. */
const VANISHED = 1e-6;
const EXPLODED = 1e3;
const BARS = { width: 320, height: 26 };

export function gradientsFace(model: Model, data: Gradients, signal: AbortSignal): Face {
  const norms = data.norms.map((row) => row.map(toNumber));
  const last = data.steps.length - 1;
  const moving = s("g");
  const curves = data.names.map((_, layer) =>
    s("path.gl-curve.gl-layer", { style: shade(layer, data), "data-gl": "line" }),
  );
  const place = h("output.gl-position", { "data-gl": "position" });
  const rows = data.names.map((_, layer) => rowOf(data, layer));
  const tip = createTip();
  const scale = rangeOf(data);
  let chosen: number | null = null;
  let sheet: Sheet;

  const attributes = {
    role: "slider",
    "aria-label": "Norms of gradients. Left and right choose a step, up and down a layer.",
    "aria-valuemin": 0,
    "aria-valuemax": Math.max(last, 0),
  };
  const { frame, repaint, placeOf } = makePane("norms", attributes, paint, signal);
  frame.append(tip.element);

  /** Before anybody chose, the last step is. */
  function step(): number {
    const position = model.get("position");
    return position < 0 ? last : Math.min(position, last);
  }

  function paint(width: number) {
    const along = logarithmic(norms.flat(), HEIGHT - EDGES.bottom, EDGES.top);
    const across = acrossOf(data.steps, width, EDGES);
    sheet = { width, height: HEIGHT, edges: EDGES, across, along };
    norms.forEach((row, layer) => {
      const points = row.map((norm, at) => [across.px(data.steps[at]!), along.px(norm)] as const);
      mark(curves[layer]!, "d", pathOf(points));
    });
    show();
    const label = "norm of the gradient";
    return {
      height: HEIGHT,
      parts: [...areas(sheet), ...axes(sheet, "step", label), ...curves, moving, ...areaNames(sheet)],
    };
  }

  function show(): void {
    const at = step();
    if (at < 0) return write(place, "no steps yet");
    const left = sheet.across.px(data.steps[at]!);
    moving.replaceChildren(
      s("path.gl-guide.gl-chosen-step", { d: `M${left} ${EDGES.top}V${HEIGHT - EDGES.bottom}` }),
      ...norms.flatMap((row, layer) => {
        const top = sheet.along.px(row[at]!);
        if (!Number.isFinite(top)) return [];
        const isFaint = chosen !== null && chosen !== layer;
        const style = shade(layer, data);
        return [s("circle", { class: `gl-dot-on gl-layer${isFaint ? " gl-faint" : ""}`, style, cx: left, cy: top, r: 4 })];
      }),
    );
    curves.forEach((curve, layer) => {
      curve.classList.toggle("gl-faint", chosen !== null && chosen !== layer);
      curve.classList.toggle("gl-strong", chosen === layer);
    });
    rows.forEach((row, layer) => {
      row.classList.toggle("gl-chosen", chosen === layer);
      fillRow(row, data, layer, at, scale);
    });
    write(place, `step ${count(data.steps[at]!)} of ${count(data.steps[last]!)}`);
    mark(frame, "aria-valuenow", `${at}`);
    mark(frame, "aria-valuetext", spoken(at));
  }

  /** All layers are too many to hear: the one chosen, or the smallest and the largest. */
  function spoken(at: number): string {
    const told = (layer: number) => `${data.names[layer]} ${short(data.norms[layer]![at]!)}`;
    const order = [...norms.keys()].filter((layer) => norms[layer]![at]! >= 0);
    order.sort((one, other) => norms[one]![at]! - norms[other]![at]!);
    const heard = chosen !== null ? [chosen] : [...new Set([order[0], order.at(-1)])];
    const words = heard.flatMap((layer) => (layer === undefined ? [] : [told(layer)]));
    return [`step ${data.steps[at]}`, ...words].join(", ");
  }

  function choose(layer: number | null): void {
    chosen = layer;
    show();
  }

  frame.addEventListener("pointermove", (event) => {
    const [x, y] = placeOf(event);
    const at = nearest(data.steps, sheet.across.value(x));
    if (at < 0) return;
    const tops = norms.map((row) => sheet.along.px(row[at]!));
    const layer = nearest(tops, y);
    const isNear = layer >= 0 && Math.abs(tops[layer]! - y) < 40;
    choose(isNear ? layer : null);
    const lines = isNear
      ? [`norm ${short(data.norms[layer]![at]!)}`, `${count(data.sizes[layer]!)} elements`]
      : ["press to choose this step"];
    const room = { width: frame.clientWidth, height: frame.clientHeight };
    const title = isNear ? `${data.names[layer]}, step ${data.steps[at]}` : `step ${data.steps[at]}`;
    const { left, top } = frame.getBoundingClientRect();
    tip.show(title, lines, event.clientX - left, event.clientY - top, room);
  });
  frame.addEventListener("pointerleave", () => {
    tip.hide();
    choose(null);
  });
  frame.addEventListener("click", (event) => {
    const at = nearest(data.steps, sheet.across.value(placeOf(event)[0]));
    if (at >= 0) put(model, "position", at);
  });
  frame.addEventListener("keydown", (event) => {
    if (hasModifier(event) || last < 0) return;
    const up = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const to = steppedTo(event.key, step(), last + 1);
    if (up === undefined && to === undefined && event.key !== "Escape") return;
    event.preventDefault();
    if (to !== undefined) put(model, "position", to);
    else if (event.key === "Escape") choose(null);
    else choose(neighbour(up!));
  });

  function neighbour(way: number): number {
    const all = data.names.length;
    return chosen === null ? (way > 0 ? 0 : all - 1) : (chosen + way + all) % all;
  }

  rows.forEach((row, layer) => {
    row.addEventListener("pointerenter", () => choose(layer));
    row.addEventListener("pointerleave", () => choose(null));
  });
  observe(model, "position", signal, show);
  repaint();
  const element = h(
    "div.gl-face.gl-plot-face",
    { "data-gl-view": "gradients" },
    h("div.gl-plot-head", h("strong", { "data-gl": "verdict" }, data.title), place),
    frame,
    h("h4", "Sizes of the gradients' elements at this step, from the input to the output"),
    h(
      "div.gl-layers",
      { role: "region", tabindex: 0, "aria-label": "Layers" },
      ...rows,
      rulerOf(scale),
    ),
    data.note && h("p.gl-note-line", { "data-gl": "note" }, data.note),
    foldedTable("Table of norms", ["step", ...data.names], () =>
      data.steps.map((number, at) => [`${number}`, ...data.norms.map((row) => row[at]!)]),
    ),
  );
  return { element };
}

/** Layers near the input and near the output differ in colour. */
function shade(layer: number, { names }: Gradients): string {
  return `--gl-share: ${(names.length > 1 ? layer / (names.length - 1) : 0).toFixed(3)}`;
}

/** Where gradients have vanished and where they explode: from one height to another, and its name. */
function zones({ edges, along, height }: Sheet): { top: number; end: number; name: string; y: number }[] {
  const { low, high } = along.axis;
  const bottom = height - edges.bottom;
  const top = Math.max(along.px(VANISHED), edges.top);
  const end = Math.min(along.px(EXPLODED), bottom);
  return [
    ...(low < VANISHED ? [{ top, end: bottom, name: "vanishing", y: bottom - 6 }] : []),
    ...(high > EXPLODED ? [{ top: edges.top, end, name: "exploding", y: edges.top + 13 }] : []),
  ];
}

function areas(sheet: Sheet): SVGElement[] {
  const { left, right } = sheet.edges;
  const width = sheet.width - left - right;
  return zones(sheet).map(({ top, end }) =>
    s("rect.gl-zone", { x: left, y: top, width, height: Math.max(0, end - top) }),
  );
}

/** They lie over the curves, which would cross them out. */
function areaNames(sheet: Sheet): SVGElement[] {
  return zones(sheet).map(({ name, y }) =>
    s("text.gl-zone-text", { x: sheet.edges.left + 6, y }, name),
  );
}

// Histograms ------------------------------------------------------------------------------------

/** The bins that any histogram fills: `from` up to before `to`. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly bins: Gradients["bins"];
}

function rangeOf({ histograms, bins }: Gradients): Range {
  let [from, to] = [bins.count, 0];
  for (const [first, ...counts] of histograms.flat()) {
    if (!counts.length) continue;
    from = Math.min(from, first!);
    to = Math.max(to, first! + counts.length);
  }
  return from < to ? { from: Math.max(0, from - 1), to: Math.min(bins.count, to + 1), bins } : { from: 0, to: bins.count, bins };
}

function rowOf(data: Gradients, layer: number): HTMLElement {
  const swatch = s(
    "svg",
    { viewBox: "-9 -6 18 12", "aria-hidden": "true" },
    s("path.gl-curve.gl-layer", { style: shade(layer, data), d: "M-8 0H8" }),
  );
  return h(
    "div.gl-layer-row",
    { "data-gl": "layer" },
    swatch,
    h("span.gl-layer-name", { title: data.names[layer]! }, clipStart(data.names[layer]!, 26)),
    s("svg.gl-histogram", { preserveAspectRatio: "none", viewBox: `0 0 ${BARS.width} ${BARS.height}`, role: "img" }),
    h("output.gl-norm"),
  );
}

function fillRow(row: HTMLElement, data: Gradients, layer: number, at: number, range: Range): void {
  const [first, ...counts] = data.histograms[layer]![at]!;
  const most = Math.max(1, ...counts);
  const wide = BARS.width / (range.to - range.from);
  const picture = row.querySelector(".gl-histogram")!;
  const bars = counts.flatMap((number, bin) => {
    if (!number) return [];
    const high = Math.max(1.5, (number / most) * (BARS.height - 2));
    const x = (first! + bin - range.from) * wide;
    return [s("rect", { x, y: BARS.height - high, width: Math.max(wide - 0.6, 0.6), height: high })];
  });
  picture.setAttribute("style", shade(layer, data));
  picture.replaceChildren(s("path.gl-rule", { d: `M0 ${BARS.height - 0.5}H${BARS.width}` }), ...bars);
  mark(picture, "aria-label", saidOf(first!, counts, range));
  const norm = data.norms[layer]![at]!;
  const output = row.querySelector("output")!;
  write(output, norm === "nan" ? "no gradient" : short(norm));
  mark(output, "data-value", `${norm}`);
  const size = toNumber(norm);
  output.classList.toggle("gl-odd", size > EXPLODED || size < VANISHED || norm === "inf");
}

function saidOf(first: number, counts: readonly number[], { bins }: Range): string {
  if (!counts.length) return "no elements";
  const all = counts.reduce((sum, number) => sum + number, 0);
  const power = (bin: number) => bins.low + ((bins.high - bins.low) * bin) / bins.count;
  const [low, high] = [power(first), power(first + counts.length)].map((one) => one.toFixed(1));
  return `${count(all)} elements between 10^${low} and 10^${high}`;
}

/** Powers of ten below the histograms. */
function rulerOf({ from, to, bins }: Range): HTMLElement {
  const per = (bins.high - bins.low) / bins.count;
  const [low, high] = [bins.low + from * per, bins.low + to * per];
  const every = Math.max(1, Math.ceil((high - low) / 6));
  const labels = [];
  for (let power = Math.ceil(low); power <= high; power++) {
    if (power % every) continue;
    const left = ((power - low) / (high - low)) * 100;
    labels.push(h("span", { style: `left: ${left.toFixed(1)}%` }, powerOfTen(power)));
  }
  return h("div.gl-ruler", { "aria-hidden": "true" }, h("div", ...labels));
}
