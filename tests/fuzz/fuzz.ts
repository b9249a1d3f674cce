// deno task fuzz: gives everything that takes input from outside random and damaged input, until the time is up
// or something does not hold.

import type { Flags } from "../../src/cli/flags.ts";
import {
  choice,
  describeFlags,
  type Given,
  integer,
  readFlags,
  UsageError,
} from "../../src/cli/options.ts";
import { Progress } from "../../src/progress.ts";
import type { Finding } from "./fuzzer.ts";
import { type Order, Watched } from "./messages.ts";
import { OWN_PARTS } from "./parts.ts";
import { PLANTED } from "./planted.ts";
import { makeTargets } from "./targets.ts";
import { compareWithTshark, missingTshark } from "./tshark.ts";
import { carryOut } from "./watch.ts";

const FLAGS: Flags = {
  seed: { value: "N", help: "The seed of all inputs (random, and printed)." },
  seconds: { value: "S", help: "The time to run, in seconds (60)." },
  target: { value: "NAME", help: "Fuzz only this target." },
  runs: { value: "N", help: "The maximum number of runs of each target, however long they take." },
  input: { value: "HEX", help: "With --target: run only this input." },
  file: { value: "FILE", help: "With --target: run only the input in this file." },
  planted: { value: "NAME", help: "Plant a fault, which should be found." },
  tshark: { help: "Only compare with tshark how frames are read." },
  save: { help: "Write inputs with different outcomes to tests/fuzz/corpus." },
};

const MOST = 2 ** 31;
/** The frames of a comparison with tshark. */
const COMPARED = 3000;
/** The length up to which an input is printed as a whole. */
const PRINTED_BYTES = 2000;
/** The time after which the memory is expected to stay the same, and the amount by which it may grow. */
const WARM_UP_SHARE = 1 / 3;
const GROWTH_MIB = 100;
/** The shortest run in which the memory is watched. */
const WATCHED_SECONDS = 60;
const MIB = 2 ** 20;

function help(): string {
  const list = (names: string[]) => names.map((name) => `  ${name}`).join("\n");
  return `Usage: deno task fuzz [flags]

Gives parsers, tunnels, handshakes, whole data planes, configuration and state files random and
damaged input, and checks what must hold for any input. Compares with tshark how frames are read.

${describeFlags(FLAGS)}

Targets:
${list(makeTargets(OWN_PARTS).map(({ name }) => name))}

Faults to plant:
${list(Object.keys(PLANTED))}

Exit status: 0 if everything held, 1 if something did not, 2 if the command line is wrong.
`;
}

const progress = new Progress();

