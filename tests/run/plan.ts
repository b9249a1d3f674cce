// Which files of tests run side by side, and which run alone.

/** Files in one process of `deno test`. */
export interface Job {
  /** For the reader. */
  name: string;
  files: string[];
}

/** A run of tests. */
export interface Plan {
  /** Side by side, in this order: the longest first. */
  together: Job[];
  /** One after the other, with nothing beside them. */
  alone: Job[];
}

/** A file of tests. */
export interface TestFile {
  path: string;
  bytes: number;
}

/** Files whose tests compare speeds, times or memory: another test beside them would count too. */
export const ALONE: readonly string[] = [
  "tests/integration/allocation_test.ts",
  "tests/integration/congestion_test.ts",
  "tests/integration/endurance_test.ts",
  "tests/integration/fairness_test.ts",
];

const UNIT = /^tests\/unit\//;
// Real pppd and kernels that boot: nothing takes longer.
const LONG = /^tests\/e2e\//;

/**
 * Plans a run: a process for each file, since some tests count the process's descriptors or change its state. The unit
 * tests hardly wait and share one.
 *
 * @param files All that were asked for, by their paths from the project's folder
 */
export function planRun(files: TestFile[]): Plan {
  const unit = files.filter(({ path }) => UNIT.test(path));
  const single = files.filter(({ path }) => !UNIT.test(path) && !ALONE.includes(path));
  const alone = files.filter(({ path }) => ALONE.includes(path));
  const rank = ({ path }: TestFile) => LONG.test(path) ? 0 : 1;
  // A long file has many tests.
  single.sort((a, b) => rank(a) - rank(b) || b.bytes - a.bytes);
  const together = single.map(toJob);
  if (unit.length > 0) {
    const job = { name: "unit tests", files: unit.map(({ path }) => path) };
    together.splice(single.filter((file) => rank(file) === 0).length, 0, job);
  }
  return { together, alone: alone.map(toJob) };
}

function toJob({ path }: TestFile): Job {
  return { name: path, files: [path] };
}
