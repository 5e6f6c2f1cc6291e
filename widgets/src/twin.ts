/** What all charts have below their drawing: a read-out, and the table twin. */

import { h } from "./dom";
import { short } from "./format";
import type { Element as Cell } from "./payload";

/** NaN and infinities, which are text in payloads, cannot be drawn. */
export function toNumber(cell: Cell): number {
  return typeof cell === "number" ? cell : NaN;
}

/** One number of a read-out: `label = 1.5`, with all its digits in data-value. */
export function reading(handle: string, label: string, cell: Cell): HTMLElement {
  return h(
    "span",
    { "data-gl": handle, "data-value": cell },
    h("span.gl-dim", `${label} = `),
    short(cell),
  );
}

/** A table, folded, whose rows are made when it is opened. */
export function foldedTable(
  summary: string,
  titles: readonly string[],
  rows: () => Iterable<readonly Cell[]>,
): HTMLElement {
  const body = h("tbody");
  const head = h("tr", ...titles.map((title) => h("th", { scope: "col" }, title)));
  const region = h(
    "div.gl-table",
    { tabindex: 0, role: "region", "aria-label": summary },
    h("table", h("thead", head), body),
  );
  const details = h("details.gl-points", { "data-gl": "table" }, h("summary", summary), region);
  details.addEventListener(
    "toggle",
    () => {
      for (const row of rows()) {
        const cells = row.map((cell) =>
          h("td", { "data-value": cell }, typeof cell === "number" ? short(cell) : cell),
        );
        body.append(h("tr", ...cells));
      }
    },
    { once: true },
  );
  return details;
}

/** A row of buttons of which one is pressed. */
export function choice(
  handle: string,
  name: string,
  options: readonly string[],
  choose: (option: number) => void,
): { element: HTMLElement; press: (option: number) => void } {
  const buttons = options.map((option, at) => {
    const button = h(
      "button.gl-button.gl-text",
      { type: "button", "data-gl": `${handle}-${at}` },
      option,
    );
    button.addEventListener("click", () => choose(at));
    return button;
  });
  const element = h("div.gl-choice", { role: "group", "aria-label": name }, ...buttons);
  const press = (option: number) =>
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", `${at === option}`));
  return { element, press };
}
