// What the kernel says of time and memory: /proc/stat, /proc/PID/stat, /proc/PID/status, proc(5).

/** USER_HZ, which Linux promises to be 100 on all of today's machines. */
const TICKS_A_SECOND = 100;

/** Seconds of all CPUs together, since the machine started. */
export interface MachineTime {
  /** The kernel measures this, while what it says of busy time is sampled and misses short wake-ups. */
  idle: number;
  /** Taken by the hypervisor while something here wanted to run. */
  steal: number;
}

/** Reads the machine's time. */
export function machineTime(): MachineTime {
  return parseMachineTime(Deno.readTextFileSync("/proc/stat"));
}

/** Takes the first line of /proc/stat apart. */
export function parseMachineTime(text: string): MachineTime {
  const [, , , idle, iowait, , , steal] = text.split("\n", 1)[0].split(/\s+/).slice(1)
    .map((ticks) => Number(ticks) / TICKS_A_SECOND);
  return { idle: idle + iowait, steal };
}

/** Seconds that a process and all its threads have used; 0 for one that is gone. */
export function processSeconds(pid: number | "self"): number {
  try {
    return parseProcessSeconds(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return 0;
  }
}

/** Takes utime and stime from /proc/PID/stat, whose second field may hold anything. */
export function parseProcessSeconds(text: string): number {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Bytes that processes have in memory now, and had at most, both summed. */
export function memoryOf(pids: number[]): { rss: number; highest: number } {
  const texts = pids.map((pid) => Deno.readTextFileSync(`/proc/${pid}/status`));
  const sum = (field: string) =>
    texts.reduce((bytes, text) => {
      const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text) ?? [];
      return bytes + Number(kib ?? 0) * 1024;
    }, 0);
  return { rss: sum("VmRSS"), highest: sum("VmHWM") };
}

/** What was used of the CPUs between its making and `read`, in seconds. */
export interface CpuUse {
  /** By the path's processes. */
  processes: number;
  /** By all that ran. */
  machine: number;
  /** By all but the bench. */
  others: number;
  /** The share of all the CPUs' time that the hypervisor took. */
  stealShare: number;
  /** The share that went to neither the bench nor the path's processes. */
  foreignShare: number;
}

/** Measures the use of the CPUs from its making on. */
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

  /** What was used until now. */
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
