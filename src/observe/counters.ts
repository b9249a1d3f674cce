// The counters of the data plane, in shared memory: the worker counts, and the main thread reads.
//
// At every moment, for each direction and kind: offered = carried + dropped + queued. docs/PERFORMANCE.md
// says what each word means. The frames that are queued are not counted here, but by those who queue them.

import { DROP_REASONS, type DropReason } from "../relay/mod.ts";
import type { Balances, CounterValues, Queued } from "./status.ts";

/** Sees each drop as it is counted. */
export interface DropWatch {
  /**
   * Called when frames were dropped.
   *
   * @param reason The reason, one of `DROP`
   * @param flow The direction and kind of the frames
   * @param count The number of frames, at least 1
   */
  dropped(reason: number, flow: Flow, count: number): void;
}

/** The index of each frame counter. The counter of the frames' bytes follows it. */
export const FRAMES = {
  discoveryFromLink: 0,
  sessionFromLink: 2,
  discoveryFromTunnel: 4,
  sessionFromTunnel: 6,
} as const;
/** The direction and kind of a frame: one of {@linkcode FRAMES}. */
export type Flow = typeof FRAMES[keyof typeof FRAMES];
/** The offset from a frame counter to those of the offered and the dropped frames of its flow. */
const OFFERED = 8;
const DROPPED = 9;
const DROPS = 16;
const DEMOTED = DROPS + DROP_REASONS.length;
const LENGTH = DEMOTED + 2;

/** Counters of frames, bytes and drops. They are exact up to 2^53. */
export class Counters {
  /** The memory of the counters, to share with another thread. */
  readonly buffer: SharedArrayBuffer;
  /** Sees the drops that are counted on this thread; by default nobody does. */
  watch: DropWatch | undefined = undefined;
  readonly #values: Float64Array;

  /** Makes new counters, or a view of another thread's. */
  constructor(
    buffer = new SharedArrayBuffer(LENGTH * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer;
    this.#values = new Float64Array(buffer);
  }

  /** Counts frames that are there to be carried. Each of them is carried, dropped or queued. */
  offer(flow: Flow, count = 1): void {
    this.#values[OFFERED + flow] += count;
  }

  /** Counts one frame that was carried. */
  frame(flow: Flow, bytes: number): void {
    this.#values[flow]++;
    this.#values[flow + 1] += bytes;
  }

  /** Counts frames that were carried, with the sum of their bytes. */
  frames(flow: Flow, count: number, bytes: number): void {
    this.#values[flow] += count;
    this.#values[flow + 1] += bytes;
  }

  /** Counts dropped frames; `reason` is one of `DROP`. */
  drop(reason: number, flow: Flow, count = 1): void {
    this.#values[DROPS + reason] += count;
    this.#values[DROPPED + flow] += count;
    if (this.watch !== undefined && count > 0) this.watch.dropped(reason, flow, count);
  }

  /** Counts one control frame that was beyond its budget, and is treated as data. */
  demote(from: "link" | "tunnel"): void {
    this.#values[from === "link" ? DEMOTED : DEMOTED + 1]++;
  }

  /** Returns the number of frames that were dropped for a reason of `DROP`. */
  dropped(reason: number): number {
    return this.#values[DROPS + reason];
  }

  /** Returns the number of frames that were there to be carried. */
  offered(flow: Flow): number {
    return this.#values[OFFERED + flow];
  }

  /** Returns the balance of each direction and kind, given the frames that are queued now. */
  balance({ fromLink, fromTunnel }: Queued): Balances {
    const values = this.#values;
    const of = (flow: Flow, queued: number) => ({
      offered: values[OFFERED + flow],
      carried: values[flow],
      dropped: values[DROPPED + flow],
      queued,
    });
    return {
      fromLink: {
        discovery: of(FRAMES.discoveryFromLink, fromLink.discovery),
        session: of(FRAMES.sessionFromLink, fromLink.session),
      },
      fromTunnel: {
        discovery: of(FRAMES.discoveryFromTunnel, fromTunnel.discovery),
        session: of(FRAMES.sessionFromTunnel, fromTunnel.session),
      },
    };
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
      controlAsData: { fromLink: values[DEMOTED], fromTunnel: values[DEMOTED + 1] },
      drops: Object.fromEntries(
        DROP_REASONS.map((reason, index) => [reason, values[DROPS + index]]),
      ) as Record<DropReason, number>,
    };
  }
}
