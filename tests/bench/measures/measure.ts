// What every measure is given, and what it does with it.
import { CpuMeter } from "../cpu.ts";
import type { Figures } from "../figures.ts";
import type { Line } from "../line.ts";
import type { Load, Trial, TrialResult } from "../load/load.ts";
import type { Path, RunningPath } from "../paths/mod.ts";

/** Above these shares of the CPUs' time, stolen or used by something else, a figure says little. */
export const LIMIT = { steal: 0.05, foreign: 0.1 } as const;
const VOID_TRIALS = 3;

/** One trial as it is kept for the JSON. */
export interface KeptTrial extends TrialResult {
  measure: string;
}

/** A path that stands, with sessions open through it, to be measured. */
export class Subject {
  readonly figures: Figures = {};
  readonly trials: KeptTrial[] = [];
  /** Whatever else came of it, by measure. */
  readonly raw: Record<string, unknown> = {};
  /** What the reader should know of how it went. */
  readonly remarks: string[] = [];

  constructor(
    readonly path: Path,
    readonly running: RunningPath,
    readonly line: Line,
    readonly load: Load,
    readonly quick: boolean,
    readonly tell: (text: string) => void,
  ) {}

  /** Runs a trial, again if it says nothing, and keeps its result. */
  async trial(measure: string, trial: Trial): Promise<TrialResult> {
    for (let times = 1;; times++) {
      const result = await this.load.run(trial);
      this.trials.push({ measure, ...result });
      if (result.void === undefined) return result;
      if (times === VOID_TRIALS) {
        this.remarks.push(`${measure}: ${result.void}`);
        return result;
      }
    }
  }

  /** Does something that gives figures, and marks them if others had too much of the CPU then. */
  async measure(name: string, f: () => Promise<Figures>): Promise<void> {
    const meter = new CpuMeter(this.running.pids);
    const figures = await f();
    const { stealShare, foreignShare } = meter.read();
    const unsure = stealShare > LIMIT.steal || foreignShare > LIMIT.foreign;
    for (const [key, figure] of Object.entries(figures)) {
      this.figures[key] = { ...figure, unsure };
    }
    this.raw[`cpu shares, ${name}`] = { stealShare, foreignShare };
    this.tell(`${name}: ${
      Object.entries(figures).map(([key, { value }]) => {
        return `${key.slice(key.indexOf(".") + 1)} ${Number(value.toPrecision(4))}`;
      }).join(", ")
    }`);
  }
}
