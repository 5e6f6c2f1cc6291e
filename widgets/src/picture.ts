/**
 * The drawing of a graph that both the graph and the stepper show: an SVG for what can be read, a
 * canvas for what is too small and too much to be read, a camera, a keyboard cursor and a tooltip.
 *
 * Up to WHOLE boxes all of them are elements of the page, and a step only sets attributes. Beyond,
 * only what the camera sees is; and when it sees more than CROWD boxes, they are painted as dots.
 */

import { around, bringIn, type Camera, fit, pan, seen, type Size, zoom } from "./camera";
import { h, hasModifier, iconButton, mark, s, write } from "./dom";
import { farView } from "./far";
import { clip, glance, plural, shapeText } from "./format";
import { listenToHands } from "./hands";
import type { Layout } from "./layout";
import { timeline } from "./moment";
import { openedAtFirst, prefixesOf } from "./project";
import { drawNode, HEIGHT, textWidth } from "./shapes";
import * as stages from "./stage";
import { createTip } from "./tip";
import type { Trace } from "./trace";

const WHOLE = 800;
const CROWD = 700;
/** Labels of steps gone by stay on graphs up to this size. */
const MOST_LABELS = 300;
const READABLE = 0.5;

export interface Picture {
  readonly element: HTMLElement;
  /** How high the drawing is where nothing has been opened, closed or zoomed. */
  readonly height: number;
  /** Paints the graph as it is at `position` (-1: nothing has run), with `selected` marked. */
  readonly show: (position: number, selected: number | null) => void;
  /** The modules around a node, from the outside in, and whether each is drawn opened. */
  readonly modulesOf: (node: number) => { path: string; isOpen: boolean }[];
  /** Draws a module's nodes one by one, or all of them as one box. */
  readonly toggleModule: (path: string) => void;
  /** What a picture of the same graph, grown, needs so that old nodes stay where they are. */
  readonly memory: () => Memory;
}

export interface Memory {
  readonly trace: Trace;
  readonly opened: Set<string>;
  readonly plan: Layout;
}

export interface PictureOptions {
  /** Whether left and right belong to time, not to the cursor. */
  readonly stepping: boolean;
  /** The user asks for a node's details, or, with null, to close them. */
  readonly select: (node: number | null) => void;
  readonly before?: Memory | undefined;
}

