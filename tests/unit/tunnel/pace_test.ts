import { assert, assertEquals } from "@std/assert";
import { Pace } from "../../../src/tunnel/pace.ts";

const MOST = 64 * 1024;

function blocked(pace: Pace, nowMs: number): boolean {
  pace.sent(20_000);
  return pace.blocked(nowMs);
}

/** Simulates a path with a certain rate, whose transport is full after each 20,000 bytes. */
function follow(pace: Pace, bytesPerMs: number, times = 50): void {
  for (let i = 0, nowMs = 0; i < times; i++, nowMs += 20_000 / bytesPerMs) {
    pace.sent(20_000);
    pace.blocked(nowMs);
  }
}

Deno.test("Pace starts with the highest limit", () => {
  assertEquals(new Pace(MOST).lowatBytes, MOST);
});

Deno.test("Pace approaches the bytes that the path takes in 8 ms", () => {
  const pace = new Pace(MOST);
  follow(pace, 5000); // 40 Mbit/s
  assert(pace.lowatBytes > 30_000 && pace.lowatBytes < 50_000, `${pace.lowatBytes} bytes`);
});

Deno.test("Pace keeps the limit between 4 KiB and the highest one", () => {
  const pace = new Pace(MOST);
  follow(pace, 100);
  assertEquals(pace.lowatBytes, 4 * 1024);
  follow(pace, 1_000_000);
  assertEquals(pace.lowatBytes, MOST);
});

Deno.test("Pace.idle() discards a time in which there was nothing to send", () => {
  const pace = new Pace(MOST);
  blocked(pace, 0);
  pace.idle();
  assertEquals(blocked(pace, 10_000), false);
  assertEquals(pace.lowatBytes, MOST);
});

Deno.test("Pace.blocked() returns true when the limit has changed", () => {
  const pace = new Pace(MOST);
  assertEquals(blocked(pace, 0), false);
  assertEquals(blocked(pace, 20), true);
  assertEquals(blocked(pace, 40), false);
});

Deno.test("Pace follows a fast path that becomes very slow with one measurement of a second", () => {
  const pace = new Pace(MOST);
  follow(pace, 20_000);
  assertEquals(pace.lowatBytes, MOST);
  pace.idle();
  blocked(pace, 1000);
  // 20,000 bytes in 3 s.
  assertEquals(blocked(pace, 4000), true);
  assertEquals(pace.lowatBytes, 4 * 1024);
});
