// How fast a congested path takes bytes, and so how many may lie in the socket's own queue, where no
// control frame overtakes them.

/** What the socket's queue may take to be sent, in ms. */
const QUEUE_MS = 8;
/** Less would let a slow wake-up leave the path idle. */
const LEAST_BYTES = 4 * 1024;
/** A new measurement counts so much. */
const WEIGHT = 0.25;

/**
 * Follows a path from one moment at which the socket was full to the next: what it took in between is
 * what the path took.
 */
export class Pace {
  /** For TCP_NOTSENT_LOWAT, and for what one call gives to the socket, in bytes. */
  lowatBytes: number;

  readonly #mostBytes: number;
  #bytesPerMs = 0;
  #takenBytes = 0;
  #sinceMs: number | undefined = undefined;

  /** Starts with as much as there is ever to be, for a path that is not known to be slow. */
  constructor(mostBytes: number) {
    this.#mostBytes = this.lowatBytes = Math.max(LEAST_BYTES, mostBytes);
  }

  /** How long the path takes for that, in ms; 0 while it is not known to be slow. */
  get lowatMs(): number {
    return this.#bytesPerMs === 0 ? 0 : this.lowatBytes / this.#bytesPerMs;
  }

  /** The socket took bytes. */
  sent(bytes: number): void {
    this.#takenBytes += bytes;
  }

  /** There was nothing more to send: what is taken from here on tells nothing of the path. */
  idle(): void {
    this.#sinceMs = undefined;
  }

  /** The socket is full; true when `lowatBytes` is another from now on. */
  blocked(nowMs: number): boolean {
    const taken = this.#takenBytes;
    const elapsedMs = nowMs - (this.#sinceMs ?? nowMs);
    this.#takenBytes = 0;
    this.#sinceMs = nowMs;
    if (elapsedMs <= 0) return false;
    const rate = taken / elapsedMs;
    this.#bytesPerMs += (rate - this.#bytesPerMs) * (this.#bytesPerMs === 0 ? 1 : WEIGHT);
    const wanted = Math.min(
      this.#mostBytes,
      Math.max(LEAST_BYTES, Math.round(this.#bytesPerMs * QUEUE_MS)),
    );
    // A call for each small change would tell the kernel nothing new.
    if (Math.abs(wanted - this.lowatBytes) < this.lowatBytes / 4) return false;
    this.lowatBytes = wanted;
    return true;
  }
}
