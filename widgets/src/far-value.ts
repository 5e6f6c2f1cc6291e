/** A large tensor from afar: some of its elements as an image, and how often which numbers occur. */

import { h } from "./dom";
import { count, placeOf, short } from "./format";
import { bars, heatMap } from "./heat";
import type { Element as Cell } from "./payload";
import type { Trace } from "./trace";

const LEVELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** The level of zero; 0 to 60 are numbers, and the last three letters are these. */
const MIDDLE = 30;
const ODD = ["nan", "inf", "-inf"];

/** The image and the histogram of value `row`; null for one whose numbers are all there. */
export function farView({ values, samples }: Trace, row: number, name: string): HTMLElement | null {
  const at = samples?.value.indexOf(row) ?? -1;
  if (at < 0) return null;
  const { rows, columns, levels, scale, low, high, bins } = samples!;
  const shape = values.shape[row]!;
  const length = shape.at(-1)!;
  const [down, across] = [rows[at]!, columns[at]!];
  const cells = [...levels[at]!].map((letter): Cell => {
    const level = LEVELS.indexOf(letter);
    return ODD[level - 61] ?? ((level - MIDDLE) / MIDDLE) * scale[at]!;
  });
  const place = (cell: number) => {
    const line = Math.floor((Math.floor(cell / across) * values.size[row]!) / length / down);
    return placeOf(line * length + Math.floor(((cell % across) * length) / across), shape);
  };
  const [from, to] = [short(low[at]!), short(high[at]!)];
  const counts = bins[at]!;
  const told = `${count(counts.reduce((sum, n) => sum + n, 0))} elements`;
  return h(
    "div",
    { "data-gl": "far" },
    heatMap({
      name: `${name} image of ${count(cells.length)} elements`,
      cells,
      columns: across,
      text: () => "",
      place,
      exact: (cell) => `≈ ${short(cells[cell]!, "float32", 2)}`,
    }),
    bars(counts, `Histogram of ${told} from ${from} to ${to}: ${counts.join(", ")}`),
    h("div.gl-ends.gl-dim", ...[from, told, to].map((text) => h("span", text))),
  );
}
