// What the measures say, under names that the report knows.

/** One number. */
export interface Figure {
  value: number;
  /** The generator gave out before the path did. */
  atLeast?: boolean;
  /** Too much of the CPU was stolen meanwhile. */
  unsure?: boolean;
}

/** The figures of a path, of one round or of all: `rate.1514.1.up`, `latency.1000.p50`, … */
export type Figures = Record<string, Figure>;

/** The middle one; of an even number the mean of the middle two. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** The medians of several rounds. A doubt about one of them is a doubt about all. */
export function medianFigures(rounds: Figures[]): Figures {
  const names = new Set(rounds.flatMap((figures) => Object.keys(figures)));
  return Object.fromEntries([...names].map((name) => {
    const figures = rounds.map((round) => round[name]).filter((figure) => figure !== undefined);
    return [name, {
      value: median(figures.map(({ value }) => value)),
      atLeast: figures.some(({ atLeast }) => atLeast),
      unsure: figures.some(({ unsure }) => unsure),
    }];
  }));
}
