// A generator that sends one kind of frame at a rate, by an absolute schedule.

import { writeUint16 } from "../../../src/wire/uint16.ts";
import { Burst, SLOTS } from "./burst.ts";
import { realtime } from "./clock.ts";
import { COUNTED, FORMAT, type FrameKind, layFrame, SESSION_ID_AT, WORD } from "./frame_format.ts";
import type { SentResult } from "./messages.ts";
import type { Sessions } from "./sessions.ts";

/** Span of time whose frames may be sent together, unless they must be spaced evenly. */
const TOGETHER_NS = 100_000;
/** Maximum delay that the generator catches up with. Frames that are later are not sent. */
const BEHIND_NS = 3_000_000;

/** Options of a generator. */
export interface GeneratorOptions {
  kind: FrameKind;
  frameBytes: number;
  /** Frames per second, or 0 to send none. */
  rate: number;
  startNs: number;
  countFromNs: number;
  endNs: number;
  magic: number;
  firstSession: number;
  sessions: number;
  evenly: boolean;
}

/** A generator of one kind of frame, which uses several sessions in turn. */
export class Generator {
  /** Time at which `run` must be called next, or Infinity after the end. */
  nextNs: number;
  /** Number of frames sent, including the warm-up. */
  total = 0;

  readonly #options: GeneratorOptions;
  readonly #sessions: Sessions;
  readonly #burst: Burst;
  readonly #firstWord: number;
  readonly #periodNs: number;
  readonly #together: number;
  readonly #sequences: Uint32Array;
  /** Time at which frame 0 was due, moved forward by the time that was given up. */
  #scheduleNs: number;
  #counted = 0;
  #behindNs = 0;
  #session = 0;

  constructor(fd: number, sessions: Sessions, options: GeneratorOptions) {
    const { kind, frameBytes, rate, startNs, sessions: count, evenly, firstSession } = options;
    this.#options = options;
    this.#sessions = sessions;
    this.#burst = new Burst(fd, frameBytes);
    this.#firstWord = FORMAT[kind].wordsAt;
    this.#periodNs = 1e9 / rate;
    this.#together = evenly ? 1 : Math.min(SLOTS, Math.max(1, TOGETHER_NS / this.#periodNs)) >>> 0;
    this.#sequences = new Uint32Array(count);
    this.#scheduleNs = startNs;
    this.nextNs = rate > 0 ? startNs : Infinity;
    if (rate > 0 && firstSession + count > sessions.count) {
      throw new Error(
        `Cannot send on ${count} sessions: ${sessions.count - firstSession} are open`,
      );
    }
    for (let slot = 0; slot < SLOTS; slot++) {
      layFrame(this.#burst.frame(slot), kind, sessions.shown, sessions.own);
    }
  }

  /** Sends the frames that are due, at most one burst. */
  run(nowNs: number): void {
    const { endNs, countFromNs } = this.#options;
    if (nowNs >= endNs) {
      this.nextNs = Infinity;
      return;
    }
    let due = Math.floor((nowNs - this.#scheduleNs) / this.#periodNs) + 1 - this.total;
    const most = Math.max(this.#together, BEHIND_NS / this.#periodNs);
    if (due > most) {
      const skippedNs = (due - most) * this.#periodNs;
      this.#scheduleNs += skippedNs;
      this.#behindNs += skippedNs;
      due = Math.floor(most);
    }
    const count = Math.min(due, SLOTS);
    if (count > 0) this.#send(count, nowNs >= countFromNs);
    this.nextNs = this.#scheduleNs + (this.total + this.#together - 1) * this.#periodNs;
  }

  /** Returns the result without the warm-up. */
  result(): SentResult {
    const { endNs, countFromNs } = this.#options;
    return {
      frames: this.#counted,
      rate: this.#counted / (endNs - countFromNs) * 1e9,
      refused: this.#burst.refused,
      behindMs: this.#behindNs / 1e6,
    };
  }

  #send(count: number, counted: boolean): void {
    const { bytes, words } = this.#burst;
    const { magic, sessions, firstSession } = this.#options;
    const ids = this.#sessions.ids;
    realtime.read();
    for (let slot = 0; slot < count; slot++) {
      const session = this.#session;
      const number = firstSession + session;
      const at = this.#burst.at(slot);
      const word = (at + this.#firstWord) >>> 2;
      writeUint16(bytes, at + SESSION_ID_AT, ids[number]);
      words[word + WORD.magic] = magic;
      words[word + WORD.session] = counted ? number | COUNTED : number;
      words[word + WORD.sequence] = ++this.#sequences[session];
      words[word + WORD.sec] = realtime.sec;
      words[word + WORD.nsec] = realtime.nsec;
      this.#session = session + 1 === sessions ? 0 : session + 1;
    }
    this.#burst.send(count);
    this.total += count;
    if (counted) this.#counted += count;
  }
}
