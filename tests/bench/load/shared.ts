// Memory through which the ends communicate while they are too busy for messages.

/** The message of an end to the other one when it has sent all its frames. */
export interface Ended {
  sec: number;
  nsec: number;
  data: number;
  control: number;
}

const WORDS_AN_END = 8;
const AT = { done: 0, sec: 1, nsec: 2, data: 3, control: 4 } as const;
const STOP = 2 * WORDS_AN_END;

/** Size of the memory. */
export const SHARED_BYTES = 4 * (STOP + 1);

/** The messages of both ends about the end of a trial, and a flag that stops the AC. */
export class Shared {
  readonly #words: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Uint32Array(buffer);
  }

  /** Clears the messages of the last trial. */
  reset(): void {
    this.#words.fill(0);
  }

  /** Tells the other end that `end` has sent all its frames. */
  end(end: number, { sec, nsec, data, control }: Ended): void {
    const at = end * WORDS_AN_END;
    this.#words[at + AT.sec] = sec;
    this.#words[at + AT.nsec] = nsec;
    this.#words[at + AT.data] = data;
    this.#words[at + AT.control] = control;
    Atomics.store(this.#words, at + AT.done, 1);
  }

  /** Returns the message of an end, or undefined while the end is still sending. */
  ended(end: number): Ended | undefined {
    const at = end * WORDS_AN_END;
    if (Atomics.load(this.#words, at + AT.done) === 0) return undefined;
    return {
      sec: this.#words[at + AT.sec],
      nsec: this.#words[at + AT.nsec],
      data: this.#words[at + AT.data],
      control: this.#words[at + AT.control],
    };
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOP) !== 0;
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1);
  }
}
