// The counters of a link, in memory that both threads see: the worker adds, the main thread reads.

import { DROP_REASONS, type DropReason } from "../relay/mod.ts";
import type { CounterValues } from "./status.ts";

/** The place of each counter of frames; its bytes are counted in the next place. */
export const FRAMES = {
  discoveryFromLink: 0,
  sessionFromLink: 2,
  discoveryFromTunnel: 4,
  sessionFromTunnel: 6,
} as const;
const DROPS = 8;
const LENGTH = DROPS + DROP_REASONS.length;

/** Counts frames, bytes and drops. Numbers stay exact up to 2^53. */
export class Counters {
  readonly buffer: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** Makes new counters, or another thread's view of some. */
  constructor(
    buffer = new SharedArrayBuffer(LENGTH * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer;
    this.#values = new Float64Array(buffer);
  }

  /** Counts one frame; `place` is one of `FRAMES`. */
  frame(place: number, bytes: number): void {
    this.#values[place]++;
    this.#values[place + 1] += bytes;
  }

  /** Counts frames that went no further, for a reason of `DROP`. */
  drop(reason: number, count = 1): void {
    this.#values[DROPS + reason] += count;
  }

  /** The frames that went no further for a reason of `DROP`. */
  dropped(reason: number): number {
    return this.#values[DROPS + reason];
  }

  /** All of them by name. */
  read(): CounterValues {
    const values = this.#values;
    const of = (add: number) => {
      const fromLink = {
        discovery: values[FRAMES.discoveryFromLink + add],
        session: values[FRAMES.sessionFromLink + add],
      };
      const fromTunnel = {
        discovery: values[FRAMES.discoveryFromTunnel + add],
        session: values[FRAMES.sessionFromTunnel + add],
      };
      return { fromLink, fromTunnel, uplink: fromLink, downlink: fromTunnel };
    };
    return {
      frames: of(0),
      bytes: of(1),
      drops: Object.fromEntries(
        DROP_REASONS.map((reason, index) => [reason, values[DROPS + index]]),
      ) as Record<DropReason, number>,
    };
  }
}
