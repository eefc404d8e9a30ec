/** Figures, how they are measured in this process, and how they are printed. */

/** One line of the outcome. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  /** Undefined where this system cannot tell. */
  readonly value: number | undefined;
}

/** A figure, and the benchmark it comes from. */
export interface Named extends Figure {
  readonly bench: string;
}

/** A count for this scale: a whole number, and no less than `least`. */
export function scaled(count: number, scale: number, least = 1): number {
  return Math.max(least, Math.round(count * scale));
}

/** Rounds of which the best counts: what disturbs one of them seldom disturbs all. */
const ROUNDS = 7;

/** Microseconds per call, in the best of several rounds of so many calls. */
export function perCall(run: () => void, calls: number): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) run();
    best = Math.min(best, microseconds(start, calls));
  }
  return best;
}

/** The same for something that prepares each round, measures it itself and returns its figure. */
export async function bestRound(round: () => Promise<number>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) best = Math.min(best, await round());
  return best;
}

/** Microseconds each of so many calls took, begun at `start` (`performance.now()`). */
export function microseconds(start: number, calls: number): number {
  return (performance.now() - start) * 1000 / calls;
}

/** A table of three columns. */
export function table(figures: readonly Named[]): string {
  const rows = [
    ["what", "unit", "figure"],
    ...figures.map(({ bench, what, unit, value }) => [`${bench}: ${what}`, unit, shown(value)]),
  ];
  const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length));
  const [what, unit, figure] = [width(0), width(1), width(2)];
  return rows.map((row) =>
    `${row[0]!.padEnd(what)}  ${row[1]!.padEnd(unit)}  ${row[2]!.padStart(figure)}`
  ).join("\n");
}

/** Three digits: no measurement of this kind has more to say. */
function shown(value: number | undefined): string {
  if (value === undefined) return "not known here";
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
