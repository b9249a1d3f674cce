import { assert, assertEquals } from "@std/assert";
import { CoDel } from "../../../src/tunnel/codel.ts";

/** Offers one frame each `everyMs`, with the same wait; returns the times of the drops. */
function dropTimes(
  codel: CoDel,
  waitedMs: number,
  { fromMs = 0, untilMs = 1000, everyMs = 1 } = {},
): number[] {
  const times: number[] = [];
  for (let nowMs = fromMs; nowMs < untilMs; nowMs += everyMs) {
    if (codel.drops(waitedMs, false, nowMs)) times.push(nowMs);
  }
  return times;
}

Deno.test("CoDel.drops() drops nothing while waits are under 5 ms", () => {
  assertEquals(dropTimes(new CoDel(), 4.9, { untilMs: 10_000 }), []);
});

Deno.test("CoDel.drops() drops nothing from a burst that passes within 100 ms", () => {
  const codel = new CoDel();
  assertEquals(dropTimes(codel, 50, { untilMs: 100 }), []);
  assertEquals(codel.drops(1, false, 100), false);
  assertEquals(dropTimes(codel, 50, { fromMs: 101, untilMs: 200 }), []);
});

Deno.test("CoDel.drops() drops from a standing queue at intervals of 100 ms divided by the square root of the count", () => {
  const times = dropTimes(new CoDel(), 50, { untilMs: 600, everyMs: 0.1 });
  // The first drop comes after an interval, then 100/sqrt(1), 100/sqrt(2), ... (RFC 8289, section 5.5).
  let expected = 100;
  for (let count = 1; count < 8; count++) {
    const dropped = times[count - 1];
    assert(Math.abs(dropped - expected) < 0.5, `drop ${count} at ${dropped}, not ${expected}`);
    expected += 100 / Math.sqrt(count);
  }
});

Deno.test("CoDel.drops() never drops the only frame in the queue", () => {
  const codel = new CoDel();
  for (let nowMs = 0; nowMs < 1000; nowMs++) assertEquals(codel.drops(50, true, nowMs), false);
});

Deno.test("CoDel.drops() resumes the last rate if a standing queue soon returns", () => {
  const codel = new CoDel();
  dropTimes(codel, 50, { untilMs: 2000 });
  codel.drops(1, false, 2000);
  const soon = dropTimes(codel, 50, { fromMs: 2001, untilMs: 2301 }).length;
  const fresh = dropTimes(new CoDel(), 50, { untilMs: 300 }).length;
  assert(soon > 2 * fresh, `${soon} drops, ${fresh} from a fresh queue`);
});
