// The last use of each key, which the status shows.

import type { KeyRing } from "../keys/key_ring.ts";
import type { KeyStatus } from "../observe/status.ts";
import { Counts } from "./counts.ts";

/** The number of digits of an id that are shown. */
const ID_SHOWN = 8;

/** Notes when keys are used. Times are in ms, by a monotonic clock. */
export class KeyUse {
  /** The number of tunnels, by the id of their key. */
  readonly #tunnels = new Counts();
  /** The time of the last use, by the id of the key. */
  readonly #lastMs = new Map<string, number>();

  /**
   * Notes that a client has proved a key.
   *
   * @param id The id of the key
   * @param nowMs The time
   */
  proved(id: string, nowMs: number): void {
    this.#lastMs.set(id, nowMs);
  }

  /**
   * Notes that a tunnel uses a key.
   *
   * @param id The id of the key
   */
  entered(id: string): void {
    this.#tunnels.add(id);
  }

  /**
   * Notes that a tunnel no longer uses a key.
   *
   * @param id The id of the key
   * @param nowMs The time
   */
  left(id: string, nowMs: number): void {
    this.#tunnels.remove(id);
    this.#lastMs.set(id, nowMs);
  }

  /**
   * Forgets the keys that are gone.
   *
   * @param keys The present keys
   */
  keep(keys: KeyRing): void {
    for (const id of this.#lastMs.keys()) if (keys.find(id) === undefined) this.#lastMs.delete(id);
  }

  /**
   * Describes the keys as the status shows them.
   *
   * @param keys The present keys
   * @param nowMs The time
   * @returns A description of each key, in their order
   */
  statuses(keys: KeyRing, nowMs: number): KeyStatus[] {
    return keys.keys.map(({ name, id }) => {
      const tunnels = this.#tunnels.of(id);
      const lastMs = this.#lastMs.get(id);
      const lastUsedS = tunnels > 0
        ? 0
        : lastMs === undefined
        ? null
        : Math.max(0, Math.floor((nowMs - lastMs) / 1000));
      return { name, id: id.slice(0, ID_SHOWN), lastUsedS, tunnels };
    });
  }
}
