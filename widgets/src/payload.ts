/**
 * What every payload is checked with: rules for cells, and the places where they are broken.
 *
 * trace.ts and chart-data.ts say with these which payloads of docs/trace.md the browser accepts; a
 * payload that does not fit is refused with a sentence naming the place.
 */

/** One element of a value: JSON has no NaN, infinity or complex numbers, so those are text. */
export type Element = number | string;

/** A payload that does not fit docs/trace.md; the message says where and why. */
export class Misfit extends Error {}

/** How many rows each table has: what an index into it must stay below. */
export type Sizes = Readonly<Record<string, number>>;
/** Says what a cell should have been, or nothing when it fits. */
export type Rule = (cell: unknown, sizes: Sizes) => string | null;

const isCount = (cell: unknown): cell is number => Number.isInteger(cell) && (cell as number) >= 0;
const isElement = (cell: unknown): cell is Element =>
  typeof cell === "string" || (typeof cell === "number" && Number.isFinite(cell));

export const text: Rule = (cell) => (typeof cell === "string" ? null : "text");
export const count: Rule = (cell) => (isCount(cell) ? null : "a whole number, 0 or more");
export const statistic: Rule = (cell) =>
  cell === null || isElement(cell) ? null : "a number, text or null";

export const oneOf =
  (...names: string[]): Rule =>
  (cell) =>
    names.includes(cell as string) ? null : `one of ${names.join(", ")}`;

export const indexOf =
  (table: string): Rule =>
  (cell, sizes) =>
    isCount(cell) && cell < sizes[table]! ? null : `an index into ${table}, below ${sizes[table]}`;

export const orNull =
  (rule: Rule): Rule =>
  (cell, sizes) => {
    const wanted = cell === null ? null : rule(cell, sizes);
    return wanted && `${wanted}, or null`;
  };

export const listOf =
  (rule: Rule): Rule =>
  (cell, sizes) => {
    if (!Array.isArray(cell)) return "a list";
    for (const item of cell) {
      const wanted = rule(item, sizes);
      if (wanted) return `a list in which each entry is ${wanted}`;
    }
    return null;
  };

export const element: Rule = (cell) => (isElement(cell) ? null : "a finite number or text");

export type Columns = Record<string, Rule>;

export type Bag = Record<string, unknown>;

export const isBag = (value: unknown): value is Bag =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function opened(payload: unknown): Bag {
  if (!isBag(payload) || Object.keys(payload).length === 0) {
    throw new Misfit("the payload is empty");
  }
  if (![1, 2, 3].includes(payload.schema as number)) {
    throw new Misfit(`schema is ${shown(payload.schema)}, and this widget reads 1, 2 and 3`);
  }
  return payload;
}

export function list(value: unknown, place: string): unknown[] {
  return found(value, place, Array.isArray(value), "a list") as unknown[];
}

export function table(payload: Bag, name: string): Bag {
  return found(payload[name], name, isBag(payload[name]), "an object of columns") as Bag;
}

function found(value: unknown, place: string, fits: boolean, wanted: string): unknown {
  if (value === undefined) throw new Misfit(`${place} is missing`);
  require(place, fits ? null : wanted, value);
  return value;
}

export function rows(payload: Bag, name: string, column: string): number {
  return list(table(payload, name)[column], `${name}.${column}`).length;
}

export function checkColumns(payload: Bag, name: string, columns: Columns, sizes: Sizes): void {
  const first = Object.keys(columns)[0]!;
  const length = rows(payload, name, first);
  for (const [column, rule] of Object.entries(columns)) {
    const place = `${name}.${column}`;
    const cells = list(table(payload, name)[column], place);
    checkLength(cells, place, length, `${name}.${first}`);
    checkList(cells, place, rule, sizes);
  }
}

export function checkLength(cells: unknown[], place: string, length: number, model: string): void {
  if (cells.length !== length) {
    throw new Misfit(`${place} has ${cells.length} rows, but ${model} has ${length}`);
  }
}

export function checkList(cells: unknown[], place: string, rule: Rule, sizes: Sizes): void {
  cells.forEach((cell, row) => {
    const wanted = rule(cell, sizes);
    if (wanted) require(`${place}[${row}]`, wanted, cell);
  });
}

export function require(place: string, wanted: string | null, got: unknown): void {
  if (wanted) throw new Misfit(`${place} should be ${wanted}, but is ${shown(got)}`);
}

function shown(value: unknown): string {
  const written = value === undefined ? "missing" : JSON.stringify(value);
  return written.length > 60 ? `${written.slice(0, 59)}…` : written;
}
