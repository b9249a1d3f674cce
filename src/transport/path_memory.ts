// The paths on which large packets are lost, by the peer's address, so that the next connection need not
// find out again.

import type { PathFault } from "./transport.ts";

/** The maximum number of paths that are remembered. */
const PATHS = 1024;
/** The time after which a path counts as sound again, because it may have been repaired. */
const FORGET_MS = 24 * 60 * 60 * 1000;

/**
 * Remembers the faults of paths for a day.
 *
 * @example Remember a fault
 * ```ts
 * import { PathMemory } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const memory = new PathMemory(() => performance.now());
 * const fault = { packetBytes: 1500, remedy: "fragments", fragmentsLost: false } as const;
 * memory.remember("192.0.2.1", fault);
 * assertEquals(memory.recall("192.0.2.1"), fault);
 * assertEquals(memory.recall("192.0.2.2"), undefined);
 * ```
 */
export class PathMemory {
  readonly #now: () => number;
  /** The paths, the one whose fault was found first at the front. */
  readonly #paths = new Map<string, { fault: PathFault; foundMs: number }>();

  /**
   * Makes a memory without paths.
   *
   * @param now Returns the time in ms, by a monotonic clock
   */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Remembers the fault of a path. If there are too many, the oldest one is forgotten.
   *
   * @param address The peer's address
   * @param fault The fault
   */
  remember(address: string, fault: PathFault): void {
    this.#paths.delete(address);
    this.#paths.set(address, { fault, foundMs: this.#now() });
    if (this.#paths.size > PATHS) this.#paths.delete(this.#paths.keys().next().value!);
  }

  /**
   * Recalls the fault of a path.
   *
   * @param address The peer's address
   * @returns The fault; undefined if none is known
   */
  recall(address: string): PathFault | undefined {
    const path = this.#paths.get(address);
    if (path === undefined) return undefined;
    if (this.#now() - path.foundMs < FORGET_MS) return path.fault;
    this.#paths.delete(address);
    return undefined;
  }
}
