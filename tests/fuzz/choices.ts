// Decisions that the bytes of an input make, so that changing some bytes changes some decisions.

/** Reads decisions from bytes. At the end of the bytes, each decision is the first possible one. */
export class Choices {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True once all bytes are used. */
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The bytes that are not used yet. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  byte(): number {
    return this.done ? 0 : this.#bytes[this.#at++];
  }

  uint16(): number {
    return this.byte() * 0x100 + this.byte();
  }

  /** Returns an integer from 0 up to, but not including, `end`, which is at most 65536. */
  below(end: number): number {
    return (end <= 0x100 ? this.byte() : this.uint16()) % end;
  }

  /** Returns true in about one of so many cases, but not at the end of the bytes. */
  oneIn(cases: number): boolean {
    return this.byte() % cases === cases - 1;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** Takes up to so many bytes. */
  take(count: number): Uint8Array {
    const taken = this.#bytes.slice(this.#at, this.#at + count);
    this.#at += taken.length;
    return taken;
  }

  /** Cuts bytes into pieces, most of them short. */
  pieces(bytes: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = this.done ? bytes.length : 1 + this.below(64);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  }
}
