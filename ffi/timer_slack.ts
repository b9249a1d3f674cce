// The precision of a thread's short waits.

import { libc } from "./libc.ts";

const PR_SET_TIMERSLACK = 29;

/**
 * Sets the time by which the kernel may extend the calling thread's waits in order to group wake-ups.
 * The default is 50 µs.
 *
 * @param nanoseconds The time
 *
 * See PR_SET_TIMERSLACK in prctl(2).
 */
export function setTimerSlack(nanoseconds: number): void {
  libc.prctl(PR_SET_TIMERSLACK, nanoseconds);
}
