// The results of the measures, by names that the report knows.

/** A figure. */
export interface Figure {
  value: number;
  /** True if the generator reached its limit before the path did. */
  atLeast?: boolean;
  /** True if something else used too much CPU time during the measurement. */
  unsure?: boolean;
}

/** The figures of a path in one round or over all rounds: `rate.1514.1.up`, `latency.1000.p50`, … */
export type Figures = Record<string, Figure>;

/** Returns the middle value, or the mean of the middle two. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Returns the medians of several rounds. A mark that half of the rounds or more have is kept. */
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
