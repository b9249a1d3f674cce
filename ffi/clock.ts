// The system's clocks, each read with one call into libc.

import { libc } from "./libc.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;

/** `struct timespec`: seconds and nanoseconds, 64 bits each. Only the low 32 bits are ever set. */
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);

/**
 * Reads a clock that never goes back. It is the clock of performance.now(), read without its checks.
 *
 * @returns The time in milliseconds, with a fraction
 *
 * See CLOCK_MONOTONIC in clock_gettime(2).
 */
export function monotonicMs(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, timespecBytes);
  return timespec[0] * 1000 + timespec[2] / 1e6;
}

/**
 * Reads the time since the machine was started, including the time for which it was suspended. All processes
 * see the same clock, also one after the other.
 *
 * @returns The time in milliseconds, with a fraction
 *
 * See CLOCK_BOOTTIME in clock_gettime(2).
 */
export function sinceBootMs(): number {
  libc.clock_gettime(CLOCK_BOOTTIME, timespecBytes);
  return timespec[0] * 1000 + timespec[2] / 1e6;
}

/**
 * Reads the time since the epoch, by the clock with which the kernel stamps frames.
 *
 * @returns The time in milliseconds, with a fraction; Date.now() has none
 *
 * See CLOCK_REALTIME in clock_gettime(2).
 */
export function epochMs(): number {
  libc.clock_gettime(CLOCK_REALTIME, timespecBytes);
  return timespec[0] * 1000 + timespec[2] / 1e6;
}
