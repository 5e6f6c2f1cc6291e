/**
 * The drawing of a graph that all faces of it show: an SVG for what can be read, a canvas for what
 * is too small and too much to be read, a camera, a keyboard cursor, a search and a tooltip.
 *
 * Up to WHOLE boxes all of them are elements of the page, and a step only sets attributes. Beyond,
 * only what the camera sees is; and when it sees more than CROWD boxes, they are painted as dots.
 */

import { around, bringIn, type Camera, fit, isInside, pan, seen, type Size, zoom } from "./camera";
import type { GroupState } from "./details";
import { h, hasModifier, iconButton, mark, on, s, write } from "./dom";
import { farView } from "./far";
import { clip, glance, plural, shapeText } from "./format";
import { frameLabel } from "./frames";
import { groupsAround, groupsOf } from "./groups";
import { listenToHands } from "./hands";
import { joined } from "./lists";
import { createMinimap } from "./minimap";
import { timeline } from "./moment";
import { downstream, found } from "./paths";
import { COMFORTABLE, MOST, openedAtFirst } from "./project";
import { createSearch } from "./search";
import { boxKind, drawNode, HEIGHT, textWidth, timesText } from "./shapes";
import * as stages from "./stage";
import { createTip } from "./tip";
import type { Trace } from "./trace";

const WHOLE = 800;
const CROWD = 700;
/** Labels of steps gone by stay on graphs up to this size. */
const MOST_LABELS = 300;
const READABLE = 0.44;
const NARROW = 520;
/** Milliseconds in which a second press makes a double press. */
const TWICE = 300;

export interface Picture {
  readonly element: HTMLElement;
  /** How high the drawing is where nothing has been opened, closed or zoomed. */
  readonly height: number;
  /** Paints the graph as it is at `position` (-1: nothing has run), with `selected` marked. */
  readonly show: (position: number, selected: number | null) => void;
  /** The node that keys are about. */
  readonly atHand: () => number;
  /** The groups around a node, from the outside in. */
  readonly groupsOf: (node: number) => GroupState[];
  /** Draws a group's nodes one by one, or all of them as one box. */
  readonly toggleGroup: (key: string) => void;
  /** Goes on with the same graph, grown or shrunk: what is known again stays where it is. */
  readonly change: (trace: Trace) => void;
}

export interface PictureOptions {
  /** Whether left and right belong to time, not to the cursor. */
  readonly stepping: boolean;
  /** The user asks for a node's details, or, with null, to close them. */
  readonly select: (node: number | null) => void;
  /** A group was opened or closed. */
  readonly regrouped: () => void;
  /** The nodes at which playing stops. */
  readonly stops: () => readonly number[];
  /** What a graph that changes keeps of how it was drawn; without it, nothing. */
  readonly keep: ((before: stages.Stage) => stages.Keep) | undefined;
}

