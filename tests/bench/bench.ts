// deno task bench: pppoe-proxy beside others, on one machine, under one load.
import { UsageError } from "../../src/cli/options.ts";
import { CpuMeter } from "./cpu.ts";
import { Line } from "./line.ts";
import { Load } from "./load/load.ts";
import { measureAll, Subject } from "./measures/mod.ts";
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
        runs.push({ round, path, subject: await runPath(path, load, options, tell) });
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

async function runPath(
  path: Path,
  load: Load,
  options: BenchOptions,
  tell: (text: string) => void,
): Promise<Subject> {
  const line = await Line.build();
  standing = { line };
  try {
    const running = standing.running = await path.start(line);
    await load.attach(line);
    try {
      const subject = new Subject(path, running, line, load, options.quick, tell);
      await measureAll(subject, options.measures);
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
