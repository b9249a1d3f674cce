// The subject of the measures, which runs trials and keeps their results.

import { CpuMeter } from "../cpu.ts";
import type { Figures } from "../figures.ts";
import type { Line } from "../line.ts";
import type { Load, Trial, TrialResult } from "../load/load.ts";
import type { Path, RunningPath } from "../paths/mod.ts";

/** Shares of the CPU time, stolen or used by something else, above which a figure is unsure. */
export const LIMIT = { steal: 0.05, foreign: 0.1 } as const;
const VOID_TRIALS = 3;

/** A trial as stored in the JSON file. */
export interface KeptTrial extends TrialResult {
  measure: string;
}

/** A running path with open sessions, which is measured. */
export class Subject {
  readonly figures: Figures = {};
  readonly trials: KeptTrial[] = [];
  /** Other results. */
  readonly raw: Record<string, unknown> = {};
  /** Remarks for the reader of the report. */
  readonly remarks: string[] = [];

  constructor(
    readonly path: Path,
    readonly running: RunningPath,
    readonly line: Line,
    readonly load: Load,
    readonly quick: boolean,
    readonly report: (text: string) => void,
  ) {}

  /** Runs a trial, again if it is invalid, and keeps its result. */
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

  /** Runs a measurement, and marks its figures if something else used too much CPU time. */
  async measure(name: string, f: () => Promise<Figures>): Promise<void> {
    const meter = new CpuMeter(this.running.pids);
    const figures = await f();
    const { stealShare, foreignShare } = meter.read();
    const unsure = stealShare > LIMIT.steal || foreignShare > LIMIT.foreign;
    for (const [key, figure] of Object.entries(figures)) {
      this.figures[key] = { ...figure, unsure };
    }
    this.raw[`cpu shares, ${name}`] = { stealShare, foreignShare };
    this.report(`${name}: ${
      Object.entries(figures).map(([key, { value }]) => {
        return `${key.slice(key.indexOf(".") + 1)} ${Number(value.toPrecision(4))}`;
      }).join(", ")
    }`);
  }
}
