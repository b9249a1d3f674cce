// The memory that the queues of all tunnels may take together.

/** The maximum number of bytes of the queues of all tunnels. */
const TOTAL_BYTES = 96 << 20;

/**
 * Shares memory among queues. One may grow as long as it then takes no more than what is left for the others.
 * So a few busy tunnels get all they want, and a thousand full ones still leave something for another.
 */
export class QueueRoom {
  readonly #totalBytes: number;
  #takenBytes = 0;

  /** Has nothing taken at first. */
  constructor(totalBytes = TOTAL_BYTES) {
    this.#totalBytes = totalBytes;
  }

  /** The number of bytes that are taken. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Takes the memory by which a queue grows; returns false if it may not grow. */
  grow(fromBytes: number, toBytes: number): boolean {
    const taken = this.#takenBytes + toBytes - fromBytes;
    if (toBytes > this.#totalBytes - taken) return false;
    this.#takenBytes = taken;
    return true;
  }

  /** Takes back the memory by which a queue has shrunk. */
  shrink(fromBytes: number, toBytes: number): void {
    this.#takenBytes -= fromBytes - toBytes;
  }
}
