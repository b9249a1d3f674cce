// deno task bench: pppoe-proxy beside others, on one machine, under one load.
import { UsageError } from "../../src/cli/options.ts";
import { CpuMeter } from "./cpu.ts";
import { Line, type LineOptions } from "./line.ts";
import { Load } from "./load/load.ts";
import {
  LOSSY_CONGESTION,
  lossyConditions,
  measureAll,
  measureLossy,
  type PlainMeasure,
  Subject,
} from "./measures/mod.ts";
import { BENCH_HELP, type BenchOptions, readOptions } from "./options.ts";
import { type PathRun, print, progress, report } from "./output.ts";
import type { Path, RunningPath } from "./paths/mod.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What stands at the moment, to be taken away when a signal ends the bench. */
let standing: { line?: Line; running?: RunningPath } = {};

async function bench(options: BenchOptions): Promise<void> {
  const startedAt = new Date();
  const meter = new CpuMeter([]);
  const load = new Load();
  const runs: PathRun[] = [];
  const skipped: Record<string, string> = {};
  for (let round = 1; round <= options.rounds; round++) {
    for (const path of options.paths) {
      if (path.name in skipped) continue;
      const tell = (text: string) => progress(`round ${round}, ${path.name}: ${text}`);
      try {
        const obstacle = path.obstacle();
        if (obstacle) throw new Error(obstacle);
        for (const { line, measure } of tasksOf(path, options)) {
          const subject = await runPath(path, line, measure, load, options, tell);
          runs.push({ round, path, subject });
        }
      } catch (error) {
        skipped[path.name] = (error as Error).message;
        tell(`left out: ${skipped[path.name]}`);
      }
    }
  }
  load.close();
  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  await report(runs, skipped, options, { ...meter.read(), seconds, startedAt });
}

/** What is done on one line. */
interface Task {
  line: LineOptions;
  measure(subject: Subject): Promise<void>;
}

// Connections are made anew for each kind of loss: what TCP has learned of one path is not to count.
function tasksOf(path: Path, { measures, quick }: BenchOptions): Task[] {
  const wanted = measures.filter((measure) => path.measures?.includes(measure) ?? true);
  const plain = wanted.filter((measure): measure is PlainMeasure => measure !== "lossy");
  const tasks: Task[] = [];
  if (plain.length > 0) {
    tasks.push({ line: {}, measure: (subject) => measureAll(subject, plain) });
  }
  if (wanted.includes("lossy") && path.hasTunnel) {
    for (const wan of lossyConditions(quick)) {
      tasks.push({
        line: { wan, congestion: LOSSY_CONGESTION },
        measure: (subject) => measureLossy(subject, wan),
      });
    }
  }
  return tasks;
}

async function runPath(
  path: Path,
  lineOptions: LineOptions,
  measure: Task["measure"],
  load: Load,
  options: BenchOptions,
  tell: (text: string) => void,
): Promise<Subject> {
  const line = await Line.build(lineOptions);
  standing = { line };
  try {
    const running = standing.running = await path.start(line);
    await load.attach(line);
    try {
      const subject = new Subject(path, running, line, load, options.quick, tell);
      await measure(subject);
      return subject;
    } finally {
      await load.detach();
    }
  } finally {
    await takeAway();
  }
}

async function takeAway(): Promise<void> {
  const { line, running } = standing;
  standing = {};
  await running?.stop();
  await line?.[Symbol.asyncDispose]();
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    print(BENCH_HELP);
    return 0;
  }
  if (Deno.uid() !== 0) throw new Error("Cannot make network namespaces: run the bench as root");
  for (const signal of SIGNALS) {
    Deno.addSignalListener(signal, () => takeAway().finally(() => Deno.exit(130)));
  }
  await bench(options);
  return 0;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  const usage = error instanceof UsageError;
  progress(usage ? `${error.message}; see --help` : (error as Error).message);
  Deno.exit(usage ? 2 : 1);
}
