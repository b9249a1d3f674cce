// How soon a thread that wakes up runs, where others keep the processor.
import { libc } from "./libc.ts";

/** Their numbers: glibc has functions for them only from 2.41 on. */
const [SYS_SCHED_SETATTR, SYS_SCHED_GETATTR] = Deno.build.arch === "x86_64"
  ? [314, 315]
  : [274, 275];

/** `struct sched_attr`, sched_setattr(2): offsets in 32-bit words. */
const SCHED_ATTR = { policy: 1, runtime: 6, length: 12 } as const;
const SCHED_OTHER = 0;

/**
 * Asks for time slices of this length for the calling thread. Its priority, and what it may use in all,
 * stay the same. From Linux 6.12 on the scheduler lets a thread that wakes up go before one whose slice
 * is longer, 3 ms if nobody asks for another; an older one changes nothing.
 *
 * @param microseconds 100 to 100,000
 * @returns Whether the system took it; not where somebody has given the process a policy of its own,
 * such as SCHED_FIFO
 *
 * See sched_setattr(2).
 */
export function setTimeSlice(microseconds: number): boolean {
  const words = new Uint32Array(SCHED_ATTR.length);
  const attributes = new Uint8Array(words.buffer);
  const size = attributes.length;
  // What it has otherwise, such as its nice value, is to stay.
  if (libc.syscall(SYS_SCHED_GETATTR, 0, attributes, size, 0) < 0) return false;
  if (words[SCHED_ATTR.policy] !== SCHED_OTHER) return false;
  words[SCHED_ATTR.runtime] = microseconds * 1000;
  return libc.syscall(SYS_SCHED_SETATTR, 0, attributes, 0, 0) === 0;
}