function print(text: string): void {
  progress.clear();
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function rssMib(): number {
  return Math.round(Deno.memoryUsage().rss / MIB);
}

/** Returns the only input to run, if there is one. */
function inputOf(given: Given): Uint8Array | undefined {
  const hex = given.value("input");
  const file = given.value("file");
  if (hex === undefined && file === undefined) return undefined;
  if (given.value("target") === undefined) {
    throw new UsageError("--input and --file need --target");
  }
  if (file !== undefined) return Deno.readFileSync(file);
  if (!/^(?:[\da-f]{2})*$/i.test(hex!)) {
    throw new UsageError("--input must be two hexadecimal digits per byte");
  }
  return Uint8Array.fromHex(hex!);
}

/** Prints a finding, and the command that repeats it. */
function tell(finding: Finding, order: Order, wholeInput: number): void {
  const { target, input, what, run } = finding;
  const planted = order.planted === undefined ? "" : ` --planted "${order.planted}"`;
  const shortened = input.length < wholeInput ? `, shortened from ${wholeInput}` : "";
  const hex = input.toHex();
  const which = run === 0 ? "" : `, run ${run} of seed ${order.seed}`;
  print(`FAILED: ${target}${which}: ${what}`);
  let given = `--input "${hex}"`;
  if (input.length > PRINTED_BYTES) {
    const file = Deno.makeTempFileSync({ prefix: `fuzz-${target}-` });
    Deno.writeFileSync(file, input);
    given = `--file ${file}`;
  }
  print(`The input has ${input.length} bytes${shortened}: ${hex.slice(0, 2 * PRINTED_BYTES)}`);
  print(`Repeat it with: deno task fuzz --target ${target} ${given}${planted}`);
  if (run === 0) return;
  print(
    `Find it again with: deno task fuzz --seed ${order.seed} --target ${target} --runs ${run}${planted}`,
  );
}

/** Compares some frames with tshark; returns false if something differs. */
async function compare(seed: number): Promise<boolean> {
  const missing = missingTshark();
  if (missing !== undefined) {
    print(`Comparison with tshark skipped: ${missing}`);
    return true;
  }
  progress.show(`Comparing ${COMPARED} frames with tshark`);
  const { differences, explained } = await compareWithTshark(seed, COMPARED);
  for (const difference of differences.slice(0, 10)) print(difference);
  if (differences.length > 0) {
    print(`FAILED: tshark reads ${differences.length} of ${COMPARED} frames otherwise`);
    print(`Repeat it with: deno task fuzz --tshark --seed ${seed}`);
    return false;
  }
  const reasons = [...explained].map(([reason, count]) => `${count} ${reason}`);
  print(`tshark reads ${COMPARED} frames as this program does (${reasons.join("; ")})`);
  return true;
}

async function fuzz(args: string[]): Promise<number> {
  const given = readFlags(FLAGS, args);
  if (given.has("help")) {
    print(help());
    return 0;
  }
  const [drawn] = crypto.getRandomValues(new Uint32Array(1));
  const seed = integer(given, "seed", 0, MOST * 2) ?? drawn;
  const names = makeTargets(OWN_PARTS).map(({ name }) => name);
  const target = choice(given, "target", names);
  const planted = choice(given, "planted", Object.keys(PLANTED));
  const runs = integer(given, "runs", 1, MOST);
  const input = inputOf(given);
  const watched = new Watched();
  const order: Order = {
    seed,
    targets: target !== undefined
      ? [target]
      : planted !== undefined
      ? PLANTED[planted].targets
      : names,
    planted,
    seconds: runs === undefined ? integer(given, "seconds", 1, 1_000_000) ?? 60 : Infinity,
    runs: runs ?? Infinity,
    input,
    save: given.has("save"),
    watched: watched.buffer,
  };
  if (input === undefined) print(`Seed ${seed}`);
  if (given.has("tshark")) return await compare(seed) ? 0 : 1;
  const isWhole = target === undefined && planted === undefined;
  if (isWhole && !await compare(seed)) return 1;

  const beganMs = performance.now();
  let warmMib: number | undefined;
  const report = await carryOut(order, watched, () => {
    progress.show(`Fuzzing ${order.targets[watched.target]}, ${watched.run} runs in all`);
    const isWarm = performance.now() - beganMs > order.seconds * 1000 * WARM_UP_SHARE;
    if (isWarm) warmMib ??= rssMib();
  });
  progress.end();
  const endMib = rssMib();
  if (report.type === "finding") {
    tell(report.finding, order, report.wholeInput);
    // A thread that never ends would keep the process.
    if (report.endless) Deno.exit(1);
    return 1;
  }
  let all = { runs: 0, outcomes: 0, kept: 0 };
  const number = (value: number, width: number) => String(value).padStart(width);
  print(`${"runs".padStart(10)} ${"per s".padStart(8)} outcomes inputs  target`);
  for (const { name, runs, outcomes, kept, seconds } of report.targets) {
    const rate = Math.round(runs / Math.max(seconds, 0.001));
    print(
      `${number(runs, 10)} ${number(rate, 8)} ${number(outcomes, 8)} ${number(kept, 6)}  ${name}`,
    );
    all = { runs: all.runs + runs, outcomes: all.outcomes + outcomes, kept: all.kept + kept };
  }
  const seconds = (performance.now() - beganMs) / 1000;
  print(
    `${all.runs} runs in ${seconds.toFixed(1)} s, ${Math.round(all.runs / seconds)} per second; ` +
      `${all.outcomes} outcomes, ${all.kept} inputs kept, no finding`,
  );
  if (warmMib === undefined) return 0;
  print(`Memory: ${warmMib} MiB after a third of the time, ${endMib} MiB at the end`);
  if (endMib - warmMib <= GROWTH_MIB || order.seconds < WATCHED_SECONDS) return 0;
  print(`FAILED: the memory has grown by more than ${GROWTH_MIB} MiB`);
  return 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await fuzz(Deno.args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    print(error.message);
    Deno.exitCode = 2;
  }
}
