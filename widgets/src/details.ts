/** The details of one node: everything the trace knows of it. */

import { h, iconButton, textButton } from "./dom";
import { shapeText } from "./format";
import { formulaBox } from "./mathml";
import type { BoxKind } from "./shapes";
import { spentBy } from "./spent";
import type { Trace } from "./trace";
import { valueView } from "./value";

export const KINDS: Record<BoxKind, string> = {
  leaf: "input",
  op: "operation",
  accumulate: "adds to .grad",
  root: "result",
  module: "module",
  function: "function",
  fold: "repeated",
};

/** A group around a node: what it is, and whether it is drawn opened. */
export interface GroupState {
  readonly key: string;
  readonly kind: BoxKind;
  readonly title: string;
  readonly isOpen: boolean;
}

export interface DetailsActions {
  readonly close: () => void;
  readonly buttons: readonly HTMLElement[];
  readonly groups: readonly GroupState[];
  readonly toggleGroup: (key: string) => void;
}

export function details(trace: Trace, node: number, actions: DetailsActions): HTMLElement {
  const { nodes, math, sources } = trace;
  const written = nodes.formula[node]!;
  const value = nodes.value[node]!;
  const source = nodes.source[node]!;
  const cross = "M4 4l8 8M12 4l-8 8";
  const close = iconButton("close-details", "Close details", cross, actions.close);
  return h(
    "section.gl-details",
    { "data-gl": "details", "data-gl-node": node, "aria-label": "Details" },
    h("header.gl-heading", ...heading(trace, node), close),
    written !== null && formulaBox(math[written]!),
    actions.buttons.length > 0 && h("div.gl-row", ...actions.buttons),
    h("dl.gl-happened"),
    h(
      "dl",
      ...entry("Operation", nodes.op[node]! && h("code", nodes.op[node]!)),
      ...entry("Tensor", `${shapeText(nodes.shape[node]!)} ${nodes.dtype[node]}`),
      ...entry("Value", value !== null && valueView(trace, value, "value", "", { node, slot: -1 })),
      ...nodes.saved[node]!.flatMap(([name, row]) =>
        entry(`Saved ${name}`, valueView(trace, row, "saved", name)),
      ),
      ...entry(
        "Made in",
        source !== null &&
          h(
            "div",
            h("span", `${sources.cell[source]}, line ${sources.line[source]}`),
            h("pre", sources.text[source]!),
          ),
      ),
      ...entry("Time, ↓ forward and ↑ backward", spentBy(trace, [node])?.text ?? false),
      ...entry("Module", nodes.module[node]! && h("code", nodes.module[node]!)),
      ...entry("Part of", actions.groups.length > 0 && groupList(actions)),
    ),
  );
}

/** Title, the user's name and the kind of a node. */
export function heading({ nodes }: Trace, node: number): (HTMLElement | false)[] {
  const kind = nodes.kind[node]!;
  const name = nodes.name[node]!;
  return [
    h("strong", nodes.title[node]! || nodes.op[node]!),
    name !== "" && name !== nodes.title[node] && h("span.gl-name", name),
    h("span", { class: `gl-kind gl-${kind}` }, KINDS[kind]),
  ];
}

/** A term and what it means, for a `dl`; nothing where there is no content. */
export function entry(title: string, content: HTMLElement | string | false): HTMLElement[] {
  return content ? [h("dt", title), h("dd", content)] : [];
}

function groupList({ groups, toggleGroup }: DetailsActions): HTMLElement {
  return h(
    "div.gl-modules",
    ...groups.map(({ key, kind, title, isOpen }) => {
      const button = textButton(isOpen ? "fold" : "open", () => toggleGroup(key));
      const kinds = h("span.gl-dim", KINDS[kind]);
      return h("div", h("code", title), kinds, button);
    }),
  );
}
