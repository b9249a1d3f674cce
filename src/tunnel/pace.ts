// The rate at which a congested path takes bytes. It limits the transport's own queue, in which a control
// frame cannot overtake data.

/** The time in which the path should take the bytes of that queue. */
const QUEUE_MS = 8;
/** The lowest limit; with less, a late wake-up could leave the path idle. */
const MIN_BYTES = 4 * 1024;
/** The weight of a new measurement. */
const WEIGHT = 0.25;
/**
 * The length of a measurement that counts alone, in ms. On a path that has become very slow, each one takes so
 * long that an average would follow it only after minutes.
 */
const LONG_MS = 1000;

/**
 * Measures a path between two moments at which the transport was full: the path took as many bytes as the
 * transport did in between.
 */
export class Pace {
  /** The limit of unsent bytes in the transport, and of one batch. */
  lowatBytes: number;

  readonly #maxBytes: number;
  #bytesPerMs = 0;
  #takenBytes = 0;
  #sinceMs: number | undefined = undefined;

  /**
   * Starts with the highest limit, because the path is not known to be slow.
   *
   * @param maxBytes The highest limit
   */
  constructor(maxBytes: number) {
    this.#maxBytes = this.lowatBytes = Math.max(MIN_BYTES, maxBytes);
  }

  /** The time that the path needs for `lowatBytes`, in ms; 0 while the path is not known to be slow. */
  get lowatMs(): number {
    return this.#bytesPerMs === 0 ? 0 : this.lowatBytes / this.#bytesPerMs;
  }

  /** Notes that the transport took bytes. */
  sent(bytes: number): void {
    this.#takenBytes += bytes;
  }

  /** Notes that there was nothing more to send, so the next bytes do not show the rate of the path. */
  idle(): void {
    this.#sinceMs = undefined;
  }

  /** Notes that the transport is full; returns true if `lowatBytes` has changed. */
  blocked(nowMs: number): boolean {
    const taken = this.#takenBytes;
    const elapsedMs = nowMs - (this.#sinceMs ?? nowMs);
    this.#takenBytes = 0;
    this.#sinceMs = nowMs;
    if (elapsedMs <= 0) return false;
    const rate = taken / elapsedMs;
    const weight = Math.min(1, Math.max(WEIGHT, elapsedMs / LONG_MS));
    this.#bytesPerMs += (rate - this.#bytesPerMs) * (this.#bytesPerMs === 0 ? 1 : weight);
    const wanted = Math.min(
      this.#maxBytes,
      Math.max(MIN_BYTES, Math.round(this.#bytesPerMs * QUEUE_MS)),
    );
    // A small change is not worth a system call.
    if (Math.abs(wanted - this.lowatBytes) < this.lowatBytes / 4) return false;
    this.lowatBytes = wanted;
    return true;
  }
}
