// Token buckets: something may happen at a certain rate, with a burst after a quiet time.

/** A rate, and how much of it can be saved up. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** A bucket that fills at a rate. The time is passed in, in ms; it only goes forward. */
export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** Makes a full bucket. */
  constructor({ burst }: Rate, nowMs: number) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** Takes a token; false if there is none. The rate may differ from call to call. */
  take({ perSecond, burst }: Rate, nowMs: number): boolean {
    const filled = (nowMs - this.#filledMs) * perSecond / 1000;
    this.#tokens = Math.min(burst, this.#tokens + filled);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Buckets by key, up to a maximum; one more replaces the one that was used the longest ago. */
export class TokenBuckets {
  readonly #max: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** Makes room for up to `max` buckets. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The number of buckets. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of a key's bucket, which is full at first; false if there is none. */
  take(key: string, rate: Rate, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#max) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    return bucket.take(rate, nowMs);
  }
}
