// A bounded record of the frames of a station, in which a test can wait for a frame.

import {
  CODE,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  isControlProtocol,
  PPPOE_FRAME_HLEN,
  readCode,
  readEtherType,
  readProtocol,
} from "../wire/mod.ts";
import { patient } from "./patience.ts";

/** A frame that the station sent or received. */
export interface LoggedFrame {
  /** Position among all frames, counted from 1, including those not kept. */
  number: number;
  /** `out` for a frame that this station sent. */
  direction: "in" | "out";
  /** Time in milliseconds, as `performance.now()` reports it. */
  atMs: number;
  bytes: Uint8Array;
}

/** Options of {@linkcode FrameLog}. */
export interface FrameLogOptions {
  /** Maximum number of frames kept, 1000 by default. The oldest are dropped first. */
  limit?: number;
  /** Keep data frames too, not only discovery and PPP control. All frames are counted. */
  data?: boolean;
}

/** The record of a station's frames. */
export class FrameLog {
  /** Called with every frame that is kept. */
  onFrame?: (frame: LoggedFrame) => void;

  readonly #limit: number;
  readonly #keepData: boolean;
  readonly #frames: LoggedFrame[] = [];
  readonly #counts = new Map<number, number>();
  readonly #waiting = new Set<(frame: LoggedFrame) => void>();
  #total = 0;

  constructor(options: FrameLogOptions = {}) {
    this.#limit = options.limit ?? 1000;
    this.#keepData = options.data ?? false;
  }

  /** The frames kept, oldest first. */
  get frames(): readonly LoggedFrame[] {
    return this.#frames;
  }

  /** The number of frames seen, kept or not, which is also the number of the latest one. */
  get total(): number {
    return this.#total;
  }

  /**
   * Counts the PPPoE frames in one direction with a code, which is {@linkcode CODE}.SESSION for session
   * frames.
   */
  count(direction: "in" | "out", code: number): number {
    return this.#counts.get(countKey(direction, code)) ?? 0;
  }

  /** Records a frame. */
  add(direction: "in" | "out", bytes: Uint8Array): void {
    this.#total++;
    const etherType = bytes.length >= PPPOE_FRAME_HLEN ? readEtherType(bytes) : 0;
    if (etherType === ETH_P_PPP_DISC || etherType === ETH_P_PPP_SES) {
      const key = countKey(direction, readCode(bytes));
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    }
    if (etherType === ETH_P_PPP_SES && !this.#keepData && !isControl(bytes)) return;
    const frame = { number: this.#total, direction, atMs: performance.now(), bytes };
    this.#frames.push(frame);
    if (this.#frames.length > this.#limit) this.#frames.shift();
    this.onFrame?.(frame);
    for (const check of this.#waiting) check(frame);
  }

  /**
   * Waits for a frame.
   *
   * @param wanted Returns true for the frame waited for
   * @param timeoutMs The time to wait, in milliseconds
   * @param after Only frames with a higher number count; 0 by default, which includes all kept frames
   * @returns The first such frame
   * @throws {Error} If there is none in time
   */
  async waitFor(
    wanted: (frame: LoggedFrame) => boolean,
    timeoutMs = patient(2000),
    after = 0,
  ): Promise<LoggedFrame> {
    const matches = (frame: LoggedFrame) => frame.number > after && wanted(frame);
    const kept = this.#frames.find(matches);
    if (kept) return kept;
    const { promise, resolve, reject } = Promise.withResolvers<LoggedFrame>();
    const check = (frame: LoggedFrame) => {
      if (matches(frame)) resolve(frame);
    };
    const timer = setTimeout(
      () => reject(new Error(`Cannot find the frame: none arrived within ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiting.add(check);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(check);
      clearTimeout(timer);
    }
  }
}

function countKey(direction: "in" | "out", code: number): number {
  return direction === "in" ? code : 0x100 | code;
}

function isControl(frame: Uint8Array): boolean {
  if (frame.length < PPPOE_FRAME_HLEN + 2 || readCode(frame) !== CODE.SESSION) return true;
  return isControlProtocol(readProtocol(frame));
}
