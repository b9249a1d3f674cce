// The delays between attempts.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { backoffMs } from "../../../src/client/backoff.ts";

Deno.test("backoffMs() stays between half a second and 30 s", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(fc.nat(), random, (failures, random) => {
    const delayMs = backoffMs(failures, random);
    assert(delayMs >= 500 && delayMs <= 30_000, `${delayMs}`);
  }));
});

Deno.test("backoffMs() doubles its upper bound with each failure, up to 30 s", () => {
  const bounds = Array.from({ length: 9 }, (_, failures) => backoffMs(failures, 1));
  assertEquals(bounds, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]);
});

Deno.test("backoffMs() may be half a second after any number of failures", () => {
  assertEquals([0, 1, 5, 1000].map((failures) => backoffMs(failures, 0)), [500, 500, 500, 500]);
});
