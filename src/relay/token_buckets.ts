// How often something may happen: so many times a second, and so many at once after a quiet time.

/** A rate and how much of it can be saved up. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** Tokens of one, filled up at its rate. The time is passed in, in ms; it only goes forward. */
export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** A full one. */
  constructor({ burst }: Rate, nowMs: number) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** Takes a token; false when there is none. The rate may be another one each time. */
  take({ perSecond, burst }: Rate, nowMs: number): boolean {
    const filled = (nowMs - this.#filledMs) * perSecond / 1000;
    this.#tokens = Math.min(burst, this.#tokens + filled);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Buckets by key, at most so many: one more takes the place of the one that was used the longest ago. */
export class TokenBuckets {
  readonly #most: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(most: number) {
    this.#most = most;
  }

  /** How many there are. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of a key's bucket, which is full at first; false when there is none. */
  take(key: string, rate: Rate, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#most) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    return bucket.take(rate, nowMs);
  }
}
