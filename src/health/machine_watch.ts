// Looks at the machine from time to time: its clock, memory, descriptors, and other PPPoE programs. The decisions are
// in the other files of this folder.

import {
  descriptorLimit,
  lowestFreeDescriptor,
  ownSocketInodes,
  readInterface,
  readSystemFile,
  sinceBootMs,
} from "../../ffi/mod.ts";
import type { Problem, ProblemId } from "../problem.ts";
import type { Side } from "../side.ts";
import { ClockWatch } from "./clock.ts";
import { DescriptorWatch } from "./descriptors.ts";
import {
  groupDirectories,
  groupMemory,
  machineMemory,
  type MemoryNow,
  MemoryWatch,
} from "./memory.ts";
import { OtherPrograms } from "./other_programs.ts";

/** The time between two looks, in ms. */
export const LOOK_MS = 3000;

/** The receiver of the problems. */
export interface MachinePorts {
  /** Takes a problem that lasts until it is solved, or new words for it. */
  problem(problem: Problem): void;
  /** Takes the end of a problem. */
  solved(id: ProblemId, subject?: string): void;
  /** Takes an occurrence of a problem, which ends by itself. */
  met(problem: Problem): void;
}

/** Watches the machine. Times are in ms, by a monotonic clock. */
export class MachineWatch {
  readonly #interfaceName: string;
  readonly #ports: MachinePorts;
  readonly #programs: OtherPrograms;
  readonly #memory = new MemoryWatch();
  readonly #descriptors = new DescriptorWatch();
  readonly #clock = new ClockWatch();
  readonly #limit = descriptorLimit();
  /** The kinds of the problems that last. */
  readonly #lasting = new Map<string, ProblemId>();
  #dueMs = -Infinity;

  /** Makes a watch; nothing is read yet. */
  constructor(side: Side, interfaceName: string, ports: MachinePorts) {
    this.#interfaceName = interfaceName;
    this.#ports = ports;
    this.#programs = new OtherPrograms(side);
  }

  /** Looks if it is time; to be called about once a second. */
  tick(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + LOOK_MS;
    const { unset, step } = this.#clock.look(Date.now(), sinceBootMs());
    if (step !== undefined) this.#ports.met(step);
    this.#set("clock", unset);
    this.#set("programs", this.#otherPrograms());
    this.#set("memory", this.#memory.look(machineMemory(textOf("/proc/meminfo") ?? ""), groups()));
    this.#set("descriptors", this.#descriptors.look(lowestFreeDescriptor(), this.#limit));
  }

  #otherPrograms(): Problem | undefined {
    const name = this.#interfaceName;
    const index = indexOf(name);
    if (index === undefined) return undefined;
    return this.#programs.look({
      packet: textOf("/proc/thread-self/net/packet"),
      pppoe: textOf("/proc/thread-self/net/pppoe"),
      interface: { name, index },
      ownInodes: ownSocketInodes,
    });
  }

  #set(what: string, problem: Problem | undefined): void {
    const before = this.#lasting.get(what);
    if (problem !== undefined) {
      // The numbers in its words change all the time.
      if (before !== undefined) return;
      this.#lasting.set(what, problem.id);
      this.#ports.problem(problem);
    } else if (before !== undefined) {
      this.#lasting.delete(what);
      this.#ports.solved(before, what === "clock" ? "unset" : "");
    }
  }
}

function indexOf(name: string): number | undefined {
  try {
    return readInterface(name)?.index;
  } catch {
    // There are no descriptors or no memory left, which is a problem of its own.
    return undefined;
  }
}

/** Returns the memory of the control groups of this process, as far as they can be read. */
function groups(): MemoryNow[] {
  return groupDirectories(textOf("/proc/self/cgroup") ?? "").flatMap(({ path, max, current }) => {
    const limit = textOf(`${path}/${max}`);
    if (limit === undefined || limit.trim() === "max") return [];
    const memory = groupMemory(
      limit,
      textOf(`${path}/${current}`) ?? "",
      textOf(`${path}/memory.stat`) ?? "",
    );
    return memory === undefined ? [] : [memory];
  });
}

function textOf(path: string): string | undefined {
  try {
    return readSystemFile(path);
  } catch {
    return undefined;
  }
}
