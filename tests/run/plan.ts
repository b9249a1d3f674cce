// Which tests run, and which of them side by side.

/** A file of tests. */
export interface TestFile {
  /** Its path from the project's folder. */
  path: string;
  bytes: number;
}

/** Files for one process of `deno test`. */
export interface Job {
  files: string[];
  /** A real pppd is in it. */
  real: boolean;
}

/** A run of tests. */
export interface Plan {
  /** Side by side, taken up in this order. */
  together: Job[];
  /** One after the other, with nothing beside them. */
  alone: Job[];
}

/** Files whose tests measure memory, speed or the time between two events: a test beside them would count too. */
export const ALONE: readonly string[] = [
  "tests/integration/allocation_test.ts",
  "tests/integration/congestion_test.ts",
  "tests/integration/endurance_test.ts",
  "tests/integration/fairness_test.ts",
  "tests/integration/ring_stamp_test.ts",
];

/** Compilers, which take longer than the few tests of their file suggest. */
const COMPILE = /^tests\/compile\//;
const TEST_FILE = /_test\.ts$/;
/** Flags of `deno test` whose value may be an argument of its own. */
const WITH_VALUE = ["--filter"];

/** Tells files and folders from flags. */
export function argumentsOf(args: string[]): { paths: string[]; flags: string[] } {
  const paths: string[] = [];
  const flags: string[] = [];
  for (const [at, arg] of args.entries()) {
    (arg.startsWith("-") || WITH_VALUE.includes(args[at - 1]) ? flags : paths).push(arg);
  }
  return { paths, flags };
}

/**
 * Finds the files of tests.
 *
 * @param root The project's folder, with a slash at its end
 * @param path A file, which is taken whatever its name, or a folder; absolute, or from the project's folder
 * @throws {NotFound} If there is no such file or folder
 */
export function findTests(root: string, path: string): TestFile[] {
  const full = path.startsWith("/") ? path : `${root}${path.replace(/^(\.\/)+/, "")}`;
  const { isDirectory, size } = Deno.statSync(full);
  if (!isDirectory) return [{ path: full.replace(root, ""), bytes: size }];
  const names = [...Deno.readDirSync(full)]
    .filter(({ name, isDirectory }) => isDirectory || TEST_FILE.test(name))
    .map(({ name }) => name);
  return names.sort().flatMap((name) => findTests(root, `${full.replace(/\/+$/, "")}/${name}`));
}

/**
 * Plans a run. Each file has a process of its own, since some tests count the process's descriptors or change what all
 * of it shares; unit tests are many and short, so that a folder of them shares one. The longest come first, by the
 * length of their text, and every other one is a real pppd's, which mostly waits.
 */
export function planRun(files: TestFile[]): Plan {
  const alone = files.filter(({ path }) => ALONE.includes(path));
  const groups = new Map<string, { job: Job; bytes: number }>();
  for (const { path, bytes } of files) {
    if (ALONE.includes(path)) continue;
    const name = /^tests\/unit\//.test(path) ? path.replace(/[^/]*$/, "") : path;
    const group = groups.get(name) ?? { job: { files: [], real: isReal(path) }, bytes: 0 };
    groups.set(name, group);
    group.job.files.push(path);
    group.bytes += COMPILE.test(path) ? Infinity : bytes;
  }
  const jobs = [...groups.values()].sort((a, b) => b.bytes - a.bytes).map(({ job }) => job);
  const real = jobs.filter((job) => job.real);
  const others = jobs.filter((job) => !job.real);
  const together: Job[] = [];
  while (real.length + others.length > 0) {
    together.push(...real.splice(0, 1), ...others.splice(0, 1));
  }
  return { together, alone: alone.map(({ path }) => ({ files: [path], real: isReal(path) })) };
}

function isReal(path: string): boolean {
  return path.startsWith("tests/e2e/");
}
