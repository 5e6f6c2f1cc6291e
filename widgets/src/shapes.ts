/** How one node looks: its outline by kind, its texts, and the room they take. */

import { s } from "./dom";
import { clip, clipStart, count, glance, plural, shapeText } from "./format";
import type { Scene } from "./project";
import type { Groups } from "./groups";
import { max } from "./lists";
import { spentBy } from "./spent";
import type { NodeKind, Trace } from "./trace";

export type BoxKind = NodeKind | "module" | "function" | "fold";

export const HEIGHT = 42;
const TITLE = "600 13px system-ui, sans-serif";
const TAG = "500 11.5px ui-monospace, monospace";
const SMALL = "11px system-ui, sans-serif";
/** The room for a value that changes, so that a box need not. */
const LIVE_ROOM = "-0.0000, -0.0000";

/** The words on a box and the width they need. */
export interface Label {
  readonly kind: BoxKind;
  readonly title: string;
  readonly tag: string;
  readonly note: string;
  readonly width: number;
  /** The share of the whole time, where a profile tells. */
  readonly heat: number | null;
}

/** The label of a box; `notes` are longer texts that may later stand in its second line. */
export function labelOf(
  trace: Trace,
  groups: Groups,
  scene: Scene,
  box: number,
  notes: string[] = [],
  aside = "",
): Label {
  const { nodes } = trace;
  const node = scene.nodeOf[box]!;
  const group = scene.group[box]!;
  const isGroup = group >= 0;
  const kind = isGroup ? boxKind(groups, group) : nodes.kind[node]!;
  const title = isGroup
    ? clipStart(groups.name[group]!, 26)
    : clip(nodes.title[node]! || nodes.op[node]! || "?", 26);
  const tag = isGroup ? timesText(groups, group) : nameOf(nodes, node);
  const timed = trace.times?.node.filter((one) => scene.boxOf[one] === box) ?? [];
  const spent = spentBy(trace, timed);
  const size = isGroup ? plural(scene.size[box]!, "node") : noteOf(trace, node) + aside;
  const note = spent?.text ?? size;
  const first = lineWidths(title, tag);
  const room = trace.parts && !isGroup ? [LIVE_ROOM] : notes;
  const second = max(...[note, ...room].map((text) => textWidth(text, SMALL)));
  const width = max(76, max(first.total, second) + (kind === "accumulate" ? 44 : isGroup ? 48 : 32));
  const heat = spent && spent.share;
  return { kind, title, tag, note: clip(note, 40), width: Math.ceil(width), heat };
}

export function boxKind({ kind }: Groups, group: number): "module" | "function" | "fold" {
  const own = kind[group]!;
  return own === "turn" ? "fold" : own;
}

/** "×12" for what repeats. */
export function timesText({ times }: Groups, group: number): string {
  return times[group]! > 1 ? `×${count(times[group]!)}` : "";
}

/** Its shape; while a graph is live, its value, which is what changes. */
function noteOf({ nodes, values, parts }: Trace, node: number): string {
  const value = nodes.value[node]!;
  return parts && value !== null ? clip(glance(values, value), 20) : shapeText(nodes.shape[node]!);
}

function nameOf({ kind, name }: Trace["nodes"], node: number): string {
  return kind[node] === "leaf" || kind[node] === "accumulate" ? "" : clip(name[node]!, 18);
}

/** The outline alone: for a node, and for the legend. */
export function outline(kind: BoxKind, width: number, height = HEIGHT): SVGElement[] {
  const [x, y] = [width / 2, height / 2];
  const rect = (radius: number, inset = 0, className = "gl-shape") =>
    s("rect", {
      class: className,
      x: inset - x,
      y: inset - y,
      width: width - 2 * inset,
      height: height - 2 * inset,
      rx: radius,
    });
  switch (kind) {
    case "leaf":
      return [rect(y)];
    case "op":
      return [rect(height / 5)];
    case "root":
      return [rect(3), rect(1, height / 12, "gl-inner")];
    case "accumulate": {
      const cut = height / 3.4;
      const points = [-x + cut, -y, x - cut, -y, x, 0, x - cut, y, -x + cut, y, -x, 0];
      return [s("polygon.gl-shape", { points: points.join(" ") })];
    }
    case "module":
      return [rect(height / 8), rect(height / 12, height / 12, "gl-inner")];
    case "function":
      return [rect(height / 8), s("path.gl-inner", { d: sides(x, y, height / 7) })];
    case "fold": {
      const away = height / 10;
      return [2, 1, 0].map((step) => {
        const card = rect(height / 8);
        card.setAttribute("transform", `translate(${step * away} ${step * away})`);
        return card;
      });
    }
  }
}

function sides(x: number, y: number, inset: number): string {
  return `M${inset - x} ${-y}v${2 * y}M${x - inset} ${-y}v${2 * y}`;
}

/** A node's group, centred on its own origin. */
export function drawNode(label: Label, node: number): SVGElement {
  const { kind, title, tag, note, width, heat } = label;
  const isGroup = kind === "module" || kind === "function" || kind === "fold";
  const { start, tagStart, tagWidth } = lineWidths(title, tag);
  return s(
    "g",
    {
      class: `gl-node gl-${kind}`,
      style: heat === null ? null : `--fill: ${heatFill(heat)}`,
      "data-gl": "node",
      "data-gl-node": node,
    },
    ...outline(kind, width),
    s("text.gl-title", { x: start, y: -3 }, title),
    tag && s("rect.gl-tag", { x: tagStart, y: -16, width: tagWidth, height: 18, rx: 5 }),
    tag && s("text.gl-tag-text", { x: tagStart + tagWidth / 2, y: -3 }, tag),
    s("text.gl-note", { x: 0, y: 14 }, note),
    isGroup && s("path.gl-plus", { d: `M${width / 2 - 18} 11h8m-4 -4v8` }),
    s("text.gl-stop", { x: -width / 2, y: 5 - HEIGHT / 2 }, "■"),
    s("path.gl-pointer", { d: `M${-width / 2 - 15} -7l9 7l-9 7z` }),
    s(
      "g.gl-tick",
      { transform: `translate(${width / 2 - 3} ${3 - HEIGHT / 2})` },
      s("circle", { r: 7.5 }),
      s("path", { d: "M-3.4 0.2L-1 2.7L3.4 -2.3" }),
    ),
  );
}

/** The longer, the warmer; small shares differ visibly, too. */
export function heatFill(share: number): string {
  return `color-mix(in srgb, var(--now) ${Math.round(55 * Math.sqrt(share))}%, var(--bg))`;
}

function lineWidths(title: string, tag: string) {
  const titleWidth = textWidth(title, TITLE);
  const tagWidth = tag ? textWidth(tag, TAG) + 12 : 0;
  const total = titleWidth + (tag ? tagWidth + 8 : 0);
  return { total, start: -total / 2, tagStart: total / 2 - tagWidth, tagWidth };
}

const measured = new Map<string, number>();
let pen: CanvasRenderingContext2D | null = null;

export function textWidth(text: string, font: string = SMALL): number {
  const key = `${font}|${text}`;
  const known = measured.get(key);
  if (known !== undefined) return known;
  pen ??= document.createElement("canvas").getContext("2d")!;
  pen.font = font;
  const width = pen.measureText(text).width;
  if (measured.size > 50_000) measured.clear();
  measured.set(key, width);
  return width;
}
