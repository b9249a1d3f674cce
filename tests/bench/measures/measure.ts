// What every measure is given, and what it does with it.
import { CpuMeter } from "../cpu.ts";
import type { Figures } from "../figures.ts";
import type { Line } from "../line.ts";
import type { Load, Trial, TrialResult } from "../load.ts";
import type { Path, RunningPath } from "../paths/mod.ts";

/** Above this share of stolen CPU a figure says little. */
export const STEAL_LIMIT = 0.05;
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

  /** Does something that gives figures, and marks them if too much of the CPU was stolen meanwhile. */
  async measure(name: string, f: () => Promise<Figures>): Promise<void> {
    const meter = new CpuMeter([]);
    const figures = await f();
    const { stealShare } = meter.read();
    for (const [key, figure] of Object.entries(figures)) {
      this.figures[key] = { ...figure, unsure: stealShare > STEAL_LIMIT };
    }
    this.raw[`steal ${name}`] = stealShare;
    this.tell(`${name}: ${
      Object.entries(figures).map(([key, { value }]) => {
        return `${key.slice(key.indexOf(".") + 1)} ${Number(value.toPrecision(4))}`;
      }).join(", ")
    }`);
  }
}
