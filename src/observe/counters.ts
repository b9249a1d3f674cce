// The counters of the data plane, in shared memory: the worker counts, and the main thread reads.

import { DROP_REASONS, type DropReason } from "../relay/mod.ts";
import type { CounterValues } from "./status.ts";

/** The index of each frame counter. The counter of the frames' bytes follows it. */
export const FRAMES = {
  discoveryFromLink: 0,
  sessionFromLink: 2,
  discoveryFromTunnel: 4,
  sessionFromTunnel: 6,
} as const;
const DROPS = 8;
const LENGTH = DROPS + DROP_REASONS.length;

/** Counters of frames, bytes and drops. They are exact up to 2^53. */
export class Counters {
  /** The memory of the counters, to share with another thread. */
  readonly buffer: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** Makes new counters, or a view of another thread's. */
  constructor(
    buffer = new SharedArrayBuffer(LENGTH * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer;
    this.#values = new Float64Array(buffer);
  }

  /** Counts one frame; `index` is one of `FRAMES`. */
  frame(index: number, bytes: number): void {
    this.#values[index]++;
    this.#values[index + 1] += bytes;
  }

  /** Counts dropped frames; `reason` is one of `DROP`. */
  drop(reason: number, count = 1): void {
    this.#values[DROPS + reason] += count;
  }

  /** Returns the number of frames that were dropped for a reason of `DROP`. */
  dropped(reason: number): number {
    return this.#values[DROPS + reason];
  }

  /** Returns all values by name. */
  read(): CounterValues {
    const values = this.#values;
    const byDirection = (offset: number) => {
      const fromLink = {
        discovery: values[FRAMES.discoveryFromLink + offset],
        session: values[FRAMES.sessionFromLink + offset],
      };
      const fromTunnel = {
        discovery: values[FRAMES.discoveryFromTunnel + offset],
        session: values[FRAMES.sessionFromTunnel + offset],
      };
      return { fromLink, fromTunnel, uplink: fromLink, downlink: fromTunnel };
    };
    return {
      frames: byDirection(0),
      bytes: byDirection(1),
      drops: Object.fromEntries(
        DROP_REASONS.map((reason, index) => [reason, values[DROPS + index]]),
      ) as Record<DropReason, number>,
    };
  }
}