export function createPicture(first: Trace, options: PictureOptions, signal: AbortSignal): Picture {
  const { stepping, select, regrouped } = options;
  let trace = first;
  let { nodes, steps, values } = trace;
  let groups = groupsOf(trace, isLarge(trace));
  let times = timeline(trace);
  let opened = openedAtFirst(trace, groups);
  let stage = stages.stageOf(trace, groups, times, opened);
  let camera: Camera = { x: 0, y: 0, scale: 1 };
  let size: Size = { width: 0, height: 0 };
  let wasMoved = false;
  let position = -1;
  let selected: number | null = null;
  let cursor: number | null = null;
  let matches: ReadonlySet<number> = new Set();
  let path: Uint8Array | null = null;
  let frame = 0;
  let choosing: ReturnType<typeof setTimeout> | undefined;
  const seenBefore = new Set<string>();

  // The camera moves the element as a whole: moving a group inside would lay every text out again.
  const [frameLayer, lineLayer, flowLayer] = [s("g"), s("g"), s("g")];
  const [nodeLayer, labelLayer] = [s("g"), s("g")];
  const world = s(
    "svg.gl-near",
    { "aria-hidden": "true" },
    frameLayer,
    lineLayer,
    flowLayer,
    nodeLayer,
    labelLayer,
  );
  const far = farView();
  const tip = createTip();
  const search = createSearch({ find, goTo: reveal, leave: leaveSearch });
  const minimap = createMinimap(centreOn);
  const spoken = h("div.gl-hidden", { "aria-live": "polite" });
  const tools = [
    iconButton("zoom-out", "Zoom out (−)", "M3.5 8h9", () => zoomBy(1 / 1.3)),
    iconButton("zoom-in", "Zoom in (+)", "M3.5 8h9M8 3.5v9", () => zoomBy(1.3)),
    iconButton("fit", "Fit (0)", "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3", showAll),
    iconButton("find", "Search (/)", "M7 11.5a4.5 4.5 0 1 1 0-9a4.5 4.5 0 0 1 0 9M10.5 10.5l3 3", () =>
      search.open(),
    ),
  ];
  // The graph is one tab stop: these have keys of their own.
  for (const tool of tools) tool.tabIndex = -1;
  const element = h(
    "div.gl-picture",
    {
      tabindex: 0,
      role: "application",
      "aria-roledescription": "computation graph",
      "aria-label": summary(trace, stepping),
      "data-gl": "graph",
    },
    far.element,
    world,
    minimap.element,
    tip.element,
    spoken,
    h("div.gl-zoom", ...tools),
    search.element,
  );
  listen();
  return {
    element,
    height: everything().bottom - everything().top,
    show,
    atHand: () => selected ?? cursor ?? nowNode(),
    groupsOf: groupStates,
    toggleGroup,
    change,
  };

  function show(at: number, chosen: number | null): void {
    const hasStepped = at !== position;
    const isOther = chosen !== selected && chosen !== null;
    position = at;
    if (chosen !== selected) choosePath(chosen);
    selected = chosen;
    if (isOther) cursor = chosen;
    if (hasStepped && at >= 0) follow(steps.node[at]!);
    else if (isOther) follow(chosen);
    draw();
  }

  // Groups --------------------------------------------------------------------------------------

  function groupStates(node: number): GroupState[] {
    const closed = stage.scene.group[boxOf(node)]!;
    const around = groupsAround(groups, node).filter((group) => groups.size[group]! > 1);
    return around.map((group, at) => ({
      key: groups.key[group]!,
      kind: boxKind(groups, group),
      title: joined([groups.name[group], timesText(groups, group)]),
      isOpen: closed < 0 || at < around.indexOf(closed),
    }));
  }

  function toggleGroup(key: string): void {
    const group = groups.key.indexOf(key);
    const isIn = (node: number) => groupsAround(groups, node).includes(group);
    const member = cursor !== null && isIn(cursor) ? cursor : nodes.kind.findIndex((_, n) => isIn(n));
    const before = stages.centreOf(stage, boxOf(member));
    const isClosed = groupStates(member).some((state) => state.key === key && !state.isOpen);
    if (!isClosed) opened.delete(key);
    else for (const one of groupsAround(groups, member)) {
      opened.add(groups.key[one]!);
      if (one === group) break;
    }
    tip.hide();
    setStage();
    const now = stages.centreOf(stage, boxOf(member));
    const { scale } = camera;
    if (!wasMoved && fit(everything(), room()).scale >= READABLE) frameIt();
    else camera = pan(camera, (before.x - now.x) * scale, (before.y - now.y) * scale);
    draw();
    regrouped();
    const verb = isClosed ? "opened" : "closed";
    write(spoken, `${groups.name[group]} ${verb}; ${plural(stage.labels.length, "shape")} in all`);
  }

  function openOrFold(node: number): void {
    const states = groupStates(node);
    const group = states.find(({ isOpen }) => !isOpen) ?? states.at(-1);
    if (group) toggleGroup(group.key);
  }

  function setStage(before?: stages.Stage): void {
    stage = stages.stageOf(trace, groups, times, opened, before && options.keep?.(before));
    for (const layer of before ? [frameLayer, lineLayer] : world.children) layer.replaceChildren();
  }

  /** What is new is opened, so that nothing that was seen disappears in a box by itself. */
  function change(next: Trace): void {
    const known = new Set(groups.key);
    const before = stage;
    const wasEmpty = !nodes.kind.length;
    const cursorKey = cursor === null ? null : before.keys[boxOf(cursor)];
    trace = next;
    ({ nodes, steps, values } = trace);
    groups = groupsOf(trace, isLarge(trace));
    times = timeline(trace);
    for (const key of groups.key) if (!known.has(key)) opened.add(key);
    setStage(before);
    if (stage.labels.length > MOST) {
      opened = openedAtFirst(trace, groups);
      setStage(before);
    }
    const box = cursorKey === null ? -1 : stage.keys.indexOf(cursorKey!);
    cursor = box < 0 ? null : stage.scene.nodeOf[box]!;
    matches = new Set();
    path = null;
    mark(element, "aria-label", summary(trace, stepping));
    if (wasEmpty || !wasMoved) keepInView();
    else draw();
  }

  // Search and paths ----------------------------------------------------------------------------

  function find(words: string): number[] {
    const all = found(trace, words);
    matches = new Set(all);
    draw();
    return all;
  }

  function leaveSearch(): void {
    matches = new Set();
    draw();
    element.focus({ preventScroll: true });
  }

  /** Opens what a node is in, and brings it into the middle. */
  function reveal(node: number): void {
    const closed = groupsAround(groups, node).filter((group) => !opened.has(groups.key[group]!));
    if (closed.length) {
      for (const group of closed) opened.add(groups.key[group]!);
      setStage();
    }
    cursor = node;
    const { x, y } = stages.centreOf(stage, boxOf(node));
    camera = { ...camera, scale: Math.max(camera.scale, 0.8) };
    centreOn(x, y);
    tellOf(node);
  }

  function tellOf(node: number): void {
    write(spoken, [titleOf(node), ...factsOf(trace, node)].join(", "));
  }

  function choosePath(node: number | null): void {
    path = node === null ? null : downstream(trace, node);
    if (path === null || node === null) return;
    const between = path.reduce((sum, one) => sum + one, 0) - 1;
    if (between > 0) write(spoken, `${titleOf(node)} leads to ${plural(between, "node")}`);
  }

  // Camera --------------------------------------------------------------------------------------

  function everything() {
    return stages.worldBox(stage, stepping ? 34 : 0);
  }

  /** The part of the view that the buttons leave free: in a narrow one they are in the way. */
  function room(): Size {
    return size.width < NARROW ? { ...size, height: size.height - 44 } : size;
  }

  /** All of the graph where it can be read so; else a readable part, at the node that matters. */
  function frameIt(): void {
    camera = fit(everything(), room());
    if (camera.scale >= READABLE) return;
    if (!nodes.kind.length) return;
    const { x, y } = stages.centreOf(stage, boxOf(cursor ?? nowNode()));
    camera = around(x, y, 0.8, everything(), room());
    camera = pan(camera, 0, -camera.scale * stages.offRow(seen(camera, size).top));
  }

  function showAll(): void {
    wasMoved = true;
    glide();
    camera = fit(everything(), room());
    draw();
  }

  function zoomBy(factor: number, x = size.width / 2, y = size.height / 2): void {
    wasMoved = true;
    camera = zoom(camera, factor, x, y);
    moveSoon();
  }

  function centreOn(x: number, y: number): void {
    wasMoved = true;
    const { scale } = camera;
    camera = { x: size.width / 2 - x * scale, y: size.height / 2 - y * scale, scale };
    drawSoon();
  }

  /** A graph that grows stays in view: whole while it can be read so, then its newest part. */
  function keepInView(): void {
    if (!size.width) return;
    const whole = fit(everything(), room());
    const isShown = whole.scale >= READABLE;
    if (isShown && whole.scale < camera.scale) glide();
    const isInView = isInside(everything(), seen(camera, size));
    if (isShown) camera = whole.scale < camera.scale || !isInView ? whole : camera;
    else follow(nowNode());
    draw();
  }

  function follow(node: number): void {
    const moved = bringIn(camera, stages.boxAround(stage, boxOf(node)), 1.5 * HEIGHT, room());
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
    // As when details open beside it; not while a hand draws at the window's edge.
    if (size.width && Math.abs(shift[0]) > 40) glide();
    size = { width, height };
    tip.hide();
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
    minimap.show(stage, camera, size);
    if (isFar) return far.paint({ ...stage, camera, size, state, marked });
    place();
    drawFrames();
    drawLines(inView);
    drawNodes(inView?.boxes ?? stage.labels.keys(), marked);
    drawFlows();
  }

  function place(): void {
    world.style.transform = `translate(${camera.x}px, ${camera.y}px) scale(${camera.scale})`;
  }

  /** Where all boxes are in the page, a camera that moves changes nothing in them. */
  function moveSoon(): void {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      if (stage.plan.count > WHOLE || !nodeLayer.childElementCount) return draw();
      place();
      minimap.show(stage, camera, size);
    });
  }

  function state(box: number): string | null {
    return stepping ? stages.boxState(stage, box, position) : null;
  }

  function drawNodes(boxes: Iterable<number>, marked: number): void {
    const { scene, labels, keys } = stage;
    const chosen = selected === null ? -1 : boxOf(selected);
    const isGrowing = trace.parts !== undefined && nodeLayer.childElementCount > 0;
    patch(nodeLayer, boxes, lookOf, (box) => {
      const { x, y } = stages.centreOf(stage, box);
      const made = drawNode(labels[box]!, scene.nodeOf[box]!);
      made.setAttribute("transform", `translate(${x} ${y})`);
      if (isGrowing && !seenBefore.has(keys[box]!)) made.classList.add("gl-new");
      seenBefore.add(keys[box]!);
      return made;
    });
    const found = new Set([...matches].map(boxOf));
    const stopping = new Set(options.stops().map(boxOf));
    for (const node of nodeLayer.children as Iterable<Keyed>) {
      const box = node.glBox!;
      mark(node, "data-gl-node", `${scene.nodeOf[box]!}`);
      mark(node, "data-state", state(box));
      const marks = {
        cursor: box === marked,
        selected: box === chosen,
        found: found.has(box),
        path: !!path?.[scene.nodeOf[box]!],
        stop: stopping.has(box),
        second: !!times.marks.get(scene.nodeOf[box]!)?.includes(" of "),
      };
      for (const [name, is] of Object.entries(marks)) node.toggleAttribute(`data-${name}`, is);
      const note = stepping ? stages.noteOf(trace, times, scene, box, position) : null;
      if (note !== null) write(node.querySelector(".gl-note")!, note);
      else if (trace.parts) write(node.querySelector(".gl-note")!, labels[box]!.note);
    }
  }

  /** What makes a box another one to draw; where it is the same, the element stays. */
  function lookOf(box: number): string {
    const { kind, title, tag, width } = stage.labels[box]!;
    const { x, y } = stages.centreOf(stage, box);
    return `${stage.keys[box]}|${kind}|${title}|${tag}|${width}|${x}|${y}`;
  }

  function drawFrames(): void {
    const inView = stages.framesIn(stage, seen(camera, size));
    const shown = stage.plan.count > WHOLE ? inView : stage.frames;
    const look = (at: number) => `${groups.key[shown[at]!.group]} ${shown[at]!.path}`;
    patch(frameLayer, shown.keys(), look, (at) => frameLabel(groups, shown[at]!));
  }

  /** Keys from 0 are lines; trunks are told apart by counting down from -1. */
  function drawLines(inView: { boxes: Set<number>; owners: Set<number> } | null): void {
    const { scene, strokes, plan, labels } = stage;
    const { nodeOf } = scene;
    const keys = [...(inView ? stages.linesAt(stage, inView.boxes) : scene.edges.keys())];
    for (const box of inView?.owners ?? labels.keys()) if (plan.bends[box]) keys.push(-1 - box);
    patch(lineLayer, keys, String, (key) =>
      s("path.gl-line", { d: key < 0 ? strokes.trunk(-1 - key) : strokes.branch(key) }),
    );
    for (const line of lineLayer.children as Iterable<Keyed>) {
      const key = line.glBox!;
      const from = key < 0 ? nodeOf[-1 - key]! : trace.edges.from[scene.edges[key]![0]!]!;
      line.toggleAttribute("data-path", !!path?.[from]);
    }
  }

  /** The gradients: those that leave now as arrows towards the inputs, all of them as labels. */
  function drawFlows(): void {
    const arriving = position < 0 ? [] : stages.linesInto(stage, boxOf(nowNode()));
    const now = [...arriving].filter(flowsNow).slice(0, stages.MOST_LINES);
    const isSmall = stage.plan.count <= MOST_LABELS;
    const labelled = isSmall ? stage.scene.edges.keys() : now;
    flowLayer.replaceChildren(
      ...now.map((line) =>
        s("path.gl-flow", { "data-gl": "flow", d: stage.strokes.backwards(line) }),
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
    on(signal, "abort", () => {
      resized.disconnect();
      themed.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(choosing);
    });
    on(element, "keydown", onKey);
    listenToHands(element, {
      drag(x, y) {
        wasMoved = true;
        camera = pan(camera, x, y);
        moveSoon();
      },
      press(x, y) {
        const handle = handleAt(x, y);
        if (handle !== null) toggleGroup(handle);
        else choose(nodeAt(x, y));
      },
      pressTwice(x, y) {
        clearTimeout(choosing);
        const node = handleAt(x, y) === null ? nodeAt(x, y) : null;
        if (node !== null && groupStates(node).length) openOrFold(node);
      },
      hover(x, y) {
        const node = nodeAt(x, y);
        element.classList.toggle("gl-over", node !== null || handleAt(x, y) !== null);
        if (node === null) tip.hide();
        else tip.show(titleOf(node), factsOf(trace, node), x, y, size);
      },
      leave: tip.hide,
      zoom: zoomBy,
    });
  }

  /** Details that open beside the picture move it: not before a second press had its time. */
  function choose(node: number | null): void {
    clearTimeout(choosing);
    const isMoving = selected === null && !stepping;
    const mayComeTwice = isMoving && node !== null && groupStates(node).length > 0;
    if (mayComeTwice) choosing = setTimeout(select, TWICE, node);
    else select(node);
  }

  /** A point of the view, in the world. */
  function inWorld(x: number, y: number): [number, number] {
    return [(x - camera.x) / camera.scale, (y - camera.y) / camera.scale];
  }

  function nodeAt(x: number, y: number): number | null {
    const box = stages.boxAt(stage, ...inWorld(x, y));
    return box === null ? null : stage.scene.nodeOf[box]!;
  }

  /** The group whose plus sign or frame's name is at a point; null if there is none. */
  function handleAt(x: number, y: number): string | null {
    const group = stages.handleAt(stage, ...inWorld(x, y));
    return group === null ? null : groups.key[group]!;
  }

  function onKey(event: KeyboardEvent): void {
    const act = event.target === element && !hasModifier(event) && actionFor(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function actionFor({ key, shiftKey }: KeyboardEvent): (() => void) | undefined {
    if (!nodes.kind.length) return undefined;
    const node = cursor ?? nowNode();
    const box = boxOf(node);
    const up = (isUp: boolean) => () => moveTo(stages.neighbour(stage, box, isUp));
    const across = (way: number) => () => moveTo(stages.sibling(stage, box, way));
    const closer = () => zoomBy(1.3);
    const acts: Record<string, () => void> = {
      ArrowUp: up(true),
      ArrowDown: up(false),
      Enter: toggleDetails,
      "+": closer,
      "=": closer,
      "-": () => zoomBy(1 / 1.3),
      "0": showAll,
      o: () => openOrFold(node),
      "/": search.open,
      ...(stepping === shiftKey && { ArrowLeft: across(-1), ArrowRight: across(1) }),
      ...(!stepping && {
        Home: () => moveTo(0),
        End: () => moveTo(boxOf(trace.root)),
        " ": toggleDetails,
      }),
    };
    return acts[key];
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
    tellOf(node);
    if (selected !== null) select(node);
  }

  function titleOf(node: number): string {
    const { title, tag } = stage.labels[boxOf(node)]!;
    return `${title} ${tag}`;
  }
}

function summary({ nodes, root }: Trace, stepping: boolean): string {
  if (!nodes.kind.length) return "Graph without nodes.";
  return (
    `Graph of ${nodes.name[root] || nodes.title[root]}, ${plural(nodes.kind.length, "node")}. ` +
    `Up and down follow the edges, ${stepping ? "shift with " : ""}left and right go along ` +
    "a row, enter shows details, o opens and closes groups, slash searches, t shows a table."
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

type Keyed = SVGElement & { glBox?: number; glLook?: string };

/** Makes the children of `parent` those of `boxes`, keeping the ones that look the same. */
function patch(
  parent: Element,
  boxes: Iterable<number>,
  lookOf: (box: number) => string,
  make: (box: number) => SVGElement,
): void {
  const wanted = new Map([...boxes].map((box) => [lookOf(box), box]));
  for (const child of [...parent.children] as Keyed[]) {
    const box = wanted.get(child.glLook!);
    if (box === undefined) child.remove();
    else child.glBox = box;
    wanted.delete(child.glLook!);
  }
  for (const [look, box] of wanted) {
    const made: Keyed = make(box);
    made.glBox = box;
    made.glLook = look;
    parent.append(made);
  }
}

/** Whether repetitions are worth folding. */
function isLarge({ nodes }: Trace): boolean {
  return nodes.kind.length > COMFORTABLE;
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
