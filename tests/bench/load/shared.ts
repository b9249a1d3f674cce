// Memory that both ends see while they are busy and hear no messages.

/** What one end tells the other at the end of its sending. */
export interface Ended {
  sec: number;
  nsec: number;
  data: number;
  control: number;
}

const WORDS_AN_END = 8;
const AT = { done: 0, sec: 1, nsec: 2, data: 3, control: 4 } as const;
const STOP = 2 * WORDS_AN_END;

/** How large the memory is. */
export const SHARED_BYTES = 4 * (STOP + 1);

/** Each end's last word of a trial, and a bell that stops whoever serves without end. */
export class Shared {
  readonly #words: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Uint32Array(buffer);
  }

  /** Forgets the last trial. */
  reset(): void {
    this.#words.fill(0);
  }

  /** Tells the other end that `end` sends no more. */
  end(end: number, { sec, nsec, data, control }: Ended): void {
    const at = end * WORDS_AN_END;
    this.#words[at + AT.sec] = sec;
    this.#words[at + AT.nsec] = nsec;
    this.#words[at + AT.data] = data;
    this.#words[at + AT.control] = control;
    Atomics.store(this.#words, at + AT.done, 1);
  }

  /** What an end said; undefined while it still sends. */
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
