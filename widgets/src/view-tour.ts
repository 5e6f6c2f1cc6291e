/** The `tour` face: a teacher's words above the stepper, which goes along from stop to stop. */

import type { Face } from "./door";
import { h, hasModifier, mark, on, textButton } from "./dom";
import { clamp } from "./lists";
import { formula, formulaBox } from "./mathml";
import { type Model, observe } from "./model";
import {
  type Bag,
  checkColumns,
  indexOf,
  listOf,
  orNull,
  require,
  type Rule,
  table,
  text,
} from "./payload";
import type { Trace } from "./trace";
import { stepFace } from "./view-step";

/** A piece of a paragraph: how it is set, and its text; a formula's is MathML. */
type Run = readonly [style: string, text: string];

type Words = readonly (readonly Run[])[];

interface Tour {
  readonly title: string;
  readonly words: readonly Words[];
  /** A question, and its answer, which is folded away; no paragraphs where there is none. */
  readonly ask: readonly Words[];
  readonly answer: readonly Words[];
  readonly position: readonly number[];
  readonly selected: readonly (number | null)[];
}

const KEYS: Record<string, number> = { n: 1, PageDown: 1, p: -1, PageUp: -1 };

export function tourFace(model: Model, trace: Trace, signal: AbortSignal): Face {
  const payload = model.get("payload") as Bag;
  const { title, words, ask, answer, position, selected } = readTour(payload, trace);
  const last = words.length - 1;
  const isAlone = model.get("alone") === true;
  const back = textButton("Previous", () => go(at() - 1), {
    "data-gl": "previous-stop",
    title: "Previous stop (p)",
  });
  const next = textButton("Next", () => go(at() + 1), {
    "data-gl": "next-stop",
    title: "Next stop (n)",
  });
  next.classList.add("gl-onward");
  const again = textButton("Back to the tour", goBack, { "data-gl": "return" });
  const marks = words.map((_, stop) => {
    const name = `Stop ${stop + 1}`;
    const look = { class: "gl-mark", title: name, "aria-label": name, "data-gl": "stop-mark" };
    return textButton("", () => go(stop), look);
  });
  const said = h("div.gl-said", {
    "aria-live": "polite",
    "aria-atomic": "true",
    "data-gl": "said",
  });
  const element = h(
    "div.gl-face",
    { "data-gl-view": "tour" },
    h(
      "section.gl-tour",
      { "aria-label": title },
      h(
        "div.gl-row.gl-tour-bar",
        h("strong", title),
        h("div.gl-row.gl-tour-way", back, ...marks, next),
      ),
      said,
      again,
    ),
    stepFace(model, trace, signal).element,
  );

  function at(): number {
    return clamp(Math.trunc(model.get("stop") ?? 0) || 0, 0, last);
  }

  /** All three at once, so that Python hears of them together and has nothing to put right. */
  function go(to: number): void {
    const stop = clamp(to, 0, last);
    model.set("stop", stop);
    model.set("position", position[stop]!);
    model.set("selected", selected[stop]!);
    model.save_changes();
  }

  function goBack(): void {
    go(at());
    next.focus();
  }

  function show(): void {
    const stop = at();
    said.replaceChildren(
      h("p.gl-dim", `Stop ${stop + 1} of ${last + 1}`),
      ...words[stop]!.map(paragraph),
      ...ask[stop]!.map(paragraph),
      ...folded(answer[stop]!),
    );
    marks.forEach((one, which) => mark(one, "aria-current", which === stop ? "step" : null));
    mark(back, "aria-disabled", `${stop <= 0}`);
    mark(next, "aria-disabled", `${stop >= last}`);
    if (isAlone && linked() !== stop) location.hash = `${stop + 1}`;
    look();
  }

  /** Whether the learner has gone off on their own. */
  function look(): void {
    const stop = at();
    again.hidden =
      model.get("position") === position[stop] && model.get("selected") === selected[stop];
  }

  /** The stop that the page's address asks for: #3 is the third. */
  function linked(): number {
    const stop = Number(location.hash.slice(1)) - 1;
    return words[stop] ? stop : 0;
  }

  function follow(): void {
    if (linked() !== at()) go(linked());
  }

  on(
    isAlone ? document.documentElement : element,
    "keydown",
    (event) => {
      const way = KEYS[event.key];
      const isTyping = (event.target as Element).closest("input:not([type=range])");
      if (!way || isTyping || hasModifier(event)) return;
      event.preventDefault();
      go(at() + way);
    },
    { signal },
  );
  observe(model, "stop", signal, show);
  observe(model, "position", signal, look);
  observe(model, "selected", signal, look);
  if (isAlone) {
    on(window, "hashchange", follow, { signal });
    if (location.hash) follow();
  }
  show();
  return { element };
}

function folded(answer: Words): HTMLElement[] {
  if (!answer.length) return [];
  return [h("details", h("summary", "Show the answer"), ...answer.map(paragraph))];
}

/** A formula by itself stands in a frame. */
function paragraph(runs: readonly Run[]): HTMLElement {
  const [[style, words] = ["", ""], ...more] = runs;
  if (style === "math" && !more.length) return formulaBox(words);
  return h("p", ...runs.map(set));
}

function set([style, words]: Run): Node | string {
  if (style === "math") return formula(words);
  return style === "code" || style === "em" || style === "strong" ? h(style, {}, words) : words;
}

// What is accepted --------------------------------------------------------------------------------

const run: Rule = (cell, sizes) =>
  Array.isArray(cell) && cell.length === 2
    ? (text(cell[0], sizes) ?? text(cell[1], sizes))
    : "a pair";
const words = listOf(listOf(run));
const position: Rule = (cell, { steps }) =>
  Number.isInteger(cell) && (cell as number) >= -1 && (cell as number) < steps!
    ? null
    : `a step below ${steps}, or -1`;

function readTour(payload: Bag, { nodes, steps }: Trace): Tour {
  const sizes = { nodes: nodes.kind.length, steps: steps.kind.length };
  checkColumns(
    payload,
    "tour",
    { words, ask: words, answer: words, position, selected: orNull(indexOf("nodes")) },
    sizes,
  );
  const tour = table(payload, "tour");
  require("tour.title", text(tour.title, sizes), tour.title);
  require("tour.words", (tour.words as unknown[]).length ? null : "at least one stop", tour.words);
  return tour as unknown as Tour;
}
