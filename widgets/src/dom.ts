/** Elements made from data. Text only ever becomes text nodes, so no payload can bring markup. */

type Attributes = Record<string, string | number | boolean | null>;
type Child = Node | string | null | false;
/** "div.gl-row" is a div of class gl-row. */
type Named<Tag extends string> = Tag | `${Tag}.${string}`;

/** An HTML element with attributes (null and false leave one out) and children. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  name: Named<Tag>,
  ...parts: (Attributes | Child)[]
): HTMLElementTagNameMap[Tag] {
  return made(name, (tag) => document.createElement(tag as Tag), parts);
}

/** The same for SVG. */
export function s<Tag extends keyof SVGElementTagNameMap>(
  name: Named<Tag>,
  ...parts: (Attributes | Child)[]
): SVGElementTagNameMap[Tag] {
  return made(name, (tag) => document.createElementNS(SVG, tag as Tag), parts);
}

const SVG = "http://www.w3.org/2000/svg";

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

/** Calls `listener` on every event of a type. */
export function on<Type extends keyof WindowEventMap>(
  target: EventTarget,
  type: Type,
  listener: (event: WindowEventMap[Type]) => void,
  options?: AddEventListenerOptions,
): void {
  target.addEventListener(type, listener as (event: Event) => void, options);
}

/** Empties a canvas of this many CSS pixels and gives it a pen that draws in them. */
export function penOn(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  const density = window.devicePixelRatio || 1;
  canvas.width = width * density;
  canvas.height = height * density;
  const pen = canvas.getContext("2d")!;
  pen.scale(density, density);
  return pen;
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
  const icon = s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: path }));
  const attributes = { title: name, "aria-label": name, "data-gl": handle };
  return pushButton(icon, act, { class: "gl-button", ...attributes });
}

/** A push button with a text. */
export function textButton(
  text: string,
  act: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  return pushButton(text, act, { class: "gl-button gl-text", ...attributes });
}

function pushButton(content: Child, act: () => void, attributes: Attributes): HTMLButtonElement {
  const button = h("button", { type: "button", ...attributes }, content);
  on(button, "click", act);
  return button;
}

function made<Made extends Element>(
  name: string,
  create: (tag: string) => Made,
  parts: (Attributes | Child)[],
): Made {
  const [tag, ...classes] = name.split(".");
  const element = create(tag!);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const part of parts) {
    if (!part) continue;
    if (typeof part === "string") element.append(cut(part));
    else if (part instanceof Node) element.append(part);
    else dress(element, part);
  }
  return element;
}

function dress(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false)
      element.setAttribute(name, value === true ? "" : cut(`${value}`));
  }
}

/** Nobody reads more than this at one place, and a browser takes seconds for megabytes of it. */
const LONGEST = 50_000;

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
