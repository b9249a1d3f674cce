// CPU time and memory from /proc/stat, /proc/PID/stat and /proc/PID/status, see proc(5).

/** USER_HZ, which is 100 on all current machines. */
const TICKS_A_SECOND = 100;

/** Seconds of all CPUs together since the machine started. */
export interface MachineTime {
  /** Idle time, which the kernel measures. Its busy time is sampled and misses short wake-ups. */
  idle: number;
  /** Time taken by the hypervisor while something here was ready to run. */
  steal: number;
}

/** Reads the times of the machine. */
export function machineTime(): MachineTime {
  return parseMachineTime(Deno.readTextFileSync("/proc/stat"));
}

/** Parses the first line of /proc/stat. */
export function parseMachineTime(text: string): MachineTime {
  const [, , , idle, iowait, , , steal] = text.split("\n", 1)[0].split(/\s+/).slice(1)
    .map((ticks) => Number(ticks) / TICKS_A_SECOND);
  return { idle: idle + iowait, steal };
}

/** Returns the CPU seconds of a process and all its threads, or 0 if the process has ended. */
export function processSeconds(pid: number | "self"): number {
  try {
    return parseProcessSeconds(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return 0;
  }
}

/** Parses utime and stime in /proc/PID/stat, whose second field may contain any characters. */
export function parseProcessSeconds(text: string): number {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Returns the sum of the processes' current and of their highest memory use, in bytes. */
export function memoryOf(pids: number[]): { rss: number; highest: number } {
  const texts = pids.map((pid) => Deno.readTextFileSync(`/proc/${pid}/status`));
  const sum = (field: string) =>
    texts.reduce((bytes, text) => {
      const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text) ?? [];
      return bytes + Number(kib ?? 0) * 1024;
    }, 0);
  return { rss: sum("VmRSS"), highest: sum("VmHWM") };
}

/** CPU use since the start of a meter, in seconds. */
export interface CpuUse {
  /** Use by the processes of the path. */
  processes: number;
  /** Use by everything. */
  machine: number;
  /** Use by everything but the bench. */
  others: number;
  /** Share of all CPU time that the hypervisor took. */
  stealShare: number;
  /** Share of all CPU time used by neither the bench nor the processes of the path. */
  foreignShare: number;
}

/** A meter of CPU use, which starts when it is created. */
export class CpuMeter {
  readonly #pids: number[];
  readonly #startMs = performance.now();
  readonly #machine = machineTime();
  readonly #path: number;
  readonly #bench = processSeconds("self");

  constructor(pids: number[]) {
    this.#pids = pids;
    this.#path = total(pids);
  }

  /** Returns the use until now. */
  read(): CpuUse {
    const { idle, steal } = machineTime();
    const stolen = steal - this.#machine.steal;
    const elapsed = navigator.hardwareConcurrency * (performance.now() - this.#startMs) / 1000;
    const machine = Math.max(0, elapsed - (idle - this.#machine.idle) - stolen);
    const processes = total(this.#pids) - this.#path;
    const others = Math.max(0, machine - (processSeconds("self") - this.#bench));
    const foreignShare = Math.max(0, others - processes) / elapsed;
    return { processes, machine, others, stealShare: stolen / elapsed, foreignShare };
  }
}

function total(pids: number[]): number {
  return pids.reduce((seconds, pid) => seconds + processSeconds(pid), 0);
}
