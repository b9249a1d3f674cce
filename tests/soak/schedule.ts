// One schedule, from its seed to its outcome.

import { type Faults, NO_FAULTS } from "./faults.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** A broken invariant, and the events before it. */
export interface Failure {
  what: string;
  atMs: number;
  /** The plan and the last events, one line each. */
  last: string[];
}

/** The outcome of a schedule. */
export interface Outcome {
  events: number;
  /** The length of its active part, by its own clock. */
  activeMs: number;
  counts: ReadonlyMap<string, number>;
  failure?: Failure;
}

/** Options of {@linkcode runSchedule}. */
export interface ScheduleOptions {
  seed: number;
  schedule: number;
  faults?: Faults;
  /** Ends the active part early. */
  cutMs?: number;
}

/** Runs a schedule. The same seed and number always give the same outcome. */
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

/** The shares of the active part that the first and the last attempt to shorten a schedule cut off. */
const FIRST_CUT = 0.5;
const LEAST_CUT = 0.02;

/** Looks for the shortest active part with which a schedule still fails. */
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
