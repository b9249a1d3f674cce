// An exchange of numbered payloads that an AC sends back, with a window, losses and round-trip times.

import { checkPayload, makePayload } from "./payload.ts";

/** Options of {@linkcode Exchange}. */
export interface ExchangeOptions {
  /** Number of payloads to send. */
  frames: number;
  /** Maximum number of payloads in flight, 32 by default. */
  window?: number;
  /** Length in bytes of payload `number`, 1400 by default. */
  payloadLength?: (number: number) => number;
  /**
   * Time after which an unanswered payload counts as lost, 2000 by default. After three times as long
   * without any answer the exchange ends.
   */
  timeoutMs?: number;
}

/** The result of an {@linkcode Exchange}. */
export interface ExchangeResult {
  sent: number;
  /** Payloads that came back intact. */
  returned: number;
  /** Payloads that did not come back in time. */
  lost: number;
  /** Payloads that came back damaged; one that cannot be identified is also counted in `lost`. */
  corrupted: number;
  /** Second and further answers, and late ones. */
  repeated: number;
  /** Payload bytes. */
  bytesSent: number;
  bytesReturned: number;
  /** Round-trip times of the returned payloads, in order of their return. */
  rttMs: number[];
}

/** Number of timeouts without any answer after which an exchange ends. */
const SILENCES = 3;

/** An exchange on one session. It has no clock: all methods take the time in milliseconds. */
export class Exchange {
  readonly result: ExchangeResult = {
    sent: 0,
    returned: 0,
    lost: 0,
    corrupted: 0,
    repeated: 0,
    bytesSent: 0,
    bytesReturned: 0,
    rttMs: [],
  };

  readonly #stream: number;
  #frames: number;
  readonly #window: number;
  readonly #payloadLength: (number: number) => number;
  readonly #timeoutMs: number;
  #heardMs?: number;
  /** The payloads in flight and the time each was sent, oldest first. */
  readonly #inFlight = new Map<number, number>();

  constructor(stream: number, options: ExchangeOptions) {
    this.#stream = stream;
    this.#frames = options.frames;
    this.#window = options.window ?? 32;
    this.#payloadLength = options.payloadLength ?? (() => 1400);
    this.#timeoutMs = options.timeoutMs ?? 2000;
  }

  /** True once every payload has been sent and has returned or been given up. */
  get done(): boolean {
    return this.result.sent === this.#frames && this.#inFlight.size === 0;
  }

  /** Returns the next payload to send, or `undefined` if the window is full or all were sent. */
  next(nowMs: number): Uint8Array | undefined {
    if (this.result.sent === this.#frames || this.#inFlight.size >= this.#window) return undefined;
    this.#heardMs ??= nowMs;
    const number = this.result.sent++;
    const payload = makePayload(this.#stream, number, this.#payloadLength(number));
    this.result.bytesSent += payload.length;
    this.#inFlight.set(number, nowMs);
    return payload;
  }

  /** Counts a payload that came back. */
  receive(payload: Uint8Array, nowMs: number): void {
    const { result } = this;
    this.#heardMs = nowMs;
    const checked = checkPayload(payload);
    if (!checked || checked.stream !== this.#stream || checked.number >= result.sent) {
      result.corrupted++;
      return;
    }
    const sentMs = this.#inFlight.get(checked.number);
    if (sentMs === undefined) {
      if (checked.intact) result.repeated++;
      else result.corrupted++;
      return;
    }
    this.#inFlight.delete(checked.number);
    if (!checked.intact || payload.length !== this.#payloadLength(checked.number)) {
      result.corrupted++;
      return;
    }
    result.returned++;
    result.bytesReturned += payload.length;
    result.rttMs.push(nowMs - sentMs);
  }

  /** Gives up payloads that have been in flight for too long. */
  expire(nowMs: number): void {
    for (const [number, sentMs] of this.#inFlight) {
      if (nowMs - sentMs < this.#timeoutMs) break;
      this.#inFlight.delete(number);
      this.result.lost++;
    }
    if (nowMs - (this.#heardMs ?? nowMs) >= SILENCES * this.#timeoutMs) this.abandon();
  }

  /** Gives up all payloads, because the session has ended. */
  abandon(): void {
    this.#frames = this.result.sent;
    this.result.lost += this.#inFlight.size;
    this.#inFlight.clear();
  }
}
