/** How one node looks: its outline by kind, its texts, and the room they take. */

import { s } from "./dom";
import { clip, plural, shapeText } from "./format";
import type { Scene } from "./project";
import type { NodeKind, Trace } from "./trace";

export type BoxKind = NodeKind | "module";

export const HEIGHT = 42;
const TITLE = "600 13px system-ui, sans-serif";
const TAG = "500 11.5px ui-monospace, monospace";
const SMALL = "11px system-ui, sans-serif";

/** The words on a box and the width they need. */
export interface Label {
  readonly kind: BoxKind;
  readonly title: string;
  readonly tag: string;
  readonly note: string;
  readonly width: number;
}

/** The label of a box; `notes` are longer texts that may later stand in its second line. */
export function labelOf(trace: Trace, scene: Scene, box: number, notes: string[] = []): Label {
  const { nodes } = trace;
  const node = scene.nodeOf[box]!;
  const path = scene.module[box]!;
  const kind = path ? "module" : nodes.kind[node]!;
  const title = clip(path || nodes.title[node]! || nodes.op[node]! || "?", 26);
  const name = path || kind === "leaf" || kind === "accumulate" ? "" : nodes.name[node]!;
  const tag = clip(name, 18);
  const note = path ? plural(scene.size[box]!, "node") : shapeText(nodes.shape[node]!);
  const first = lineWidths(title, tag);
  const second = Math.max(...[note, ...notes].map((text) => textWidth(text, SMALL)));
  const width = Math.max(76, Math.max(first.total, second) + (kind === "accumulate" ? 44 : 32));
  return { kind, title, tag, note: clip(note, 40), width: Math.ceil(width) };
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
      return [s("polygon", { class: "gl-shape", points: points.join(" ") })];
    }
    case "module": {
      const behind = rect(height / 8, 0, "gl-shape");
      const away = height / 9;
      behind.setAttribute("transform", `translate(${away} ${-away})`);
      return [behind, rect(height / 8)];
    }
  }
}

/** A node's group, centred on its own origin. */
export function drawNode({ kind, title, tag, note, width }: Label, node: number): SVGElement {
  const { start, tagStart, tagWidth } = lineWidths(title, tag);
  return s(
    "g",
    { class: `gl-node gl-${kind}`, "data-gl": "node", "data-gl-node": node },
    ...outline(kind, width),
    s("text", { class: "gl-title", x: start, y: -3 }, title),
    tag && s("rect", { class: "gl-tag", x: tagStart, y: -16, width: tagWidth, height: 18, rx: 5 }),
    tag && s("text", { class: "gl-tag-text", x: tagStart + tagWidth / 2, y: -3 }, tag),
    s("text", { class: "gl-note", x: 0, y: 14 }, note),
    s("path", { class: "gl-pointer", d: `M${-width / 2 - 15} -7l9 7l-9 7z` }),
    s(
      "g",
      { class: "gl-tick", transform: `translate(${width / 2 - 3} ${3 - HEIGHT / 2})` },
      s("circle", { r: 7.5 }),
      s("path", { d: "M-3.4 0.2L-1 2.7L3.4 -2.3" }),
    ),
  );
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
