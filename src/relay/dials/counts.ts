// The counts of discovery frames and of what became of dials.

import { CODE } from "../../wire/mod.ts";
import { Histogram, type HistogramValues } from "./histogram.ts";

/**
 * An outcome of dials. Each PADS that opens a session counts as `opened`; the last three are those of sessions
 * that have been opened, and failed soon after.
 */
export type DialOutcome =
  | "opened" // a PADS has opened a session
  | "no-pado" // PADIs without a PADO
  | "no-pads" // PADRs without a PADS
  | "refused" // a PADO or PADS with an error, or a PADS with session id 0
  | "lcp-silent" // one of the stations does not negotiate LCP in the session
  | "auth-failed" // the AC has rejected the host's credentials
  | "short"; // the session has ended within seconds

/** All outcomes, in the order of their counters. */
export const DIAL_OUTCOMES: readonly DialOutcome[] = [
  "opened",
  "no-pado",
  "no-pads",
  "refused",
  "lcp-silent",
  "auth-failed",
  "short",
];

/** The outcome of a dial that has failed. */
export type DialFault = Exclude<DialOutcome, "opened">;

/** The type of a discovery frame that is counted. */
export type DialFrame = "padi" | "pado" | "padr" | "pads" | "padt";

/** The codes of the types, in the order of their counters. */
const TYPES: readonly (readonly [DialFrame, number])[] = [
  ["padi", CODE.PADI],
  ["pado", CODE.PADO],
  ["padr", CODE.PADR],
  ["pads", CODE.PADS],
  ["padt", CODE.PADT],
];

/** The counts of dials at one moment, since the start. */
export interface DialValues extends Record<DialFrame, Record<"fromLink" | "fromTunnel", number>> {
  /** The number of dials with each outcome. */
  outcomes: Record<DialOutcome, number>;
  /** The times from the first PADI of a dial to its first PADO. */
  padiToPadoMs: HistogramValues;
  /** The times from the first PADR of a dial to its PADS. */
  padrToPadsMs: HistogramValues;
}

/** Counts discovery frames by type and direction, outcomes, and times. */
export class DialCounts {
  readonly #frames = new Float64Array(2 * TYPES.length);
  readonly #outcomes = new Float64Array(DIAL_OUTCOMES.length);
  readonly padiToPado = new Histogram();
  readonly padrToPads = new Histogram();

  /** Counts a discovery frame; only those of the five types that open and end sessions. */
  frame(code: number, from: "link" | "tunnel"): void {
    const type = TYPES.findIndex(([, of]) => of === code);
    if (type >= 0) this.#frames[2 * type + (from === "link" ? 0 : 1)]++;
  }

  /** Counts an outcome. */
  outcome(outcome: DialOutcome): void {
    this.#outcomes[DIAL_OUTCOMES.indexOf(outcome)]++;
  }

  /** Returns all values. */
  read(): DialValues {
    const frames = TYPES.map(([name], type) => [
      name,
      { fromLink: this.#frames[2 * type], fromTunnel: this.#frames[2 * type + 1] },
    ]);
    const outcomes = DIAL_OUTCOMES.map((outcome, index) => [outcome, this.#outcomes[index]]);
    return {
      ...Object.fromEntries(frames) as Pick<DialValues, DialFrame>,
      outcomes: Object.fromEntries(outcomes) as DialValues["outcomes"],
      padiToPadoMs: this.padiToPado.read(),
      padrToPadsMs: this.padrToPads.read(),
    };
  }
}
