// deno task test: all tests, or those of the files and folders that are named, several files at a time. Flags are given
// to `deno test`, such as --filter TEXT. It ends with the closing line that `deno test` would have.

import { argumentsOf, findTests, type Job, planRun } from "./plan.ts";
import { closingLine, type Counts, NO_COUNTS, type Outcome, readOutcome, sum } from "./outcome.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const DURATION = "about 2½ minutes with two CPUs";
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Most tests wait more than they compute. */
const JOBS_PER_CPU = 3;
/** The longest job takes as long as the sum of the others, from here on. */
const MOST_JOBS = 12;
/** Deno, two programs and their hosts, or a small kernel. */
const JOB_BYTES = 400 * 2 ** 20;

/** Time limits, which fit a machine that does nothing else, last that much longer when tests run side by side. */
const PATIENCE = "3";
/** How much sooner than others those tests get a CPU that can't wait: with a real pppd's time-outs, or time of their own. */
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

/** Runs `deno test` to its end. */
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
  // In the order in which they come, as far as that can be told of two pipes.
  const pieces: Uint8Array[] = [];
  const reading = [child.stdout, child.stderr].map((stream) => collect(stream, pieces));
  const [{ code }] = await Promise.all([child.status, ...reading]);
  running.delete(child);
  return readOutcome(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).text(), code);
}

function jobsAtOnce(): number {
  const room = Math.floor(Deno.systemMemoryInfo().available / JOB_BYTES);
  return Math.max(1, Math.min(JOBS_PER_CPU * navigator.hardwareConcurrency, MOST_JOBS, room));
}

async function main(args: string[]): Promise<number> {
  const startMs = performance.now();
  const { paths, flags } = argumentsOf(args);
  const files = (paths.length === 0 ? ["tests"] : paths).flatMap((path) => findTests(ROOT, path));
  const { together, alone } = planRun(files);
  const atOnce = jobsAtOnce();
  const takes = args.length === 0
    ? `: ${DURATION}, and ${navigator.hardwareConcurrency} are here`
    : "";
  print(`${files.length} files of tests, ${atOnce} at a time${takes}`);

  const counts: Counts[] = [];
  const errors: string[] = [];
  const note = (outcome: Outcome) => {
    counts.push(outcome.counts);
    if (outcome.errors !== "") errors.push(outcome.errors);
    if (outcome.list !== "") print(`\n${outcome.list}`);
  };
  const run = async ({ files }: Job, soon: boolean, patience?: string) => {
    const before = soon && Deno.uid() === 0 ? NICE : [];
    note(await denoTest(["-A", "--no-check", ...flags, ...files], before, patience));
  };
  const checkTypes = async () => {
    const { counts: { failed }, errors } = await denoTest([
      "--no-run",
      ...files.map(({ path }) => path),
    ]);
    if (failed > 0) note({ counts: { ...NO_COUNTS, failed }, list: "", errors });
  };

  const queue = together.values();
  const lanes = Array.from({ length: atOnce }, async () => {
    for (const job of queue) await run(job, job.real, PATIENCE);
  });
  await Promise.all([checkTypes(), ...lanes]);
  for (const job of alone) await run(job, true);

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
Deno.exit(await main(Deno.args));
