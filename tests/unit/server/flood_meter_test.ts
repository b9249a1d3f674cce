// The recognition of a flood of connections.

import { assertEquals } from "@std/assert";
import { FLOOD_PER_SECOND, FloodMeter } from "../../../src/server/flood_meter.ts";

/** Counts refused connections, evenly in one second; returns true if it was a flood at its end. */
function second(meter: FloodMeter, count: number, startMs: number): boolean {
  let isFlood = false;
  for (let n = 0; n < count; n++) isFlood = meter.count(true, startMs + n * 1000 / count);
  return isFlood;
}

Deno.test("FloodMeter.count() recognizes a flood by 500 refused connections in a second", () => {
  const meter = new FloodMeter();
  assertEquals(second(meter, FLOOD_PER_SECOND - 1, 0), false);
  assertEquals(second(meter, FLOOD_PER_SECOND, 1000), true);
});

Deno.test("FloodMeter.count() does not count connections that are admitted", () => {
  const meter = new FloodMeter();
  for (let n = 0; n < 10_000; n++) assertEquals(meter.count(false, n / 10), false);
});

Deno.test("FloodMeter.count() ends a flood after a second with fewer refused connections", () => {
  const meter = new FloodMeter();
  second(meter, 2000, 0);
  assertEquals(second(meter, 100, 1000), true);
  assertEquals(meter.count(false, 2000), false);
});

Deno.test("FloodMeter.count() ends a flood after a pause", () => {
  const meter = new FloodMeter();
  second(meter, 2000, 0);
  assertEquals(meter.count(true, 60_000), false);
});
