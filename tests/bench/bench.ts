// The benchmark: compares pppoe-proxy and other programs on one machine under the same load.

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
import {
  complain,
  endProgress,
  measuring,
  type PathRun,
  print,
  progress,
  report,
} from "./output.ts";
import type { Path, RunningPath } from "./paths/mod.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The current line and path, which a signal must remove. */
let current: { line?: Line; running?: RunningPath } = {};

async function bench(options: BenchOptions): Promise<void> {
  const startedAt = new Date();
  const meter = new CpuMeter([]);
  const load = new Load();
  const runs: PathRun[] = [];
  const skipped: Record<string, string> = {};
  for (let round = 1; round <= options.rounds; round++) {
    for (const path of options.paths) {
      if (path.name in skipped) continue;
      measuring(`Round ${round} of ${options.rounds}, measuring ${path.name}`);
      const report = (text: string) => progress(`round ${round}, ${path.name}: ${text}`);
      try {
        const obstacle = path.obstacle();
        if (obstacle) throw new Error(obstacle);
        for (const { line, measure } of tasksOf(path, options)) {
          const subject = await runPath(path, line, measure, load, options, report);
          runs.push({ round, path, subject });
        }
      } catch (error) {
        skipped[path.name] = (error as Error).message;
        report(`skipped: ${skipped[path.name]}`);
      }
    }
  }
  load.close();
  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  await report(runs, skipped, options, { ...meter.read(), seconds, startedAt });
}

/** The work on one line. */
interface Task {
  line: LineOptions;
  measure(subject: Subject): Promise<void>;
}

/**
 * Returns the tasks of a path. Each kind of loss gets new connections, so that measurements do not
 * depend on what TCP has learned about another path.
 */
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
  report: (text: string) => void,
): Promise<Subject> {
  const line = await Line.build(lineOptions);
  current = { line };
  try {
    const running = current.running = await path.start(line);
    await load.attach(line);
    try {
      const subject = new Subject(path, running, line, load, options.quick, report);
      await measure(subject);
      return subject;
    } finally {
      await load.detach();
    }
  } finally {
    await cleanUp();
  }
}

async function cleanUp(): Promise<void> {
  const { line, running } = current;
  current = {};
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
    Deno.addSignalListener(signal, () => {
      endProgress();
      cleanUp().finally(() => Deno.exit(130));
    });
  }
  await bench(options);
  return 0;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  const usage = error instanceof UsageError;
  complain(usage ? `${error.message}; see --help` : (error as Error).message);
  Deno.exit(usage ? 2 : 1);
}
