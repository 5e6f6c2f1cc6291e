/** Axis ticks at round numbers: 1, 2 or 5 times a power of ten apart. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly { at: number; text: string }[];
}

/** An axis that holds all the finite numbers given, with about `wanted` ticks. */
export function axis(numbers: Iterable<number>, wanted: number, padding = 0): Axis {
  let [low, high] = [Infinity, -Infinity];
  for (const number of numbers) {
    if (!Number.isFinite(number)) continue;
    low = Math.min(low, number);
    high = Math.max(high, number);
  }
  if (low > high) [low, high] = [0, 1];
  if (low === high) {
    const around = Math.abs(low) / 2 || 1;
    [low, high] = [low - around, high + around];
  }
  const room = (high / 2 - low / 2) * 2 * padding;
  if (Number.isFinite(high - low + 2 * room)) [low, high] = [low - room, high + room];
  const step = roundStep(high / wanted - low / wanted || Number.MIN_VALUE);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const ticks = [];
  for (let tick = first; tick <= last && ticks.length < 4 * wanted; tick++) {
    const at = tick * step;
    ticks.push({ at, text: tickText(at, step, digits) });
  }
  return { low, high, ticks };
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  return (share < 1.5 ? 1 : share < 3 ? 2 : share < 7 ? 5 : 10) * power;
}

function tickText(at: number, step: number, digits: number): string {
  if (at === 0) return "0";
  const isOdd = digits > 4 || Math.abs(at) >= 1e6 || step >= 1e6;
  return isOdd ? at.toExponential(1).replace(".0e", "e") : at.toFixed(digits);
}
