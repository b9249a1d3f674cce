// How exact a thread's short waits are.
import { libc } from "./libc.ts";

const PR_SET_TIMERSLACK = 29;

/**
 * Sets by how much the calling thread's waits may be prolonged, to join wake-ups; 50 µs otherwise.
 *
 * See PR_SET_TIMERSLACK in prctl(2).
 */
export function setTimerSlack(nanoseconds: number): void {
  libc.prctl(PR_SET_TIMERSLACK, nanoseconds);
}
