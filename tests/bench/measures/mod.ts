// All measures.

import type { Measure } from "../options.ts";
import { measureLatency } from "./latency.ts";
import type { Subject } from "./measure.ts";
import { measureRates } from "./rate.ts";
import { measureSaturation } from "./saturation.ts";
import { measureSetup } from "./setup.ts";

export { LOSSY_CONGESTION, lossyConditions, measureLossy } from "./lossy.ts";
export { type KeptTrial, LIMIT, Subject } from "./measure.ts";

/** Number of sessions for the measures that carry data. */
const SESSIONS = 100;
const DIAL_RATE = 500;
const PATIENCE_MS = 15_000;

/** A measure on a plain line. */
export type PlainMeasure = Exclude<Measure, "lossy">;

/** Opens sessions through a path and runs the requested measures. */
export async function measureAll(subject: Subject, measures: PlainMeasure[]): Promise<void> {
  const { open, acSessions } = await subject.load.open(SESSIONS, DIAL_RATE, PATIENCE_MS);
  if (open < SESSIONS || acSessions !== open) {
    throw new Error(
      `Cannot measure: Only ${open} of ${SESSIONS} sessions opened, and ${acSessions} at the AC`,
    );
  }
  const run: Record<PlainMeasure, () => Promise<void>> = {
    rate: () => measureRates(subject),
    latency: () => measureLatency(subject),
    saturation: () => measureSaturation(subject),
    setup: () => measureSetup(subject, SESSIONS),
  };
  for (const measure of measures) await run[measure]();
  subject.raw.drops = await subject.running.drops?.();
}
