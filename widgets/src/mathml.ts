/**
 * Formulas: copies known MathML elements and their text out of markup, and nothing else.
 *
 * The markup is parsed into a document that runs and loads nothing; what is not presentation MathML
 * (a script, an image, an event handler, a link) is left behind there.
 */

import { h } from "./dom";

const MATHML = "http://www.w3.org/1998/Math/MathML";

const ELEMENTS = words(
  "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom merror mover",
  "munder munderover msub msup msubsup mmultiscripts mprescripts mtable mtr mtd",
);
const ATTRIBUTES = words(
  "accent accentunder columnalign columnspacing depth display displaystyle fence form height",
  "largeop linethickness lspace mathvariant maxsize minsize movablelimits rowspacing rspace",
  "scriptlevel separator stretchy symmetric voffset width",
);

function words(...lines: string[]): Set<string> {
  return new Set(lines.join(" ").split(" "));
}

/** A formula of more characters is set smaller, and in lines that start with its equals signs. */
const ONE_LINE = 36;

/** A formula in its frame, of as many lines as it needs. */
export function formulaBox(markup: string, handle: string | null = null): HTMLElement {
  const whole = formula(markup);
  const box = h("div.gl-formula", { "data-gl": handle }, whole);
  if ((whole.textContent ?? "").length <= ONE_LINE) return box;
  box.classList.add("gl-long");
  box.replaceChildren(...linesOf(whole));
  return box;
}

/** Splits the outermost row before every equals sign but the first, and between matrices. */
function linesOf(whole: Element): Element[] {
  let row = whole;
  while (row.childElementCount === 1 && row.firstElementChild!.localName === "mrow") {
    row = row.firstElementChild!;
  }
  const parts = [...row.children].flatMap((part) =>
    part.localName === "mrow" && part.querySelector("mtable") && part.firstElementChild!.localName !== "mo"
      ? [...part.children]
      : [part],
  );
  const lines: Element[] = [];
  let signs = 0;
  for (const part of parts) {
    const sign = part.localName === "mo" ? part.textContent!.trim() : "";
    const isSign = /^[=≈]$/.test(sign);
    if (isSign) signs++;
    if (!lines.length || (isSign && signs > 1) || sign === "·") {
      const line = document.createElementNS(MATHML, "math");
      line.append(document.createElementNS(MATHML, "mrow"));
      lines.push(line);
    }
    lines.at(-1)!.firstElementChild!.append(part);
  }
  return lines;
}

/** The formula in `markup` as a fresh element; a formula nobody can read shows its text. */
export function formula(markup: string): Element {
  const parsed = new DOMParser().parseFromString(markup, "text/html");
  const source = parsed.querySelector("math");
  const made = document.createElementNS(MATHML, "math");
  if (source) copyInto(made, source);
  else made.append(parsed.body.textContent ?? "");
  return made;
}

/** U+E300 + i stands in a formula where number i is to go. */
const MARK = 0xe300;

/** A formula with numbers in the places it keeps for them; negative ones in parentheses. */
export function formulaWith(markup: string, numbers: readonly string[]): Element {
  const made = formula(markup);
  for (const leaf of made.querySelectorAll("mi")) {
    const number = numbers[leaf.textContent!.charCodeAt(0) - MARK];
    if (number === undefined) continue;
    const set = document.createElementNS(MATHML, "mn");
    const isBare = /^-/.test(number) && leaf.previousElementSibling?.textContent !== "(";
    set.textContent = isBare ? `(${number})` : number;
    leaf.replaceWith(set);
  }
  return made;
}

/** Walks with a list of its own: markup may be nested deeper than the call stack. */
function copyInto(made: Element, source: Element): void {
  const waiting: [Element, Element][] = [[made, source]];
  for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
    const [to, from] = pair;
    for (const { name, value } of from.attributes) {
      if (ATTRIBUTES.has(name)) to.setAttribute(name, value);
    }
    for (const child of from.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) to.append(child.nodeValue ?? "");
      else if (isKnown(child)) {
        const copy = document.createElementNS(MATHML, child.localName);
        to.append(copy);
        waiting.push([copy, child]);
      }
    }
  }
}

function isKnown(node: Node): node is Element {
  const element = node as Element;
  return (
    node.nodeType === Node.ELEMENT_NODE &&
    element.namespaceURI === MATHML &&
    ELEMENTS.has(element.localName)
  );
}
