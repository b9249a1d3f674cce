// A sink that receives, checks and counts one kind of frame. Its results do not depend on when it reads
// the frames, because the kernel records the time of arrival.

import type { InterfaceInfo } from "../../../ffi/interface.ts";
import { readUint16 } from "../../../src/wire/uint16.ts";
import { COUNTED, FORMAT, type FrameKind, isMagic, SESSION_ID_AT, WORD } from "./frame_format.ts";
import { Histogram } from "./histogram.ts";
import type { ReceivedResult } from "./messages.ts";
import { Ring } from "./ring.ts";
import type { Sessions } from "./sessions.ts";

const SLOTS: Record<FrameKind, number> = { data: 16_384, control: 2048 };
const NUMBERS = 65536;
/** Number of a session's latest frames that are remembered, to distinguish repeated from late frames. */
const WINDOW = 32;

/** A sink for one kind of frame at one end. */
export class Sink {
  /** Number of this trial's frames, including late ones and the warm-up, but not repeats. */
  total = 0;

  readonly #kind: FrameKind;
  readonly #ring: Ring;
  readonly #sessions: Sessions;
  readonly #latency = new Histogram();
  readonly #ownHalves: Uint16Array;
  #shownHalves = new Uint16Array(3);
  /** The largest sequence number of each session. */
  readonly #last = new Uint32Array(NUMBERS);
  /** Bits for the sequence numbers up to the largest one. */
  readonly #seen = new Uint32Array(NUMBERS);
  #magic = 0;
  #frameBytes = 0;
  #deadlineSec = Infinity;
  #deadlineNsec = 0;
  #frames = 0;
  #late = 0;
  #duplicates = 0;
  #reordered = 0;
  #stale = 0;
  #wrong = 0;
  #misdelivered = 0;

  constructor(info: InterfaceInfo, kind: FrameKind, sessions: Sessions) {
    this.#kind = kind;
    this.#ring = new Ring(info, FORMAT[kind].protocol, SLOTS[kind]);
    this.#sessions = sessions;
    this.#ownHalves = new Uint16Array(sessions.own.slice().buffer);
  }

  /** Starts to count from zero, ignoring all frames that have already arrived. */
  start(magic: number, frameBytes: number): void {
    this.drain();
    this.#ring.drops();
    this.#shownHalves = new Uint16Array(this.#sessions.shown.slice().buffer);
    this.#latency.clear();
    this.#last.fill(0);
    this.#seen.fill(0);
    this.#magic = magic;
    this.#frameBytes = frameBytes;
    this.#deadlineSec = Infinity;
    this.total =
      this.#frames =
      this.#late =
      this.#duplicates =
      this.#reordered =
        0;
    this.#stale = this.#wrong = this.#misdelivered = 0;
  }

  /** Sets the time after which frames count as late. */
  setDeadline(sec: number, nsec: number): void {
    this.#deadlineSec = sec;
    this.#deadlineNsec = nsec;
  }

  /** Processes the frames in the ring and returns their number. */
  drain(): number {
    const ring = this.#ring;
    let count = 0;
    for (; ring.next(); count++) {
      this.#take(ring.offset);
      ring.release();
    }
    return count;
  }

  /** Returns the result since the start. */
  result(): ReceivedResult {
    let sessionsHeard = 0;
    for (let number = 0; number < this.#sessions.count; number++) {
      if (this.#last[number] > 0) sessionsHeard++;
    }
    return {
      frames: this.#frames,
      late: this.#late,
      duplicates: this.#duplicates,
      reordered: this.#reordered,
      stale: this.#stale,
      wrong: this.#wrong,
      misdelivered: this.#misdelivered,
      sinkDrops: this.#ring.drops(),
      sessionsHeard,
      p50Us: this.#latency.quantileUs(0.5),
      p99Us: this.#latency.quantileUs(0.99),
      maxUs: this.#latency.maxUs,
    };
  }

  close(): void {
    this.#ring.close();
  }

  #take(at: number): void {
    const { bytes, words, wireLength, sec, nsec } = this.#ring;
    const word = (at + FORMAT[this.#kind].wordsAt) >>> 2;
    if (words[word + WORD.magic] !== this.#magic) {
      if (isMagic(words[word + WORD.magic])) this.#stale++;
      else this.#wrong++;
      return;
    }
    const id = readUint16(bytes, at + SESSION_ID_AT);
    const number = this.#sessions.numbers[id];
    if (number < 0 || wireLength !== this.#frameBytes || !this.#addressed(at >>> 1)) {
      this.#wrong++;
      return;
    }
    const session = words[word + WORD.session];
    if (!this.#belongs(number, session & ~COUNTED)) {
      this.#misdelivered++;
      return;
    }
    if (!this.#isNew(number, words[word + WORD.sequence])) {
      this.#duplicates++;
      return;
    }
    this.total++;
    if (session < COUNTED) return;
    if (sec > this.#deadlineSec || sec === this.#deadlineSec && nsec > this.#deadlineNsec) {
      this.#late++;
      return;
    }
    this.#frames++;
    const sentSec = words[word + WORD.sec];
    this.#latency.addNs((sec - sentSec) * 1e9 + nsec - words[word + WORD.nsec]);
  }

  #addressed(half: number): boolean {
    const { halves } = this.#ring;
    const own = this.#ownHalves;
    const shown = this.#shownHalves;
    return halves[half] === own[0] && halves[half + 1] === own[1] && halves[half + 2] === own[2] &&
      halves[half + 3] === shown[0] && halves[half + 4] === shown[1] &&
      halves[half + 5] === shown[2];
  }

  // The first frame of a session has its number at the other end. All later frames must have the same.
  #belongs(number: number, other: number): boolean {
    const { others } = this.#sessions;
    if (others[number] < 0) others[number] = other;
    return others[number] === other;
  }

  #isNew(number: number, sequence: number): boolean {
    const ahead = sequence - this.#last[number];
    if (ahead > 0) {
      this.#seen[number] = ahead < WINDOW ? this.#seen[number] << ahead | 1 : 1;
      this.#last[number] = sequence;
      return true;
    }
    const bit = 1 << -ahead;
    if (-ahead < WINDOW && (this.#seen[number] & bit) !== 0) return false;
    this.#seen[number] |= -ahead < WINDOW ? bit : 0;
    this.#reordered++;
    return true;
  }
}
