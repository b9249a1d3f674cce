// What this process uses of the machine, for the metrics.

/** The number of clock ticks a second in /proc, which is fixed for programs (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** The unit of the resident set in /proc/self/stat is a page. Pages of other sizes are rare, on some Arm kernels. */
const PAGE_BYTES = 4096;

/** A process, for the metrics. */
export interface ProcessFacts {
  /** The time of the start, in whole seconds since the epoch. */
  startSeconds: number;
  /** What it uses; undefined if the system does not tell. */
  usage: ProcessUsage | undefined;
}

/** The usage of a process. */
export interface ProcessUsage {
  /** The CPU time of all threads since the start, in seconds. */
  cpuSeconds: number;
  /** The resident memory, in bytes. */
  residentBytes: number;
  /** The number of threads. */
  threads: number;
}

/**
 * Reads the usage of a process from its line in /proc.
 *
 * @param stat The text of /proc/PID/stat, in which the name of the program may have blanks and brackets
 * @returns The usage; undefined if the text is something else
 *
 * See proc_pid_stat(5).
 */
export function parseProcessUsage(stat: string): ProcessUsage | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  // The field after the name is the third one.
  const field = (number: number) => fields[number - 3];
  const usage = {
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    residentBytes: field(24) * PAGE_BYTES,
    threads: field(20),
  };
  return Object.values(usage).every((value) => value >= 0) ? usage : undefined;
}
