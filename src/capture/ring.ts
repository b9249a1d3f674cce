// A ring of bytes in shared memory, by which the data worker hands blocks of a capture to the main thread. It never
// waits: if there is no room, the frame is left out and counted.

/** The size of the ring, in bytes, a power of two: a thirtieth of a second at the highest rate. */
const RING_BYTES = 8 << 20;
/** The indices of the shared numbers. The positions count all bytes so far, modulo 2^32. */
const [HEAD, TAIL, NOTIFIED] = [0, 1, 2];
const NUMBERS_BYTES = 16;
/** The indices of the counters. */
const [LEFT_OUT, WRITTEN] = [0, 1];
const COUNTERS = 3;
const HEADER_BYTES = NUMBERS_BYTES + COUNTERS * Float64Array.BYTES_PER_ELEMENT;

/** One end of the ring. One thread puts, and another one takes. */
export class CaptureRing {
  /** The memory, to share with the other thread. */
  readonly buffer: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #counters: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #mask: number;

  /**
   * Makes a new ring, or the other end of one.
   *
   * @param from The size of a new ring in bytes, a power of two; or the memory of a ring
   */
  constructor(from: number | SharedArrayBuffer = RING_BYTES) {
    this.buffer = typeof from === "number" ? new SharedArrayBuffer(HEADER_BYTES + from) : from;
    this.#numbers = new Int32Array(this.buffer, 0, NUMBERS_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#counters = new Float64Array(this.buffer, NUMBERS_BYTES, COUNTERS);
    this.#bytes = new Uint8Array(this.buffer, HEADER_BYTES);
    this.#mask = this.#bytes.length - 1;
  }

  /** The number of frames for which there was no room. */
  get leftOut(): number {
    return this.#counters[LEFT_OUT];
  }

  /** Returns the number of frames of an interface that were put in. */
  written(interfaceId: number): number {
    return this.#counters[WRITTEN + interfaceId];
  }

  /** Counts a frame for which there was no room. */
  leaveOut(): void {
    this.#counters[LEFT_OUT]++;
  }

  /**
   * Puts a block in.
   *
   * @param block The memory that begins with the block
   * @param length The length of the block
   * @param interfaceId The interface for which the frame is counted
   * @returns False if there is no room
   */
  put(block: Uint8Array, length: number, interfaceId: number): boolean {
    const numbers = this.#numbers;
    const head = numbers[HEAD];
    const used = (head - Atomics.load(numbers, TAIL)) >>> 0;
    if (length > this.#bytes.length - used) return false;
    const at = head & this.#mask;
    const first = Math.min(length, this.#bytes.length - at);
    this.#bytes.set(block.subarray(0, first), at);
    if (first < length) this.#bytes.set(block.subarray(first, length), 0);
    this.#counters[WRITTEN + interfaceId]++;
    Atomics.store(numbers, HEAD, (head + length) | 0);
    return true;
  }

  /** Returns true if the other thread must be told of new blocks; false if it has been told already. */
  claimNotice(): boolean {
    return Atomics.load(this.#numbers, NOTIFIED) === 0 &&
      Atomics.exchange(this.#numbers, NOTIFIED, 1) === 0;
  }

  /** Notes that blocks are about to be taken; later ones need a new notice. */
  acceptNotice(): void {
    Atomics.store(this.#numbers, NOTIFIED, 0);
  }

  /**
   * Takes bytes out, which may end in the middle of a block.
   *
   * @param into The memory for them
   * @param offset The offset to begin at
   * @returns The number of bytes
   */
  take(into: Uint8Array, offset: number): number {
    const numbers = this.#numbers;
    const tail = numbers[TAIL];
    const used = (Atomics.load(numbers, HEAD) - tail) >>> 0;
    const length = Math.min(used, into.length - offset);
    const at = tail & this.#mask;
    const first = Math.min(length, this.#bytes.length - at);
    into.set(this.#bytes.subarray(at, at + first), offset);
    if (first < length) into.set(this.#bytes.subarray(0, length - first), offset + first);
    Atomics.store(numbers, TAIL, (tail + length) | 0);
    return length;
  }
}
