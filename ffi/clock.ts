// The time, without going through more code than that takes.
import { libc } from "./libc.ts";

const CLOCK_MONOTONIC = 1;

/** `struct timespec`: seconds and nanoseconds, of 64 bits each; seconds fit into 32 bits here. */
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);

/**
 * The time of a clock that only goes forward, in milliseconds with a fraction. It is what
 * performance.now() reads, without that one's checks.
 *
 * See CLOCK_MONOTONIC in clock_gettime(2).
 */
export function monotonicMs(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, timespecBytes);
  return timespec[0] * 1000 + timespec[2] / 1e6;
}
