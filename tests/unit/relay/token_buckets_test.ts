// Rates, with a clock that the test sets.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { TokenBucket, TokenBuckets } from "../../../src/relay/token_buckets.ts";

const RATE = { perSecond: 10, burst: 50 };

/** Takes tokens at one moment, and returns the number that it gets. */
function taken(bucket: TokenBucket, times: number, nowMs: number, rate = RATE): number {
  let count = 0;
  for (let i = 0; i < times; i++) if (bucket.take(rate, nowMs)) count++;
  return count;
}

Deno.test("TokenBucket allows its burst at once, then its rate", () => {
  const bucket = new TokenBucket(RATE, 0);
  assertEquals(taken(bucket, 100, 0), 50);
  assertEquals(taken(bucket, 100, 99), 0);
  assertEquals(taken(bucket, 100, 100), 1);
  assertEquals(taken(bucket, 100, 1100), 10);
  assertEquals(taken(bucket, 100, 60_000), 50);
});

Deno.test("TokenBucket accumulates fractions of a token", () => {
  const bucket = new TokenBucket(RATE, 0);
  taken(bucket, 50, 0);
  let count = 0;
  for (let nowMs = 1; nowMs <= 1000; nowMs++) count += taken(bucket, 1, nowMs);
  assert(count === 9 || count === 10, `${count}`);
});

Deno.test("TokenBucket uses the rate of each call", () => {
  const bucket = new TokenBucket(RATE, 0);
  assertEquals(taken(bucket, 100, 0, { perSecond: 1, burst: 5 }), 5);
  assertEquals(taken(bucket, 100, 1000, { perSecond: 1, burst: 5 }), 1);
  assertEquals(taken(bucket, 1000, 2000, { perSecond: 100, burst: 500 }), 100);
});

Deno.test("TokenBucket never allows more than its rate and its burst", () => {
  const steps = fc.array(fc.nat(1000), { maxLength: 100 });
  fc.assert(fc.property(steps, (steps) => {
    const bucket = new TokenBucket(RATE, 0);
    let nowMs = 0;
    let count = 0;
    for (const step of steps) count += taken(bucket, 20, nowMs += step);
    assert(count <= RATE.burst + nowMs * RATE.perSecond / 1000 + 1e-6);
  }));
});

Deno.test("TokenBuckets counts keys separately", () => {
  const buckets = new TokenBuckets(10);
  const rate = { perSecond: 1, burst: 1 };
  assertEquals(["a", "b", "a"].map((key) => buckets.take(key, rate, 0)), [true, true, false]);
});

Deno.test("TokenBuckets is bounded, and forgets the least recently used bucket first", () => {
  const buckets = new TokenBuckets(3);
  const rate = { perSecond: 1, burst: 1 };
  for (const key of ["a", "b", "c", "a", "d"]) buckets.take(key, rate, 0);
  assertEquals(buckets.size, 3);
  // "b" was forgotten, so it is full again; "a" was not.
  assertEquals([buckets.take("a", rate, 0), buckets.take("b", rate, 0)], [false, true]);
});
