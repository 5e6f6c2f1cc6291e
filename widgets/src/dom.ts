/** Elements made from data. Text only ever becomes text nodes, so no payload can bring markup. */

type Attributes = Record<string, string | number | boolean | null>;
type Child = Node | string | null | false;

/** An HTML element with attributes (null and false leave one out) and children. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return dressed(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  return dressed(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** Sets an attribute where it differs, so that an unchanged picture costs no repaint. */
export function mark(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** Sets text where it differs. */
export function write(element: Element, text: string): void {
  const shown = cut(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** Whether a key event belongs to the browser or the system. */
export function hasModifier({ ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return ctrlKey || metaKey || altKey;
}

/** A push button with an icon drawn from `path` (16×16) and a name for screen readers. */
export function iconButton(
  handle: string,
  name: string,
  path: string,
  act: () => void,
): HTMLButtonElement {
  const button = h(
    "button",
    { type: "button", class: "gl-button", title: name, "aria-label": name, "data-gl": handle },
    s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: path })),
  );
  button.addEventListener("click", act);
  return button;
}

/** A push button with a text; `label` is what screen readers say instead. */
export function textButton(text: string, act: () => void, label?: string): HTMLButtonElement {
  const button = h(
    "button",
    { type: "button", class: "gl-button gl-text", "aria-label": label ?? null },
    text,
  );
  button.addEventListener("click", act);
  return button;
}

function dressed<Made extends Element>(
  made: Made,
  attributes: Attributes,
  children: Child[],
): Made {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false)
      made.setAttribute(name, value === true ? "" : cut(`${value}`));
  }
  for (const child of children) if (child) made.append(typeof child === "string" ? cut(child) : child);
  return made;
}

/** Nobody reads more than this at one place, and a browser takes seconds for megabytes of it. */
const LONGEST = 50_000;

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
