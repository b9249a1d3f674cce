// Tests of the rate limit for repeated messages.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RateLimit } from "../../../src/observe/rate_limit.ts";

Deno.test("RateLimit.allow() allows one call per key and interval and returns the number of suppressed ones", () => {
  const limit = new RateLimit(1000);
  assertEquals(limit.allow("a", 0), 0);
  assertEquals(limit.allow("a", 1), -1);
  assertEquals(limit.allow("a", 999), -1);
  assertEquals(limit.allow("a", 1000), 2);
  assertEquals(limit.allow("a", 1001), -1);
  assertEquals(limit.allow("a", 5000), 1);
  assertEquals(limit.allow("a", 9000), 0);
});

Deno.test("RateLimit.allow() counts each key separately", () => {
  const limit = new RateLimit(1000);
  assertEquals([limit.allow("a", 0), limit.allow("b", 0), limit.allow("a", 1)], [0, 0, -1]);
  assertEquals([limit.allow("b", 1000), limit.allow("a", 1000)], [0, 1]);
});

Deno.test("RateLimit.allow() allows a burst", () => {
  const limit = new RateLimit(1000, 3);
  const answers = Array.from({ length: 5 }, () => limit.allow("a", 0));
  assertEquals(answers, [0, 0, 0, -1, -1]);
  assertEquals(limit.allow("a", 1000), 2);
  assertEquals(limit.allow("a", 1001), 0);
});

Deno.test("RateLimit.allow() forgets the key whose interval started first when there are too many", () => {
  const limit = new RateLimit(1000, 1, 2);
  limit.allow("a", 0);
  limit.allow("b", 1);
  assertEquals(limit.allow("c", 2), 0);
  assertEquals(limit.allow("b", 3), -1);
  assertEquals(limit.allow("a", 4), 0);
});

Deno.test("RateLimit.allow() forgets no key for a known one", () => {
  const limit = new RateLimit(1000, 1, 2);
  limit.allow("a", 0);
  limit.allow("b", 1);
  assertEquals(limit.allow("b", 2000), 0);
  assertEquals(limit.allow("a", 2000), 0);
  assertEquals([limit.allow("a", 2001), limit.allow("b", 2001)], [-1, -1]);
});

Deno.test("RateLimit.allow() accounts for every call", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.nat(400)), { maxLength: 100 });
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 3 }), (calls, burst) => {
    const limit = new RateLimit(1000, burst);
    let nowMs = 0;
    let accounted = 0;
    const silent = new Map<string, number>();
    for (const [key, laterMs] of calls) {
      nowMs += laterMs;
      const answer = limit.allow(key, nowMs);
      if (answer < 0) silent.set(key, (silent.get(key) ?? 0) + 1);
      else {
        assertEquals(answer, silent.get(key) ?? 0);
        silent.set(key, 0);
        accounted += answer + 1;
      }
    }
    const open = [...silent.values()].reduce((sum, count) => sum + count, 0);
    assert(accounted + open === calls.length);
  }));
});
