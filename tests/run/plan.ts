// Finds the tests to run, and plans which of them run side by side.

/** A test file. */
export interface TestFile {
  /** The path, relative to the project's folder. */
  path: string;
  bytes: number;
}

/** The files for one process of `deno test`. */
export interface Job {
  files: string[];
  /** True if a wait for a CPU could make it fail. */
  urgent: boolean;
}

/** The order in which jobs run. */
export interface Plan {
  /** Jobs that run side by side, started in this order. */
  together: Job[];
  /** Jobs that run after all those, with a CPU for each. */
  calm: Job[];
}

/** Files whose tests measure memory, speed or the time between two events, which other tests would distort. */
export const CALM: readonly string[] = [
  "tests/integration/allocation_test.ts",
  "tests/integration/congestion_test.ts",
  "tests/integration/endurance_test.ts",
  "tests/integration/fairness_test.ts",
  "tests/integration/ring_stamp_test.ts",
];

/** The folder of a unit test. */
const UNIT = /^tests\/unit\/.*\//;
/** Tests with a real pppd. */
const REAL = /^tests\/e2e\//;
/** Files with compilers, which take longer than the size of the files suggests. */
const COMPILE = /^tests\/compile\//;
const TEST_FILE = /_test\.ts$/;
/** Flags of `deno test` whose value may be a separate argument. */
const WITH_VALUE = ["--filter"];

/** Separates files and folders from flags. */
export function argumentsOf(args: string[]): { paths: string[]; flags: string[] } {
  const paths: string[] = [];
  const flags: string[] = [];
  for (const [at, arg] of args.entries()) {
    (arg.startsWith("-") || WITH_VALUE.includes(args[at - 1]) ? flags : paths).push(arg);
  }
  return { paths, flags };
}

/**
 * Finds test files.
 *
 * @param root The project's folder, with a trailing slash
 * @param path A file of any name, or a folder; absolute, or relative to the project's folder
 * @returns The files, sorted by path within each folder
 * @throws {Error} If there is no such file or folder
 */
export function findTests(root: string, path: string): TestFile[] {
  const full = path.startsWith("/") ? path : `${root}${path.replace(/^(\.\/)+/, "")}`;
  const { isDirectory, size } = stat(full, path);
  if (!isDirectory) return [{ path: full.replace(root, ""), bytes: size }];
  const names = [...Deno.readDirSync(full)]
    .filter(({ name, isDirectory }) => isDirectory || TEST_FILE.test(name))
    .map(({ name }) => name);
  return names.sort().flatMap((name) => findTests(root, `${full.replace(/\/+$/, "")}/${name}`));
}

function stat(full: string, path: string): Deno.FileInfo {
  try {
    return Deno.statSync(full);
  } catch (cause) {
    throw new Error(`Cannot find tests in ${path}: no such file or folder`, { cause });
  }
}

/**
 * Plans a run. Each file gets its own process, because some tests count the process's descriptors or change its global
 * state. Unit tests are many and short, so each folder of them shares one process. Jobs start in order of size, the
 * largest first, and those with a real pppd, which mostly waits, alternate with the others.
 */
export function planRun(files: TestFile[]): Plan {
  const groups = Map.groupBy(files, ({ path }) => UNIT.exec(path)?.[0] ?? path);
  const jobs = [...groups.values()]
    .sort((a, b) => weight(b) - weight(a))
    .map((group) => group.map(({ path }) => path))
    .map((files) => ({ files, urgent: REAL.test(files[0]) || CALM.includes(files[0]) }));
  const calm = jobs.filter(({ files }) => CALM.includes(files[0]));
  const real = jobs.filter(({ files }) => REAL.test(files[0]));
  const others = jobs.filter((job) => !calm.includes(job) && !real.includes(job));
  const together: Job[] = [];
  while (real.length + others.length > 0) {
    together.push(...real.splice(0, 1), ...others.splice(0, 1));
  }
  return { together, calm };
}

function weight(group: TestFile[]): number {
  return group.reduce((sum, { path, bytes }) => sum + (COMPILE.test(path) ? Infinity : bytes), 0);
}
