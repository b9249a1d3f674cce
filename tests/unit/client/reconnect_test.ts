import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { backoffMs } from "../../../src/client/backoff.ts";
import { type Outcome, Reconnect } from "../../../src/client/reconnect.ts";

/** The outcome of a failed attempt with no held sessions. */
const FAILED: Outcome = { upMs: 0, held: false, replaced: false, restarts: false };
const HELD: Outcome = { ...FAILED, held: true };
const STEADY: Outcome = { ...FAILED, upMs: 10_000 };
const BRIEF: Outcome = { ...FAILED, upMs: 9_999 };

/** Returns the servers that are tried after each outcome. */
function tried(reconnect: Reconnect, outcomes: Outcome[]): number[] {
  return outcomes.map((outcome) => {
    reconnect.next(outcome, 0.5);
    return reconnect.at;
  });
}

Deno.test("Reconnect begins with the first server, or the given one", () => {
  assertEquals(new Reconnect(3).at, 0);
  assertEquals(new Reconnect(3, 2).at, 2);
});

Deno.test("Reconnect.next() tries the servers in turn while none answers", () => {
  assertEquals(tried(new Reconnect(3), new Array(7).fill(FAILED)), [1, 2, 0, 1, 2, 0, 1]);
  assertEquals(tried(new Reconnect(1), new Array(3).fill(FAILED)), [0, 0, 0]);
});

Deno.test("Reconnect.next() tries the next server soon, and waits longer after each round", () => {
  const reconnect = new Reconnect(2);
  for (let round = 0; round < 6; round++) {
    const soonMs = reconnect.next(FAILED, 0.5);
    assert(soonMs >= 100 && soonMs <= 500, `${soonMs} ms`);
    assertEquals(reconnect.next(FAILED, 0.5), backoffMs(round, 0.5));
  }
});

Deno.test("Reconnect.next() waits longer after each failure of the only server", () => {
  const reconnect = new Reconnect(1);
  for (let failures = 0; failures < 8; failures++) {
    assertEquals(reconnect.next(FAILED, 0.3), backoffMs(failures, 0.3));
  }
});

Deno.test("Reconnect.next() tries only the server for which sessions are held, with short delays", () => {
  const reconnect = new Reconnect(3, 1);
  for (let attempt = 0; attempt < 100; attempt++) {
    const ms = reconnect.next(HELD, attempt / 100);
    assert(ms >= 100 && ms < 500, `${ms} ms`);
    assertEquals(reconnect.at, 1);
  }
  // Once no sessions are held, the other servers are tried too.
  assertEquals(tried(reconnect, [FAILED, FAILED]), [2, 0]);
});

Deno.test("Reconnect.next() tries a server again after a tunnel of 10 s, with the shortest delay", () => {
  const reconnect = new Reconnect(2);
  for (let attempt = 0; attempt < 9; attempt++) reconnect.next(FAILED, 0.5);
  assertEquals(reconnect.at, 1);
  assertEquals(reconnect.next(STEADY, 0.5), backoffMs(0, 0.5));
  assertEquals(reconnect.at, 1);
  // Earlier failures no longer count.
  reconnect.next(FAILED, 0.5);
  assertEquals(reconnect.next(FAILED, 0.5), backoffMs(0, 0.5));
});

Deno.test("Reconnect.next() treats a shorter tunnel as a failure", () => {
  assertEquals(tried(new Reconnect(2), [BRIEF, BRIEF, BRIEF]), [1, 0, 1]);
  const reconnect = new Reconnect(1);
  reconnect.next(BRIEF, 0.5);
  assertEquals(reconnect.next(BRIEF, 0.5), backoffMs(1, 0.5));
});

Deno.test("Reconnect.next() waits half a minute after being replaced a second time", () => {
  const reconnect = new Reconnect(2);
  reconnect.next({ ...HELD, replaced: true }, 0.5);
  for (const held of [false, true]) {
    const ms = reconnect.next({ ...FAILED, upMs: 60_000, held, replaced: true }, 0.5);
    assert(ms >= 30_000 && ms <= 60_000, `${ms} ms`);
    assertEquals(reconnect.at, 0);
  }
});

Deno.test("Reconnect.next() treats being replaced once like any other end", () => {
  const reconnect = new Reconnect(1);
  for (let end = 0; end < 2; end++) {
    assertEquals(
      reconnect.next({ ...HELD, replaced: true }, 0.5),
      new Reconnect(1).next(HELD, 0.5),
    );
    reconnect.next(HELD, 0.5);
  }
});

Deno.test("Reconnect.moved() starts over with another server, and changes nothing for the same", () => {
  const reconnect = new Reconnect(2, 1);
  for (let attempt = 0; attempt < 6; attempt++) reconnect.next(FAILED, 0.5);
  reconnect.moved(1);
  reconnect.next(FAILED, 0.5);
  assertEquals(reconnect.next(FAILED, 0.5), backoffMs(3, 0.5));
  reconnect.moved(0);
  assertEquals(reconnect.at, 0);
  assertEquals(tried(reconnect, [FAILED]), [1]);
  assertEquals(reconnect.next(FAILED, 0.5), backoffMs(0, 0.5));
});

Deno.test("Reconnect.next() returns an existing server, and a delay of 0.1 to 60 s", () => {
  const outcomes = fc.record({
    upMs: fc.integer({ min: 0, max: 100_000 }),
    held: fc.boolean(),
    replaced: fc.boolean(),
    restarts: fc.boolean(),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.tuple(outcomes, random)),
      (servers, steps) => {
        const reconnect = new Reconnect(servers);
        for (const [outcome, random] of steps) {
          const ms = reconnect.next(outcome, random);
          assert(ms >= 100 && ms <= 60_000, `${ms} ms`);
          assert(reconnect.at >= 0 && reconnect.at < servers);
        }
      },
    ),
  );
});

Deno.test("Reconnect.next() waits once for a restarting server", () => {
  const reconnect = new Reconnect(2);
  const ms = reconnect.next({ ...FAILED, upMs: 60_000, restarts: true }, 0.5);
  assertEquals([ms, reconnect.at], [1500, 0]);
  reconnect.next(FAILED, 0.5);
  assertEquals(reconnect.at, 1);
});
