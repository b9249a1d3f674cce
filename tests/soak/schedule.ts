// One schedule from its seed to what came of it.

import { type Faults, NO_FAULTS } from "./faults.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** Where a schedule failed. */
export interface Failure {
  what: string;
  atMs: number;
  /** What happened before, a line each. */
  last: string[];
}

/** What came of a schedule. */
export interface Outcome {
  events: number;
  /** How long its active part took, by its own clock. */
  activeMs: number;
  counts: ReadonlyMap<string, number>;
  failure?: Failure;
}

/** How to run one. */
export interface ScheduleOptions {
  seed: number;
  schedule: number;
  faults?: Faults;
  /** Cuts its active part. */
  cutMs?: number;
}

/** Runs one, always the same way for the same seed and number. */
export function runSchedule(options: ScheduleOptions): Outcome {
  const { seed, schedule, cutMs } = options;
  const world = new World(seed, schedule, options.faults ?? NO_FAULTS, cutMs);
  const { timeline, counts, plan: { activeMs } } = world;
  let failure: Failure | undefined;
  try {
    world.run();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const what = error instanceof Violation ? error.message : `${error.stack}`;
    const plan = Object.entries(world.plan).map(([name, value]) =>
      `${name}=${JSON.stringify(value)}`
    );
    failure = { what, atMs: timeline.nowMs, last: [plan.join(" "), ...world.chronicle.read()] };
  }
  return { events: timeline.events, activeMs, counts, failure };
}

/** The share of the active part that the first try to shorten a schedule takes away. */
const FIRST_CUT = 0.5;
const LEAST_CUT = 0.02;

/** The shortest schedule with this seed and number that was found to fail, by cutting its active part's end. */
export function shorten(options: ScheduleOptions, { activeMs }: Outcome): ScheduleOptions {
  let shortest = options;
  let lengthMs = activeMs;
  for (let share = FIRST_CUT; share >= LEAST_CUT;) {
    const cutMs = Math.floor(lengthMs * (1 - share));
    const tried = { ...options, cutMs };
    if (runSchedule(tried).failure === undefined) share /= 2;
    else {
      shortest = tried;
      lengthMs = cutMs;
    }
  }
  return shortest;
}
