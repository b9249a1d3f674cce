// What the kernel says of time and memory: /proc/stat, /proc/PID/stat, /proc/PID/status, proc(5).

/** USER_HZ, which Linux promises to be 100 on all of today's machines. */
const TICKS_A_SECOND = 100;

/** Seconds of all CPUs together, since the machine started. */
export interface MachineTime {
  busy: number;
  /** Taken by the hypervisor while something here wanted to run. */
  steal: number;
  total: number;
}

/** Reads the machine's time. */
export function machineTime(): MachineTime {
  return parseMachineTime(Deno.readTextFileSync("/proc/stat"));
}

/** Takes the first line of /proc/stat apart. */
export function parseMachineTime(text: string): MachineTime {
  const [user, nice, system, idle, iowait, irq, softirq, steal] = text.split("\n", 1)[0]
    .split(/\s+/).slice(1).map((ticks) => Number(ticks) / TICKS_A_SECOND);
  const busy = user + nice + system + irq + softirq;
  return { busy, steal, total: busy + idle + iowait + steal };
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

/** What was used of the CPUs between its making and `read`. */
export class CpuMeter {
  readonly #pids: number[];
  readonly #machine = machineTime();
  readonly #path: number;
  readonly #bench = processSeconds("self");

  constructor(pids: number[]) {
    this.#pids = pids;
    this.#path = total(pids);
  }

  /** Seconds of the path's processes, seconds of all but the bench, and the share that was stolen. */
  read(): { processes: number; others: number; stealShare: number } {
    const machine = machineTime();
    const bench = processSeconds("self") - this.#bench;
    const elapsed = machine.total - this.#machine.total;
    return {
      processes: total(this.#pids) - this.#path,
      others: Math.max(0, machine.busy - this.#machine.busy - bench),
      stealShare: elapsed > 0 ? (machine.steal - this.#machine.steal) / elapsed : 0,
    };
  }
}

function total(pids: number[]): number {
  return pids.reduce((seconds, pid) => seconds + processSeconds(pid), 0);
}
