// deno task test: runs all tests, or those in the given files and folders, several files at a time. It passes flags
// such as --filter TEXT on to `deno test`, and prints the same closing line.

import { argumentsOf, findTests, type Job, planRun } from "./plan.ts";
import { closingLine, type Counts, type Outcome, readOutcome, sum } from "./outcome.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const DURATION = "about 2½ minutes with two CPUs";
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The number of jobs per CPU; most tests wait more than they compute. */
const JOBS_PER_CPU = 3;
/** The maximum number of jobs at a time; beyond it, the longest job alone determines the duration. */
const MOST_JOBS = 12;
/** The memory for one job: Deno, two programs and their hosts, or a small kernel. */
const JOB_BYTES = 400 * 2 ** 20;

/** The factor for time limits when tests run side by side; the limits are made for an idle machine. */
const PATIENCE = "3";
/** Gives priority to tests that cannot wait: with a real pppd, which has timeouts of its own, or time measurements. */
const NICE = ["nice", "-n", "-10"];

const running = new Set<Deno.ChildProcess>();

function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

async function collect(stream: ReadableStream<Uint8Array>, pieces: Uint8Array[]): Promise<void> {
  for await (const piece of stream) pieces.push(piece);
}

/** Runs `deno test` and waits for its end. */
async function denoTest(args: string[], before: string[] = [], patience = "1"): Promise<Outcome> {
  const [program, ...rest] = [...before, Deno.execPath(), "test", ...args];
  const child = new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    env: { NO_COLOR: "1", LAB_PATIENCE: Deno.env.get("LAB_PATIENCE") ?? patience },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  // The pieces of both pipes, in the order of their arrival as far as that is known.
  const pieces: Uint8Array[] = [];
  const reading = [child.stdout, child.stderr].map((stream) => collect(stream, pieces));
  const [{ code }] = await Promise.all([child.status, ...reading]);
  running.delete(child);
  return readOutcome(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).text(), code);
}

function jobsAtOnce(cpus: number): number {
  const room = Math.floor(Deno.systemMemoryInfo().available / JOB_BYTES);
  return Math.max(1, Math.min(JOBS_PER_CPU * cpus, MOST_JOBS, room));
}

async function main(args: string[]): Promise<number> {
  const startMs = performance.now();
  const { paths, flags } = argumentsOf(args);
  const files = (paths.length === 0 ? ["tests"] : paths).flatMap((path) => findTests(ROOT, path));
  if (files.length === 0) throw new Error(`Cannot find tests in ${paths.join(" and ")}`);
  const { together, calm } = planRun(files);
  const cpus = navigator.hardwareConcurrency;
  const atOnce = jobsAtOnce(cpus);
  const takes = args.length === 0 ? `: ${DURATION}, and ${cpus} are here` : "";
  print(`${files.length} test files, ${atOnce} at a time${takes}`);

  const counts: Counts[] = [];
  const errors: string[] = [];
  const note = (outcome: Outcome) => {
    counts.push(outcome.counts);
    if (outcome.errors !== "") errors.push(outcome.errors);
    if (outcome.list !== "") print(`\n${outcome.list}`);
  };
  const run = async (jobs: Job[], lanes: number, patience?: string) => {
    const queue = jobs.values();
    await Promise.all(Array.from({ length: lanes }, async () => {
      for (const { files, urgent } of queue) {
        const before = urgent && Deno.uid() === 0 ? NICE : [];
        note(await denoTest(["-A", "--no-check", ...flags, ...files], before, patience));
      }
    }));
  };
  const checkTypes = async () => {
    const outcome = await denoTest(["--no-run", ...files.map(({ path }) => path)]);
    if (outcome.counts.failed > 0) note(outcome);
  };
  await Promise.all([checkTypes(), run(together, atOnce, PATIENCE)]);
  await run(calm, cpus);

  const total = sum(counts);
  if (errors.length > 0) print(`\n ERRORS \n\n${errors.join("\n\n")}`);
  print(`\n${closingLine(total, performance.now() - startMs)}`);
  return total.failed === 0 ? 0 : 1;
}

for (const signal of SIGNALS) {
  Deno.addSignalListener(signal, () => {
    for (const child of running) child.kill("SIGTERM");
    Deno.exit(130);
  });
}
try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  print((error as Error).message);
  Deno.exit(1);
}
