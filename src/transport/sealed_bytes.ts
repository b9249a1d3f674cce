// The data in records that are under way: how much of it has arrived, given how many sealed bytes have.

/** The maximum length of the data in a record (RFC 8446, section 5.1). */
export const RECORD_BYTES = 16 * 1024;
/** The length that sealing adds to a record: the header, the type, and the tag of both ciphers. */
const OVERHEAD = 5 + 1 + 16;
/** The number of records that are followed, 8 MiB of large ones. Beyond that, the newest ones count as one. */
const FOLLOWED = 512;
const MASK = FOLLOWED - 1;

/** Follows the records of one direction. Nothing is allocated for a record. */
export class SealedBytes {
  /** The positions after the data of each record, and after its sealed bytes. */
  readonly #dataEnds = new Float64Array(FOLLOWED);
  readonly #sealedEnds = new Float64Array(FOLLOWED);
  #head = 0;
  #tail = 0;
  /** The amount of data that was sealed, and that has arrived. */
  #sealed = 0;
  #arrived = 0;

  /**
   * Notes that data was sealed.
   *
   * @param bytes The length of the data
   * @param end The position after its sealed bytes
   * @returns The number of records
   */
  sealed(bytes: number, end: number): number {
    const records = Math.ceil(bytes / RECORD_BYTES);
    let left = bytes;
    for (let record = records - 1; record >= 0; record--) {
      const length = left < RECORD_BYTES ? left : RECORD_BYTES;
      left -= length;
      this.#sealed += length;
      const isFull = this.#tail - this.#head === FOLLOWED;
      const index = (isFull ? this.#tail - 1 : this.#tail++) & MASK;
      this.#dataEnds[index] = this.#sealed;
      this.#sealedEnds[index] = end - left - record * OVERHEAD;
    }
    return records;
  }

  /**
   * Returns the amount of data that has not arrived.
   *
   * @param position The number of sealed bytes that have arrived
   * @returns The number of bytes; a record counts until all of it has arrived
   */
  unacknowledged(position: number): number {
    for (; this.#head !== this.#tail; this.#head++) {
      const index = this.#head & MASK;
      if (this.#sealedEnds[index] > position) break;
      this.#arrived = this.#dataEnds[index];
    }
    if (this.#head === this.#tail) this.#head = this.#tail = 0;
    return this.#sealed - this.#arrived;
  }
}
