// Token buckets, which allow a certain rate, and bursts after a quiet time.

/** A rate, and the maximum burst. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** A bucket that fills at a rate. Times are in ms, by a monotonic clock. */
export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** Makes a full bucket. */
  constructor({ burst }: Rate, nowMs: number) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** Returns true if there is a token. */
  has({ perSecond, burst }: Rate, nowMs: number): boolean {
    const filled = (nowMs - this.#filledMs) * perSecond / 1000;
    this.#tokens = Math.min(burst, this.#tokens + filled);
    this.#filledMs = nowMs;
    return this.#tokens >= 1;
  }

  /** Takes a token; returns false if there is none. The rate may differ from call to call. */
  take(rate: Rate, nowMs: number): boolean {
    if (!this.has(rate, nowMs)) return false;
    this.#tokens--;
    return true;
  }
}

/** A bounded number of buckets by key; one more replaces the least recently used one. */
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

  /** Returns true if there is a token in the bucket of a key, which is full at first. */
  has(key: string, rate: Rate, nowMs: number): boolean {
    return this.#buckets.get(key)?.has(rate, nowMs) ?? rate.burst >= 1;
  }

  /** Takes a token from the bucket of a key, which is full at first; returns false if there is none. */
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
