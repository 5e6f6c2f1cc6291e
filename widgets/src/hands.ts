/** Pointer and wheel over a drawing, told apart: drag, press, double press, hover, zoom. */

import { on } from "./dom";

export interface Hands {
  readonly drag: (x: number, y: number) => void;
  readonly press: (x: number, y: number) => void;
  readonly pressTwice: (x: number, y: number) => void;
  readonly hover: (x: number, y: number) => void;
  readonly leave: () => void;
  readonly zoom: (factor: number, x: number, y: number) => void;
}

/** A pointer that moves less than this is pressing, not dragging. */
const STILL = 4;

/** Reports what hands do on `element`, in its own coordinates; its buttons are left alone. */
export function listenToHands(element: HTMLElement, hands: Hands): void {
  let grip: { x: number; y: number; isDrag: boolean } | null = null;

  on(element, "pointerdown", (event) => {
    if (event.button || isOnButton(event)) return;
    grip = { x: event.clientX, y: event.clientY, isDrag: false };
  });
  on(element, "pointermove", (event) => {
    if (!grip) {
      if (event.pointerType === "touch" || isOnButton(event)) hands.leave();
      else hands.hover(...placeOf(event));
      return;
    }
    const [x, y] = [event.clientX - grip.x, event.clientY - grip.y];
    if (!grip.isDrag && Math.hypot(x, y) < STILL) return;
    if (!grip.isDrag) element.setPointerCapture(event.pointerId);
    grip = { x: event.clientX, y: event.clientY, isDrag: true };
    element.classList.add("gl-dragging");
    hands.leave();
    hands.drag(x, y);
  });
  const release = () => {
    grip = null;
    element.classList.remove("gl-dragging");
  };
  on(element, "pointerup", (event) => {
    if (grip && !grip.isDrag) hands.press(...placeOf(event));
    release();
  });
  on(element, "pointercancel", release);
  on(element, "pointerleave", hands.leave);
  on(element, "dblclick", (event) => {
    if (!isOnButton(event)) hands.pressTwice(...placeOf(event));
  });
  on(element, "wheel", onWheel, { passive: false });

  /** A wheel scrolls the page unless the drawing has the focus or a modifier asks for zoom. */
  function onWheel(event: WheelEvent): void {
    const { ctrlKey, metaKey, deltaMode, deltaY } = event;
    if (!ctrlKey && !metaKey && !element.matches(":focus-within")) return;
    event.preventDefault();
    const turned = deltaY * (deltaMode ? 16 : 1) * (ctrlKey ? -0.01 : -0.002);
    hands.zoom(Math.exp(turned), ...placeOf(event));
  }

  function placeOf({ clientX, clientY }: MouseEvent): [number, number] {
    const { left, top } = element.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }
}

function isOnButton({ target }: Event): boolean {
  return (target as Element).closest("button") !== null;
}
