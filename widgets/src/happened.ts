/** What a node's details tell of the pass: what adds up there, what its hooks did, what it freed. */

import { entry } from "./details";
import { h, textButton } from "./dom";
import { glance, shapeText } from "./format";
import { runnerOf, type Timeline, titleOf, variableName } from "./moment";
import type { Trace } from "./trace";

/** The entries of `node` as they are at `position`; `go` selects another node. */
export function happened(
  trace: Trace,
  times: Timeline,
  node: number,
  position: number,
  go: (node: number) => void,
): HTMLElement[] {
  const { nodes, edges, steps, values, hooks, sums, terms, second } = trace;
  const runner = runnerOf(trace, node);
  const ran = times.ranAt[runner]!;
  const tell = (row: number | null) => (row === null ? "None" : glance(values, row));

  const hooked = rowsOf(hooks?.node, runner).map((row) => {
    const [before, after] = [hooks!.before[row]!, hooks!.after[row]!];
    const change = before === after ? "unchanged" : `${tell(before)} → ${tell(after)}`;
    const did = ran > position ? "…" : change;
    return h("div", `${hooks!.kind[row]} `, h("code", hooks!.name[row]!), `: ${did}`);
  });
  const summed = rowsOf(sums?.node, node).map((row) => {
    const slot = sums!.slot[row]!;
    const shapes = [steps.incoming[ran]?.find((v) => v !== null), steps.outgoing[ran]?.[slot]]
      .map((v) => (v == null ? "?" : shapeText(values.shape[v]!)))
      .join(" → ");
    return h("div", `slot ${slot}: ${times.summed.get(`${node} ${slot}`)}, ${shapes}`);
  });
  const made = rowsOf(second?.node, node).map((row) => {
    const of = second!.of[row]!;
    return h("div", "by the rule of ", textButton(titleOf(trace, of), () => go(of)));
  });
  return [
    ...entry("Ledger", ledger()),
    ...entry("Hooks", list(hooked)),
    ...entry("Undoes a broadcast", list(summed)),
    ...entry("Saved values", nodes.saved[node]!.length > 0 && steps.kind.length > 0 && held()),
    ...entry("Made in a pass with create_graph=True", list(made)),
  ];

  function held(): string {
    const step = times.freedAt[node]!;
    if (step === Infinity) return "held: this pass keeps the graph";
    return `${step > position ? "held until" : "freed at"} step ${step + 1}`;
  }

  /** Which edge brought which term, and what they amount to. */
  function ledger(): HTMLElement | false {
    const isGrad = nodes.kind[runner] === "accumulate";
    const into = rowsOf(edges.from, runner).filter((edge) => times.gradient[edge]! >= 0);
    into.sort((one, other) => times.leftAt[one]! - times.leftAt[other]!);
    if (ran === Infinity || (!isGrad && into.length < 2)) return false;
    const name = `${variableName(trace, runner)}.grad`;
    const before = steps.before[ran]!;
    const arrived = steps.incoming[ran]![0] ?? null;
    const line = (step: number, ...cells: string[]) => {
      const told = step > position ? [cells[0]!, "…", "…"] : cells;
      const all = [step < 0 ? "" : `${step + 1}`, ...told];
      return h("tr", ...all.map((text) => h("td", text)));
    };
    return h(
      "div",
      { "data-gl": "ledger" },
      h(
        "table",
        h("tr", ...["Step", "From", "Term", "Sum"].map((text) => h("th", text))),
        isGrad && line(-1, `${name} before`, "", tell(before)),
        ...into.map((edge) => {
          const [user, slot] = [edges.to[edge]!, edges.slot[edge]!];
          const row = rowsOf(terms?.node, user).find((one) => terms!.slot[one] === slot);
          const sum = row === undefined ? "" : tell(terms!.sum[row]!);
          const from = `${titleOf(trace, user)}, slot ${slot}`;
          return line(times.leftAt[edge]!, from, `+ ${tell(times.gradient[edge]!)}`, sum);
        }),
        isGrad && line(ran, `${name} +=`, `+ ${tell(arrived)}`, tell(steps.after[ran]!)),
      ),
      isGrad &&
        before !== null &&
        ran <= position &&
        (before === arrived
          ? `The same gradient once more: ${name} has doubled.`
          : `${name} was not None: this pass adds to it.`),
    );
  }
}

function list(items: HTMLElement[]): HTMLElement | false {
  return items.length > 0 && h("div", ...items);
}

/** Where `column` holds `value`. */
function rowsOf(column: readonly number[] = [], value: number): number[] {
  return column.flatMap((one, row) => (one === value ? [row] : []));
}
