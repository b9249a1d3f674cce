// The recognition of a flood of connections.

import { assert, assertEquals } from "@std/assert";
import {
  FLOOD_PER_SECOND,
  FloodMeter,
  LEAST_SHARE,
  REFUSED_PER_SECOND,
} from "../../../src/server/flood_meter.ts";

/** Counts refused connections, evenly in one second, and ends it. */
function second(meter: FloodMeter, count: number, startMs: number): void {
  for (let n = 0; n < count; n++) meter.refused(startMs + n * 1000 / count);
  meter.tick(startMs + 1000);
}

Deno.test("FloodMeter recognizes a flood by 500 refused connections in a second, and lets it pass", () => {
  const meter = new FloodMeter(0);
  second(meter, FLOOD_PER_SECOND - 1, 0);
  assertEquals([meter.isFlood, meter.share], [false, 1]);
  second(meter, FLOOD_PER_SECOND, 1000);
  assertEquals([meter.isFlood, meter.share], [true, 1]);
  second(meter, FLOOD_PER_SECOND - 1, 2000);
  assertEquals([meter.isFlood, meter.share], [false, 1]);
});

Deno.test("FloodMeter recognizes a flood before the second is over", () => {
  const meter = new FloodMeter(0);
  for (let n = 0; n < FLOOD_PER_SECOND; n++) meter.refused(1);
  assertEquals(meter.isFlood, true);
});

Deno.test("FloodMeter lowers the share so that as many are refused as there is time for", () => {
  const meter = new FloodMeter(0);
  second(meter, 2 * REFUSED_PER_SECOND, 0);
  assertEquals(meter.share.toFixed(6), (0.5).toFixed(6));
  // The same flood, of which half passes.
  second(meter, REFUSED_PER_SECOND, 1000);
  assertEquals(meter.share.toFixed(6), (0.5).toFixed(6));
  second(meter, 1.5 * REFUSED_PER_SECOND, 2000);
  assertEquals(meter.share.toFixed(6), (1 / 3).toFixed(6));
});

Deno.test("FloodMeter reacts within a second to a flood that is far too large", () => {
  const meter = new FloodMeter(0);
  for (let n = 0; n < 3 * REFUSED_PER_SECOND; n++) meter.refused(n / 60);
  assert(meter.share < 0.06, `${meter.share}`);
});

Deno.test("FloodMeter raises the share by steps when the flood is over, up to all", () => {
  const meter = new FloodMeter(0);
  second(meter, 4 * REFUSED_PER_SECOND, 0);
  const shares: number[] = [];
  for (let n = 1; meter.share < 1; n++) {
    meter.tick(n * 10_000);
    shares.push(meter.share);
    assertEquals(meter.isFlood, meter.share < 1);
  }
  assert(shares.length <= 4, `${shares}`);
});

Deno.test("FloodMeter always lets some connections pass", () => {
  const meter = new FloodMeter(0);
  for (let n = 0; n < 100; n++) second(meter, 2 * REFUSED_PER_SECOND, n * 1000);
  assertEquals(meter.share, LEAST_SHARE);
});
