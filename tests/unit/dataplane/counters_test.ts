// Counters in shared memory.

import { assertEquals } from "@std/assert";
import { Counters, FRAMES } from "../../../src/dataplane/counters.ts";
import { DROP, DROP_REASONS } from "../../../src/relay/mod.ts";

const ZEROS = { discovery: 0, session: 0 };
const NO_DROPS = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0]));

Deno.test("Counters start at zero, every reason by its name", () => {
  assertEquals(new Counters().read() as unknown, {
    frames: { uplink: ZEROS, downlink: ZEROS },
    bytes: { uplink: ZEROS, downlink: ZEROS },
    drops: NO_DROPS,
  });
});

Deno.test("Counters.frame() counts frames and bytes of each kind and direction apart", () => {
  const counters = new Counters();
  const places = Object.values(FRAMES);
  for (const [index, place] of places.entries()) {
    for (let i = 0; i <= index; i++) counters.frame(place, 10 * (index + 1));
  }
  assertEquals(counters.read() as unknown, {
    frames: {
      uplink: { discovery: 1, session: 2 },
      downlink: { discovery: 3, session: 4 },
    },
    bytes: {
      uplink: { discovery: 10, session: 40 },
      downlink: { discovery: 90, session: 160 },
    },
    drops: NO_DROPS,
  });
});

for (const reason of DROP_REASONS) {
  Deno.test(`Counters.drop() counts ${reason} and nothing else`, () => {
    const counters = new Counters();
    counters.drop(DROP[reason]);
    counters.drop(DROP[reason], 41);
    const { frames, bytes, drops } = counters.read();
    assertEquals(drops as unknown, { ...NO_DROPS, [reason]: 42 });
    assertEquals([frames, bytes], [
      { uplink: ZEROS, downlink: ZEROS },
      { uplink: ZEROS, downlink: ZEROS },
    ]);
  });
}

Deno.test("Counters of one buffer are the same", () => {
  const counters = new Counters();
  const view = new Counters(counters.buffer);
  counters.frame(FRAMES.uplinkSession, 100);
  view.drop(DROP.kernel, 3);
  assertEquals(view.read(), counters.read());
  assertEquals([view.read().bytes.uplink.session, counters.read().drops.kernel], [100, 3]);
});

Deno.test("Counters count bytes beyond 32 bits exactly", () => {
  const counters = new Counters();
  counters.frame(FRAMES.downlinkSession, 2 ** 40);
  counters.frame(FRAMES.downlinkSession, 1);
  assertEquals(counters.read().bytes.downlink.session, 2 ** 40 + 1);
});