export function createPicture(trace: Trace, options: PictureOptions, signal: AbortSignal): Picture {
  const { stepping, select } = options;
  const { nodes, steps, values } = trace;
  const before = options.before && isGrownFrom(trace, options.before.trace) ? options.before : null;
  const times = timeline(trace);
  const opened = before?.opened ?? openedAtFirst(trace);
  let stage = stages.stageOf(trace, times, opened, before?.plan);
  let camera: Camera = { x: 0, y: 0, scale: 1 };
  let size: Size = { width: 0, height: 0 };
  let wasMoved = false;
  let position = -1;
  let selected: number | null = null;
  let cursor: number | null = null;
  let frame = 0;

  // The camera moves the element as a whole: moving a group inside would lay every text out again.
  const [lineLayer, flowLayer, nodeLayer, labelLayer] = [s("g"), s("g"), s("g"), s("g")];
  const world = s(
    "svg",
    { class: "gl-near", "aria-hidden": "true" },
    lineLayer,
    flowLayer,
    nodeLayer,
    labelLayer,
  );
  const far = farView();
  const tip = createTip();
  const spoken = h("div", { class: "gl-hidden", "aria-live": "polite" });
  const tools = [
    iconButton("zoom-out", "Zoom out (−)", "M3.5 8h9", () => zoomBy(1 / 1.3)),
    iconButton("zoom-in", "Zoom in (+)", "M3.5 8h9M8 3.5v9", () => zoomBy(1.3)),
    iconButton("fit", "Fit (0)", "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3", showAll),
  ];
  // The graph is one tab stop: these have keys of their own.
  for (const tool of tools) tool.tabIndex = -1;
  const element = h(
    "div",
    {
      class: "gl-picture",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "computation graph",
      "aria-label": summary(trace, stepping),
      "data-gl": "graph",
    },
    far.element,
    world,
    tip.element,
    spoken,
    h("div", { class: "gl-zoom" }, ...tools),
  );
  listen();
  return {
    element,
    height: everything().bottom - everything().top,
    show,
    modulesOf,
    toggleModule,
    memory: () => ({ trace, opened, plan: stage.plan }),
  };

  function show(at: number, chosen: number | null): void {
    const hasStepped = at !== position;
    const isOther = chosen !== selected && chosen !== null;
    position = at;
    selected = chosen;
    if (isOther) cursor = chosen;
    if (hasStepped && at >= 0) follow(steps.node[at]!);
    else if (isOther) follow(chosen);
    draw();
  }

  // Modules -------------------------------------------------------------------------------------

  function modulesOf(node: number) {
    return prefixesOf(nodes.module[node]!).map((path) => ({ path, isOpen: opened.has(path) }));
  }

  function toggleModule(path: string): void {
    if (opened.has(path)) {
      for (const other of [...opened]) if (`${other}.`.startsWith(`${path}.`)) opened.delete(other);
    } else for (const prefix of prefixesOf(path)) opened.add(prefix);
    tip.hide();
    stage = stages.stageOf(trace, times, opened);
    for (const layer of world.children) layer.replaceChildren();
    if (!wasMoved) frameIt();
    else if (cursor !== null) follow(cursor);
    draw();
  }

  function openOrFold(node: number): void {
    const modules = modulesOf(node);
    const module = modules.find(({ isOpen }) => !isOpen) ?? modules.at(-1);
    if (module) toggleModule(module.path);
  }

  // Camera --------------------------------------------------------------------------------------

  function everything() {
    return stages.worldBox(stage, stepping ? 34 : 0);
  }

  /** All of the graph where it can be read so; else a readable part, at the node that matters. */
  function frameIt(): void {
    camera = fit(everything(), size);
    if (camera.scale >= READABLE) return;
    const { x, y } = stages.centreOf(stage, boxOf(cursor ?? nowNode()));
    camera = around(x, y, 0.8, everything(), size);
  }

  function showAll(): void {
    wasMoved = true;
    glide();
    camera = fit(everything(), size);
    draw();
  }

  function zoomBy(factor: number, x = size.width / 2, y = size.height / 2): void {
    wasMoved = true;
    camera = zoom(camera, factor, x, y);
    drawSoon();
  }

  function follow(node: number): void {
    const moved = bringIn(camera, stages.boxAround(stage, boxOf(node)), 1.5 * HEIGHT, size);
    if (moved === camera) return;
    glide();
    camera = moved;
  }

  /** Shows the next change of the camera as a movement (style.css: unless motion is unwanted). */
  function glide(): void {
    if (stage.plan.count > WHOLE) return;
    world.classList.add("gl-glide");
    setTimeout(() => world.classList.remove("gl-glide"), 260);
  }

  function resize({ width, height }: Size): void {
    if (!width || !height) return;
    const shift = [(width - size.width) / 2, (height - size.height) / 2] as const;
    size = { width, height };
    if (wasMoved) camera = pan(camera, ...shift);
    else frameIt();
    if (cursor !== null) follow(cursor);
    draw();
  }

  // Drawing -------------------------------------------------------------------------------------

  function boxOf(node: number): number {
    return stage.scene.boxOf[node]!;
  }

  /** The node that runs, or the root, where everything starts. */
  function nowNode(): number {
    return steps.node[position] ?? trace.root;
  }

  function drawSoon(): void {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function draw(): void {
    if (!size.width) return;
    const isWhole = stage.plan.count <= WHOLE;
    const inView = isWhole ? null : stages.boxesIn(stage, seen(camera, size));
    const isFar = inView !== null && inView.boxes.size > CROWD;
    far.element.hidden = !isFar;
    world.style.display = isFar ? "none" : "";
    const marked = cursor === null ? -1 : boxOf(cursor);
    if (isFar) return far.paint({ ...stage, camera, size, state, marked });
    world.style.transform = `translate(${camera.x}px, ${camera.y}px) scale(${camera.scale})`;
    drawLines(inView);
    drawNodes(inView?.boxes ?? stage.labels.keys(), marked);
    drawFlows();
  }

  function state(box: number): string | null {
    return stepping ? stages.boxState(stage, box, position) : null;
  }

  function drawNodes(boxes: Iterable<number>, marked: number): void {
    const { scene, labels } = stage;
    const chosen = selected === null ? -1 : boxOf(selected);
    patch(nodeLayer, boxes, (box) => {
      const { x, y } = stages.centreOf(stage, box);
      const made = drawNode(labels[box]!, scene.nodeOf[box]!);
      made.setAttribute("transform", `translate(${x} ${y})`);
      return made;
    });
    for (const node of nodeLayer.children as Iterable<Keyed>) {
      const box = node.glKey!;
      mark(node, "data-state", state(box));
      mark(node, "data-cursor", box === marked ? "" : null);
      mark(node, "data-selected", box === chosen ? "" : null);
      const note = stepping ? stages.noteOf(trace, times, scene, box, position) : null;
      if (note !== null) write(node.querySelector(".gl-note")!, note);
    }
  }

  /** Keys from 0 are lines; trunks are told apart by counting down from -1. */
  function drawLines(inView: { boxes: Set<number>; owners: Set<number> } | null): void {
    const { scene, strokes, plan, labels } = stage;
    const keys = [...(inView ? stages.linesAt(stage, inView.boxes) : scene.edges.keys())];
    for (const box of inView?.owners ?? labels.keys()) if (plan.bends[box]) keys.push(-1 - box);
    patch(lineLayer, keys, (key) =>
      s("path", { class: "gl-line", d: key < 0 ? strokes.trunk(-1 - key) : strokes.branch(key) }),
    );
  }

  /** The gradients: those that leave now as arrows towards the inputs, all of them as labels. */
  function drawFlows(): void {
    const arriving = position < 0 ? [] : stages.linesInto(stage, boxOf(nowNode()));
    const now = [...arriving].filter(flowsNow).slice(0, stages.MOST_LINES);
    const isSmall = stage.plan.count <= MOST_LABELS;
    const labelled = isSmall ? stage.scene.edges.keys() : now;
    flowLayer.replaceChildren(
      ...now.map((line) =>
        s("path", { class: "gl-flow", "data-gl": "flow", d: stage.strokes.backwards(line) }),
      ),
    );
    labelLayer.replaceChildren(
      ...stages
        .lineLabels(stage, labelled, position)
        .filter(({ leftAt }) => leftAt <= position)
        .map(({ text, x, y, leftAt }) => chip(text, x, y, leftAt === position)),
      ...seedLabel(),
    );
  }

  /** What an accumulate adds flows on into its variable. */
  function flowsNow(line: number): boolean {
    return steps.kind[position] === "accumulate" || stages.flowsAt(stage, line, position);
  }

  /** The gradient the pass starts with, arriving at the root from below. */
  function seedLabel(): SVGElement[] {
    const at = steps.kind.indexOf("seed");
    if (at < 0 || at > position) return [];
    const row = steps.incoming[at]![0] ?? null;
    const { x, y } = stages.centreOf(stage, boxOf(steps.node[at]!));
    const [tip, end] = [y + HEIGHT / 2 + 3, y + HEIGHT / 2 + 24];
    const isNow = at === position;
    const arrow = `M${x} ${end}V${tip}M${x - 5} ${tip + 6}L${x} ${tip}L${x + 5} ${tip + 6}`;
    return [
      s("path", { class: isNow ? "gl-flow" : "gl-line", d: arrow }),
      ...(row === null ? [] : [chip(glance(values, row), x, end, isNow)]),
    ];
  }

  // Hands ---------------------------------------------------------------------------------------

  function listen(): void {
    const resized = new ResizeObserver(([entry]) => resize(entry!.contentRect));
    resized.observe(element);
    const themed = new MutationObserver(drawSoon);
    themed.observe(document.body, { attributeFilter: ["data-jp-theme-name", "class"] });
    signal.addEventListener("abort", () => {
      resized.disconnect();
      themed.disconnect();
      cancelAnimationFrame(frame);
    });
    element.addEventListener("keydown", onKey);
    listenToHands(element, {
      drag(x, y) {
        wasMoved = true;
        camera = pan(camera, x, y);
        drawSoon();
      },
      press: (x, y) => select(nodeAt(x, y)),
      pressTwice(x, y) {
        const node = nodeAt(x, y);
        if (node !== null) openOrFold(node);
      },
      hover(x, y) {
        const node = nodeAt(x, y);
        element.classList.toggle("gl-over", node !== null);
        if (node === null) tip.hide();
        else tip.show(titleOf(node), factsOf(trace, node), x, y, size);
      },
      leave: tip.hide,
      zoom: zoomBy,
    });
  }

  function nodeAt(x: number, y: number): number | null {
    const { scale } = camera;
    const box = stages.boxAt(stage, (x - camera.x) / scale, (y - camera.y) / scale);
    return box === null ? null : stage.scene.nodeOf[box]!;
  }

  function onKey(event: KeyboardEvent): void {
    const act = event.target === element && !hasModifier(event) && actionFor(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function actionFor({ key, shiftKey }: KeyboardEvent): (() => void) | undefined {
    const across = stepping === shiftKey;
    const box = boxOf(cursor ?? nowNode());
    switch (key) {
      case "ArrowUp":
      case "ArrowDown":
        return () => moveTo(stages.neighbour(stage, box, key === "ArrowUp"));
      case "ArrowLeft":
      case "ArrowRight":
        return across
          ? () => moveTo(stages.sibling(stage, box, key === "ArrowLeft" ? -1 : 1))
          : undefined;
      case "Home":
        return stepping ? undefined : () => moveTo(0);
      case "End":
        return stepping ? undefined : () => moveTo(boxOf(trace.root));
      case " ":
        return stepping ? undefined : toggleDetails;
      case "Enter":
        return toggleDetails;
      case "+":
      case "=":
        return () => zoomBy(1.3);
      case "-":
        return () => zoomBy(1 / 1.3);
      case "0":
        return showAll;
      case "o":
        return () => openOrFold(cursor ?? nowNode());
      default:
        return undefined;
    }
  }

  function toggleDetails(): void {
    select(selected === null ? (cursor ?? nowNode()) : null);
  }

  /** The first key only shows where the cursor is; -1 is no box to go to. */
  function moveTo(box: number): void {
    const node = cursor === null ? nowNode() : stage.scene.nodeOf[box];
    if (node === undefined) return;
    cursor = node;
    follow(node);
    draw();
    write(spoken, [titleOf(node), ...factsOf(trace, node)].join(", "));
    if (selected !== null) select(node);
  }

  function titleOf(node: number): string {
    const { title, tag } = stage.labels[boxOf(node)]!;
    return `${title} ${tag}`;
  }
}

function summary({ nodes, root }: Trace, stepping: boolean): string {
  return (
    `Graph of ${nodes.name[root] || nodes.title[root]}, ${plural(nodes.kind.length, "node")}. ` +
    `Up and down follow the edges, ${stepping ? "shift with " : ""}left and right go along ` +
    "a row, enter shows details, t shows a table."
  );
}

/** A node in a few short lines: for the tooltip and for screen readers. */
function factsOf({ nodes, values, sources }: Trace, node: number): string[] {
  const value = nodes.value[node]!;
  const source = nodes.source[node]!;
  return [
    nodes.op[node]!,
    `${shapeText(nodes.shape[node]!)} ${nodes.dtype[node]}`,
    value === null ? "" : glance(values, value),
    source === null ? "" : clip(sources.text[source]!.trim(), 60),
  ].filter(Boolean);
}

type Keyed = SVGElement & { glKey?: number };

/** Makes the children of `parent` exactly those of `keys`, keeping the ones that are there. */
function patch(parent: Element, keys: Iterable<number>, make: (key: number) => SVGElement): void {
  const wanted = new Set(keys);
  for (const child of [...parent.children] as Keyed[]) {
    if (!wanted.delete(child.glKey!)) child.remove();
  }
  for (const key of wanted) {
    const made: Keyed = make(key);
    made.glKey = key;
    parent.append(made);
  }
}

/** A gradient's few characters, on a line. */
function chip(text: string, x: number, y: number, isNow: boolean): SVGElement {
  const width = textWidth(text) + 14;
  return s(
    "g",
    {
      class: isNow ? "gl-chip gl-now" : "gl-chip",
      "data-gl": "edge-label",
      transform: `translate(${x} ${y})`,
    },
    s("rect", { x: -width / 2, y: -9, width, height: 18, rx: 9 }),
    s("text", { y: 4 }, text),
  );
}

/** Whether `trace` starts with all the nodes and edges of `earlier`. */
function isGrownFrom(trace: Trace, earlier: Trace): boolean {
  const startsWith = (all: readonly unknown[], first: readonly unknown[]) =>
    first.every((item, at) => all[at] === item);
  return (
    startsWith(trace.nodes.title, earlier.nodes.title) &&
    startsWith(trace.edges.from, earlier.edges.from) &&
    startsWith(trace.edges.to, earlier.edges.to)
  );
}
