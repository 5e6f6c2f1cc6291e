/** Contours of heights on a grid: regions above a level, and the lines at it, as paths. */

export interface Grid {
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** A row of heights for each y; what is not finite is a hole. */
  readonly z: readonly (readonly number[])[];
}

type Point = readonly [x: number, y: number, height: number];
type Place = (x: number, y: number) => readonly [number, number];

/** The region where heights are at least `level`, and its border inside the grid. */
export function regionAbove(
  grid: Grid,
  level: number,
  place: Place,
): { region: string; line: string } {
  let region = "";
  let line = "";
  const write = ([x, y]: Point) => {
    const [left, top] = place(x, y);
    return `${left.toFixed(1)} ${top.toFixed(1)}`;
  };
  for (let row = 0; row + 1 < grid.y.length; row++) {
    let run: number | null = null;
    for (let column = 0; column + 1 < grid.x.length; column++) {
      const corners = cornersOf(grid, row, column);
      const isFull = corners.every(([, , height]) => height >= level);
      if (isFull) {
        run ??= column;
        continue;
      }
      if (run !== null) region += wholeCells(grid, row, run, column, write);
      run = null;
      if (!corners.every(([, , height]) => Number.isFinite(height))) continue;
      const above = clipped(corners, level);
      if (above.length < 3) continue;
      region += `M${above.map(write).join("L")}z`;
      for (const [at, point] of above.entries()) {
        const next = above[(at + 1) % above.length]!;
        if (point[2] === level && next[2] === level) line += `M${write(point)}L${write(next)}`;
      }
    }
    if (run !== null) region += wholeCells(grid, row, run, grid.x.length - 1, write);
  }
  return { region, line };
}

/** A cell's corners, one after the other around it. */
function cornersOf({ x, y, z }: Grid, row: number, column: number): Point[] {
  const corner = (down: number, right: number): Point => [
    x[column + right]!,
    y[row + down]!,
    z[row + down]![column + right]!,
  ];
  return [corner(0, 0), corner(0, 1), corner(1, 1), corner(1, 0)];
}

/** Cells of one row, from column `first` to before `end`, as one rectangle. */
function wholeCells(
  { x, y }: Grid,
  row: number,
  first: number,
  end: number,
  write: (point: Point) => string,
): string {
  const [left, right, low, high] = [x[first]!, x[end]!, y[row]!, y[row + 1]!];
  const around = [[left, low], [right, low], [right, high], [left, high]] as const;
  return `M${around.map(([across, up]) => write([across, up, 0])).join("L")}z`;
}

/** The part of a polygon that is at least `level` high; its new corners are exactly that high. */
function clipped(corners: readonly Point[], level: number): Point[] {
  const kept: Point[] = [];
  for (const [at, from] of corners.entries()) {
    const to = corners[(at + 1) % corners.length]!;
    if (from[2] >= level) kept.push(from);
    if (from[2] >= level === to[2] >= level) continue;
    const share = (level - from[2]) / (to[2] - from[2]);
    kept.push([from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1]), level]);
  }
  return kept;
}
