// A bounded record of the frames that a station saw, and a way to wait for one.
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

/** One frame that went by. */
export interface LoggedFrame {
  /** Counts all frames of the log from 1, those not kept as well. */
  number: number;
  /** `out`: this station sent it. */
  direction: "in" | "out";
  /** Milliseconds on the clock of `performance.now()`. */
  atMs: number;
  bytes: Uint8Array;
}

/** Options of {@linkcode FrameLog}. */
export interface FrameLogOptions {
  /** Frames kept; the oldest go first. 1000 when not given. */
  limit?: number;
  /** Keep data frames too, not only discovery and PPP control. They are counted in any case. */
  data?: boolean;
}

/** The record of a station. */
export class FrameLog {
  /** Told of every frame that is kept. */
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

  /** Frames seen in all, kept or not: the number of the latest one. */
  get total(): number {
    return this.#total;
  }

  /** How many PPPoE frames with that code went that way; {@linkcode CODE}.SESSION counts session frames. */
  count(direction: "in" | "out", code: number): number {
    return this.#counts.get(countKey(direction, code)) ?? 0;
  }

  /** Takes a frame into the record. */
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
    for (const tell of this.#waiting) tell(frame);
  }

  /**
   * Waits for a frame.
   *
   * @param wanted Says whether it is the one.
   * @param timeoutMs How long to wait.
   * @param after Only frames with a higher number count; 0, the default, takes those already kept too.
   * @returns The first such frame.
   * @throws {Error} If none came in time.
   */
  async waitFor(
    wanted: (frame: LoggedFrame) => boolean,
    timeoutMs = 2000,
    after = 0,
  ): Promise<LoggedFrame> {
    const matches = (frame: LoggedFrame) => frame.number > after && wanted(frame);
    const already = this.#frames.find(matches);
    if (already) return already;
    const { promise, resolve, reject } = Promise.withResolvers<LoggedFrame>();
    const tell = (frame: LoggedFrame) => {
      if (matches(frame)) resolve(frame);
    };
    const timer = setTimeout(
      () => reject(new Error(`Cannot find the frame waited for: none came in ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiting.add(tell);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(tell);
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
