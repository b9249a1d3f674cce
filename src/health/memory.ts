// The memory of this machine, and of the control group that limits this process. No I/O.

import type { Problem } from "../problem.ts";

/** The part of all memory below which too little is left, and the bytes below which that matters. */
const LEFT = { part: 0.05, bytes: 64 << 20 };
/** The factor by which more must be left before the problem is over. */
const OVER = 1.5;

/** The memory that there is, and that is left, in bytes. */
export interface MemoryNow {
  total: number;
  left: number;
}

/**
 * Reads the memory of the machine.
 *
 * @param text The text of /proc/meminfo
 * @returns The memory; undefined if it is not there
 */
export function machineMemory(text: string): MemoryNow | undefined {
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  const [total, left] = [kibibytes("MemTotal"), kibibytes("MemAvailable")];
  return Number.isNaN(total + left) ? undefined : { total: total * 1024, left: left * 1024 };
}

/**
 * Reads the memory of a control group. Pages of files that nobody uses count as left, because the kernel drops them
 * first.
 *
 * @param max The text of memory.max, or memory.limit_in_bytes of version 1
 * @param current The text of memory.current, or memory.usage_in_bytes
 * @param stat The text of memory.stat
 * @returns The memory; undefined if there is no limit
 */
export function groupMemory(max: string, current: string, stat: string): MemoryNow | undefined {
  const total = Number(max);
  const used = Number(current);
  const unused = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  if (Number.isNaN(total + used) || max.trim() === "") return undefined;
  return { total, left: total - used + unused };
}

/**
 * Finds the directories of a process's control group and of those around it, which may have limits as well.
 *
 * @param text The text of /proc/self/cgroup
 * @returns The directories, the innermost first, each with the names of its files
 */
export function groupDirectories(
  text: string,
): { path: string; max: string; current: string }[] {
  for (const line of text.split("\n")) {
    const [, id, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers.split(",").includes("memory")) {
      return upward("/sys/fs/cgroup/memory", path)
        .map((path) => ({ path, max: "memory.limit_in_bytes", current: "memory.usage_in_bytes" }));
    }
    if (id === "0" && !/^\d+:(?:[^:]*,)?memory[,:]/m.test(text)) {
      return upward("/sys/fs/cgroup", path)
        .map((path) => ({ path, max: "memory.max", current: "memory.current" }));
    }
  }
  return [];
}

function upward(root: string, path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  return names.map((_, at) => `${root}/${names.slice(0, names.length - at).join("/")}`).concat(
    root,
  );
}

/** Decides when too little memory is left. */
export class MemoryWatch {
  #isLow = false;

  /**
   * Looks at the memory.
   *
   * @param machine The memory of the machine; undefined if it is not known
   * @param groups The memory of the control groups that have a limit below that
   * @returns The problem; undefined if there is none
   */
  look(machine: MemoryNow | undefined, groups: readonly MemoryNow[]): Problem | undefined {
    const total = machine?.total ?? Infinity;
    const limited = groups.filter((group) => group.total < total);
    const [tightest] = [...limited].sort((a, b) => a.left - b.left);
    const group = tightest !== undefined && this.#isTooLittle(tightest) ? tightest : undefined;
    const own = machine !== undefined && this.#isTooLittle(machine) ? machine : undefined;
    this.#isLow = group !== undefined || own !== undefined;
    if (group !== undefined) {
      return lowMemory(
        `Only ${mebibytes(group.left)} of the ${
          mebibytes(group.total)
        } of memory are left that this ` +
          "service may use, so the kernel may end it",
        "raise the limit (MemoryMax of the service, or that of the container), or lower " +
          "--queue-kib, --ring-frames or --max-clients",
      );
    }
    return own && lowMemory(
      `Only ${mebibytes(own.left)} of this machine's ${
        mebibytes(own.total)
      } of memory are left, so ` +
        "the kernel may end this program",
      "look for what uses it (ps aux --sort -rss), or give the machine more",
    );
  }

  #isTooLittle({ total, left }: MemoryNow): boolean {
    const least = Math.min(LEFT.bytes, LEFT.part * total) * (this.#isLow ? OVER : 1);
    return left < least;
  }
}

function lowMemory(what: string, advice: string): Problem {
  return { id: "memory", subject: "", what, advice };
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}
