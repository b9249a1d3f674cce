// The wall clock of this machine, compared with one that nobody sets. No I/O.

import type { Problem } from "../problem.ts";

/** A change of the clock that matters, in ms. */
export const STEP_MS = 60_000;
/** The start of the first year that a clock which was set can show. */
const SET_MS = Date.UTC(2024, 0, 1);

/** The faults of the clock at a look. */
export interface ClockVerdict {
  /** The clock is not set, which lasts until it is. */
  unset: Problem | undefined;
  /** The clock was changed since the last look. */
  step: Problem | undefined;
}

/** Finds changes of the wall clock. */
export class ClockWatch {
  #offsetMs: number | undefined;

  /**
   * Looks at the clock.
   *
   * @param clockMs The time of day, in ms since the epoch
   * @param bootMs The time since the machine's start, in ms, also while it was suspended
   * @returns The verdict
   */
  look(clockMs: number, bootMs: number): ClockVerdict {
    const offsetMs = clockMs - bootMs;
    const before = this.#offsetMs;
    this.#offsetMs = offsetMs;
    if (clockMs < SET_MS) return { unset: unset(clockMs), step: undefined };
    // Setting a clock that was not set is the mend.
    const wasUnset = before !== undefined && before + bootMs < SET_MS;
    const stepMs = before === undefined || wasUnset ? 0 : offsetMs - before;
    return { unset: undefined, step: Math.abs(stepMs) >= STEP_MS ? stepped(stepMs) : undefined };
  }
}

function unset(clockMs: number): Problem {
  return {
    id: "clock",
    subject: "unset",
    what: `The clock of this machine is not set: it shows the year ${
      new Date(clockMs).getUTCFullYear()
    }`,
    advice: "run an NTP client; until then the times in the log and in the status are wrong",
  };
}

function stepped(stepMs: number): Problem {
  const seconds = Math.round(Math.abs(stepMs) / 1000);
  return {
    id: "clock",
    subject: "step",
    what:
      `The clock of this machine was set ${stepMs < 0 ? "back" : "forward"} by ${seconds} s, so ` +
      "earlier times in the log do not fit later ones",
    advice:
      "nothing to do if it was wrong before; otherwise run one NTP client, and no other program " +
      "that sets the clock",
  };
}
