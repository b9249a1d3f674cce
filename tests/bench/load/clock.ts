// The kernel's clocks, read and slept on without an allocation.
import { libc } from "../../../ffi/libc.ts";
import { setTimerSlack } from "../../../ffi/timer_slack.ts";
import { libc as benchLibc } from "./libc.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const TIMER_ABSTIME = 1;
const PRIO_PROCESS = 0;
const TWO_32 = 2 ** 32;

/** `struct timespec` as words: the low half of tv_sec at 0, of tv_nsec at 2. */
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);

/** CLOCK_MONOTONIC in nanoseconds: a number that is exact for the first hundred days of uptime. */
export function monotonicNs(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, timespecBytes);
  return timespec[0] * 1e9 + timespec[2];
}

/** CLOCK_REALTIME, the clock of packet sockets' stamps. In nanoseconds it would not fit a number. */
export const realtime = {
  sec: 0,
  nsec: 0,
  /** Sets the fields to now. */
  read(): void {
    libc.clock_gettime(CLOCK_REALTIME, timespecBytes);
    realtime.sec = timespec[0];
    realtime.nsec = timespec[2];
  },
};

/** Sleeps until a time of CLOCK_MONOTONIC. */
export function sleepUntil(ns: number): void {
  const sec = Math.floor(ns / 1e9);
  timespec[0] = sec;
  timespec[1] = sec / TWO_32;
  timespec[2] = ns - sec * 1e9;
  timespec[3] = 0;
  benchLibc.clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, timespecBytes, null);
}

/**
 * Gives this thread what a generator needs: wake-ups on time, and the CPU when it wants it, as if it
 * were the machine beside the one under test that it stands for.
 */
export function makeThreadPunctual(): void {
  setTimerSlack(1);
  benchLibc.setpriority(PRIO_PROCESS, 0, -15);
}
