// What the measures say, under names that the report knows.

/** One number. */
export interface Figure {
  value: number;
  /** The generator gave out before the path did. */
  atLeast?: boolean;
  /** Others had too much of the CPU meanwhile. */
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

/** The medians of several rounds. What holds of half of them or more holds of the median. */
export function medianFigures(rounds: Figures[]): Figures {
  const names = new Set(rounds.flatMap((figures) => Object.keys(figures)));
  return Object.fromEntries([...names].map((name) => {
    const figures = rounds.map((round) => round[name]).filter((figure) => figure !== undefined);
    return [name, {
      value: median(figures.map(({ value }) => value)),
      atLeast: inHalf(figures.map(({ atLeast }) => atLeast)),
      unsure: inHalf(figures.map(({ unsure }) => unsure)),
    }];
  }));
}

function inHalf(marks: (boolean | undefined)[]): boolean {
  return marks.filter((mark) => mark).length * 2 >= marks.length;
}
