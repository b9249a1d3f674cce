// The kernel's clocks, for reading the time and sleeping without an allocation.

import { libc } from "../../../ffi/libc.ts";
import { setTimerSlack } from "../../../ffi/timer_slack.ts";
import { libc as benchLibc } from "./libc.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const TIMER_ABSTIME = 1;
const PRIO_PROCESS = 0;
const TWO_32 = 2 ** 32;

/** `struct timespec` as words: the low half of tv_sec at 0, that of tv_nsec at 2. */
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);

/** Returns CLOCK_MONOTONIC in nanoseconds, exact for the first hundred days of uptime. */
export function monotonicNs(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, timespecBytes);
  return timespec[0] * 1e9 + timespec[2];
}

/** CLOCK_REALTIME, the clock of packet sockets' time stamps. A number cannot hold its nanoseconds. */
export const realtime = {
  sec: 0,
  nsec: 0,
  /** Sets the fields to the current time. */
  read(): void {
    libc.clock_gettime(CLOCK_REALTIME, timespecBytes);
    realtime.sec = timespec[0];
    realtime.nsec = timespec[2];
  },
};

/** Sleeps until a time by CLOCK_MONOTONIC. */
export function sleepUntil(ns: number): void {
  const sec = Math.floor(ns / 1e9);
  timespec[0] = sec;
  timespec[1] = sec / TWO_32;
  timespec[2] = ns - sec * 1e9;
  timespec[3] = 0;
  benchLibc.clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, timespecBytes, null);
}

/**
 * Gives this thread punctual wake-ups and a high priority, as if it ran on a machine other than the one
 * under test.
 */
export function makeThreadPunctual(): void {
  setTimerSlack(1);
  benchLibc.setpriority(PRIO_PROCESS, 0, -15);
}
