// The times at which the relay has work to do, besides its tick.

import type { Relay } from "../relay/mod.ts";

/** The indexes of the array of times; a typed array stores numbers without an allocation. */
const GRACE_OVER = 0;
const DUE = 1;

/** Keeps the relay's next times, and asks for them only after they may have changed, not in every turn. */
export class RelayTimers {
  readonly #relay: Relay;
  readonly #times = new Float64Array([Infinity, Infinity]);

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** The time at which `run` has something to do. */
  get nextMs(): number {
    const times = this.#times;
    return times[GRACE_OVER] < times[DUE] ? times[GRACE_OVER] : times[DUE];
  }

  /** Notes that peers have come, gone or been forgotten. */
  peersChanged(): void {
    // Rounded up to a tenth of a second, so that thousands of grace times that end together take one turn.
    this.#times[GRACE_OVER] = Math.ceil(this.#relay.graceOverMs / 100) * 100;
  }

  /** Notes that discovery frames were received. */
  discoveryChanged(): void {
    this.#times[DUE] = this.#relay.dueMs;
  }

  /** Does the work that is due. */
  run(nowMs: number): void {
    if (nowMs >= this.#times[GRACE_OVER]) {
      this.#relay.expireHeld(nowMs);
      this.peersChanged();
    }
    if (nowMs >= this.#times[DUE]) {
      this.#relay.due(nowMs);
      this.discoveryChanged();
    }
  }
}
