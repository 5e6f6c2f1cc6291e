/** What a node's details tell of the pass: what adds up there, what its hooks did, what it freed. */

import { entry } from "./details";
import { h } from "./dom";
import { glance, shapeText } from "./format";
import { runnerOf, type Timeline, variableName } from "./moment";
import type { Trace } from "./trace";

/** The entries of `node` as they are at `position`; `go` selects another node. */
export function happened(
  trace: Trace,
  times: Timeline,
  node: number,
  position: number,
  go: (node: number) => void,
): HTMLElement[] {
  const { nodes, steps, values, hooks, second } = trace;
  const runner = runnerOf(trace, node);
  const ran = times.ranAt[runner]!;
  const change = (before: number | null, after: number | null) =>
    before === after ? "unchanged" : `${tell(before)} → ${tell(after)}`;
  const tell = (row: number | null) => (row === null ? "None" : glance(values, row));
  const titled = (other: number) =>
    [nodes.title[other], nodes.name[other]].filter(Boolean).join(" ");

  const hooked = rowsOf(hooks?.node, runner).map((row) => {
    const did = ran > position ? "…" : change(hooks!.before[row]!, hooks!.after[row]!);
    return h("div", {}, `${hooks!.kind[row]} `, h("code", {}, hooks!.name[row]!), `: ${did}`);
  });
  const summed = rowsOf(trace.sums?.node, node).map((row) => {
    const slot = trace.sums!.slot[row]!;
    const from = steps.incoming[ran]?.find((v) => v !== null);
    const shapes = [from, steps.outgoing[ran]?.[slot]]
      .map((v) => (v == null ? "?" : shapeText(values.shape[v]!)))
      .join(" → ");
    return h("div", {}, `slot ${slot}: ${times.summed.get(`${node} ${slot}`)}, ${shapes}`);
  });
  const links = [
    ...rowsOf(second?.node, node).map((row) => ["by the rule of", second!.of[row]!] as const),
    ...rowsOf(second?.of, node).map((row) => ["its rule made", second!.node[row]!] as const),
  ].map(([how, other]) => {
    const button = h("button", { type: "button", class: "gl-button gl-text" }, titled(other));
    button.addEventListener("click", () => go(other));
    return h("div", {}, `${how} `, button);
  });
  return [
    ...entry("Ledger", ledger()),
    ...entry("Hooks", list(hooked)),
    ...entry("Undoes a broadcast", list(summed)),
    ...entry("Saved values", nodes.saved[node]!.length > 0 && steps.kind.length > 0 && held()),
    ...entry("Made in a pass with create_graph=True", list(links)),
  ];

  function held(): string {
    const step = times.freedAt[node]!;
    if (step === Infinity) return "held to the end: this pass keeps the graph";
    return `${step > position ? "held until" : "freed at"} step ${step + 1}`;
  }

  /** Which edge brought which term, and what they amount to. */
  function ledger(): HTMLElement | false {
    const { edges, terms } = trace;
    const isGrad = nodes.kind[runner] === "accumulate";
    const into = rowsOf(edges.from, runner).filter((edge) => times.gradient[edge]! >= 0);
    into.sort((one, other) => times.leftAt[one]! - times.leftAt[other]!);
    if (ran === Infinity || (!isGrad && into.length < 2)) return false;
    const name = `${variableName(trace, runner)}.grad`;
    const before = steps.before[ran]!;
    const arrived = steps.incoming[ran]![0]!;
    const line = (step: number, from: string, term: string, sum: string) =>
      h(
        "tr",
        { class: step > position && "gl-dim" },
        ...[step < 0 ? "" : `${step + 1}`, from, ...(step > position ? ["…", "…"] : [term, sum])].map(
          (text) => h("td", {}, text),
        ),
      );
    const told =
      before !== null && before === arrived
        ? `The same gradient once more: ${name} has doubled.`
        : `${name} was not None: this pass adds to what was there.`;
    return h(
      "div",
      { "data-gl": "ledger" },
      h(
        "table",
        {},
        h("tr", {}, ...["Step", "From", "Term", "Sum"].map((text) => h("th", {}, text))),
        isGrad && line(-1, `${name} before`, "", tell(before)),
        ...into.map((edge) => {
          const [user, slot] = [edges.to[edge]!, edges.slot[edge]!];
          const row = rowsOf(terms?.node, user).find((one) => terms!.slot[one] === slot);
          const sum = row === undefined ? "" : tell(terms!.sum[row]!);
          const isTwice = into.some((one) => one !== edge && edges.to[one] === user);
          const from = titled(user) + (isTwice ? `, slot ${slot}` : "");
          return line(times.leftAt[edge]!, from, `+ ${tell(times.gradient[edge]!)}`, sum);
        }),
        isGrad && line(ran, `${name} +=`, `+ ${tell(arrived)}`, tell(steps.after[ran]!)),
      ),
      isGrad && before !== null && ran <= position && h("p", {}, told),
    );
  }
}

function list(items: HTMLElement[]): HTMLElement | false {
  return items.length > 0 && h("div", {}, ...items);
}

/** Where `column` holds `value`. */
function rowsOf(column: readonly number[] = [], value: number): number[] {
  return column.flatMap((one, row) => (one === value ? [row] : []));
}
