/**
 * Numbers as a picture. In a heat map each has a cell, coloured by sign and size, with its number
 * where it fits; in bars its height.
 *
 * The pointer, and the arrow keys once a cell has the focus, tell each cell's place and number. NaN
 * and infinities are hatched and say so: colour alone says nothing that is not said otherwise.
 */

import { h, on, s, write } from "./dom";
import { isOdd } from "./format";
import { max, min } from "./lists";
import type { Element as Cell } from "./payload";

/** How many cells stand in a row (0: as many as fit), and how each is written, and told in full. */
export interface Heat {
  readonly cells: readonly Cell[];
  readonly columns: number;
  /** After how many rows there is a gap. */
  readonly block?: number;
  readonly name: string;
  readonly text: (cell: Cell) => string;
  readonly place: (at: number) => string;
  readonly exact: (at: number) => string;
  /** Called with a cell that is pressed, or chosen by enter. */
  readonly pick?: ((at: number) => void) | null;
}

/** Rows of more cells have no room for numbers. */
const WITH_TEXT = 8;
/** The height of bars. */
const HIGH = 38;

export function heatMap(heat: Heat): HTMLElement {
  const { cells, columns, block = 0, name, text, place, exact, pick } = heat;
  const readout = h(
    "div.gl-tell.gl-dim",
    { "aria-hidden": "true" },
    pick ? "Choose a number to see how it is made." : "",
  );
  // Who cannot see hears the number as it is written: it may be too long to hear in full.
  const made = cellsOf(cells, text, (at) => `${place(at)} ${text(cells[at]!) || exact(at)}`);
  const width = columns || made.length;
  const rows = made.flatMap((_, at) =>
    at % width
      ? []
      : h(
          "div",
          { role: "row", class: at > 0 && at % (block * width) === 0 && "gl-block" },
          ...made.slice(at, at + width),
        ),
  );
  const look = `gl-heat${columns > WITH_TEXT ? " gl-tiny" : ""}`;
  const grid = h(
    "div",
    { class: look, role: "grid", "aria-label": name, "data-gl": "heat", style: across(columns) },
    ...rows,
  );
  let now = 0;
  made[0]!.tabIndex = 0;
  /** Calls `act` with the cell that an event is about. */
  const onCell = (type: keyof WindowEventMap, act: (at: number, event: Event) => void) =>
    on(grid, type, (event) => {
      const at = made.indexOf(event.target as HTMLElement);
      if (at >= 0) act(at, event);
    });
  const say = (at: number) => write(readout, `${place(at)} ${exact(at)}`);
  const choose = (at: number) => {
    if (!pick) return;
    for (const one of made) one.toggleAttribute("data-in", one === made[at]);
    pick(at);
  };
  onCell("pointerover", say);
  onCell("click", choose);
  onCell("focusin", (at) => {
    say(at);
    made[now]!.tabIndex = -1;
    made[(now = at)]!.tabIndex = 0;
  });
  onCell("keydown", (at, event) => {
    const { key } = event as KeyboardEvent;
    const line = columns || made.filter((one) => one.offsetTop === made[0]!.offsetTop).length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -line, ArrowDown: line, Enter: 0 };
    const by = moves[key as keyof typeof moves];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // the stepper would take a step
    if (by) made[at + by]?.focus();
    else choose(at);
  });
  return h("div", grid, readout);
}

/** Cells coloured alone, of which some are outlined: which elements something is made of. */
export function miniMap(
  name: Node,
  cells: readonly Cell[],
  columns: number,
  outlined: readonly number[],
): HTMLElement {
  const made = cellsOf(cells, () => "", null);
  for (const at of outlined) made[at]?.toggleAttribute("data-in");
  return h(
    "figure",
    { "aria-hidden": "true" },
    name,
    h("div.gl-heat.gl-tiny", { style: across(columns) }, ...made),
  );
}

function across(columns: number): string {
  return columns ? `--n: ${columns}` : "--n: auto-fill; --least: 70px";
}

function cellsOf(
  cells: readonly Cell[],
  text: (cell: Cell) => string,
  label: ((at: number) => string) | null,
): HTMLElement[] {
  const sizes = cells.map((cell) => (cell === "True" ? 1 : Number(cell)));
  const scale = max(...sizes.map(Math.abs).filter(Number.isFinite));
  return cells.map((cell, at) => {
    const share = sizes[at]! / scale;
    const odd = isOdd(cell);
    const strength = Math.round(Math.abs(share) * 100);
    return h(
      "span",
      {
        class: `gl-cell gl-number${share < 0 ? " gl-less" : ""}${odd ? " gl-odd" : ""}`,
        style: Number.isFinite(strength) && `--v: ${strength}%`,
        ...(label && {
          role: "gridcell",
          tabindex: -1,
          "aria-label": label(at),
          "data-gl": "element",
          "data-value": cell,
        }),
      },
      text(cell),
    );
  });
}

/** One bar per number, from zero; what is not finite is a dashed line. */
export function bars(cells: readonly Cell[], label: string): SVGElement {
  const finite = cells.filter((cell) => typeof cell === "number");
  const high = max(0, ...finite);
  const scale = (HIGH - 2) / (high - min(0, ...finite) || 1);
  const zero = 1 + high * scale;
  const marks = cells.map((cell, at) => {
    if (typeof cell === "string") {
      return s("path.gl-bar-odd", { d: `M${at + 0.5} 0V${HIGH}` });
    }
    const height = max(Math.abs(cell) * scale, 0.75);
    return s("rect", { x: at + 0.1, y: cell < 0 ? zero : zero - height, width: 0.8, height });
  });
  return s(
    "svg.gl-bars",
    {
      viewBox: `0 0 ${cells.length} ${HIGH}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    ...marks,
    s("path.gl-bar-zero", { d: `M0 ${zero}H${cells.length}` }),
  );
}
