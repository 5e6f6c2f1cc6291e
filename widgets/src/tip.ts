/** The tooltip of a drawing: a title and a few lines beside the pointer. */

import type { Size } from "./camera";
import { h } from "./dom";
import { max, min } from "./lists";

export interface Tip {
  readonly element: HTMLElement;
  /** Stands beside the point (x, y), within `room`. */
  readonly show: (title: string, lines: string[], x: number, y: number, room: Size) => void;
  readonly hide: () => void;
}

export function createTip(): Tip {
  const element = h("div.gl-tip", { hidden: true });

  function show(title: string, lines: string[], x: number, y: number, room: Size): void {
    element.hidden = false;
    element.replaceChildren(h("strong", title), ...lines.map((line) => h("div", line)));
    const { offsetWidth, offsetHeight } = element;
    const isLow = y + 18 + offsetHeight > room.height;
    const left = min(x + 12, room.width - offsetWidth - 4);
    const top = isLow ? y - offsetHeight - 10 : y + 18;
    element.style.left = `${max(4, left)}px`;
    element.style.top = `${max(4, top)}px`;
  }

  return { element, show, hide: () => (element.hidden = true) };
}
