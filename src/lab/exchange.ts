// Numbered payloads out and back again within a window: what was sent, what returned, how long it took.
import { checkPayload, makePayload } from "./payload.ts";

/** Options of {@linkcode Exchange}. */
export interface ExchangeOptions {
  /** Payloads to send. */
  frames: number;
  /** How many may be under way at once. 32 when not given. */
  window?: number;
  /** Bytes of payload `number`. 1400 each when not given. */
  payloadLength?: (number: number) => number;
  /**
   * After that long without its answer a payload counts as lost; after three times that without any
   * answer the exchange is over. 2000 when not given.
   */
  timeoutMs?: number;
}

/** What came of an {@linkcode Exchange}. */
export interface ExchangeResult {
  sent: number;
  /** Payloads that came back with every byte right. */
  returned: number;
  /** Payloads that did not come back in time. */
  lost: number;
  /** Payloads that came back with something wrong; one that cannot be told apart is in `lost` too. */
  corrupted: number;
  /** Answers beyond the first, and those after their time. */
  repeated: number;
  /** Payload bytes. */
  bytesSent: number;
  bytesReturned: number;
  /** Round-trip times of what returned, in the order in which it did. */
  rttMs: number[];
}

/** How many times its timeout an exchange bears with hearing nothing. */
const SILENCES = 3;

/** One exchange on one session. It has no clock: all methods take the time in milliseconds. */
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
  /** Payloads under way and when each was sent, oldest first. */
  readonly #underWay = new Map<number, number>();

  constructor(stream: number, options: ExchangeOptions) {
    this.#stream = stream;
    this.#frames = options.frames;
    this.#window = options.window ?? 32;
    this.#payloadLength = options.payloadLength ?? (() => 1400);
    this.#timeoutMs = options.timeoutMs ?? 2000;
  }

  /** Whether everything was sent, and returned or given up. */
  get done(): boolean {
    return this.result.sent === this.#frames && this.#underWay.size === 0;
  }

  /** The payload to send now; `undefined` while the window is full, and when all were sent. */
  next(nowMs: number): Uint8Array | undefined {
    if (this.result.sent === this.#frames || this.#underWay.size >= this.#window) return undefined;
    this.#heardMs ??= nowMs;
    const number = this.result.sent++;
    const payload = makePayload(this.#stream, number, this.#payloadLength(number));
    this.result.bytesSent += payload.length;
    this.#underWay.set(number, nowMs);
    return payload;
  }

  /** Takes a payload that came back. */
  receive(payload: Uint8Array, nowMs: number): void {
    const { result } = this;
    this.#heardMs = nowMs;
    const checked = checkPayload(payload);
    if (!checked || checked.stream !== this.#stream || checked.number >= result.sent) {
      result.corrupted++;
      return;
    }
    const sentMs = this.#underWay.get(checked.number);
    if (sentMs === undefined) {
      if (checked.intact) result.repeated++;
      else result.corrupted++;
      return;
    }
    this.#underWay.delete(checked.number);
    if (!checked.intact || payload.length !== this.#payloadLength(checked.number)) {
      result.corrupted++;
      return;
    }
    result.returned++;
    result.bytesReturned += payload.length;
    result.rttMs.push(nowMs - sentMs);
  }

  /** Gives up what has been under way for too long. */
  expire(nowMs: number): void {
    for (const [number, sentMs] of this.#underWay) {
      if (nowMs - sentMs < this.#timeoutMs) break;
      this.#underWay.delete(number);
      this.result.lost++;
    }
    if (nowMs - (this.#heardMs ?? nowMs) >= SILENCES * this.#timeoutMs) this.abandon();
  }

  /** Sends no more and gives up what is under way: the session is gone. */
  abandon(): void {
    this.#frames = this.result.sent;
    this.result.lost += this.#underWay.size;
    this.#underWay.clear();
  }
}
