// Counters in shared memory.

import { assertEquals } from "@std/assert";
import { Counters, FRAMES } from "../../../src/observe/counters.ts";
import { DROP, DROP_REASONS } from "../../../src/relay/mod.ts";
import { directions } from "../../support/status.ts";

const ZEROS = { discovery: 0, session: 0 };
const NO_DROPS = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0]));

Deno.test("Counters start at zero, every reason by its name", () => {
  assertEquals(new Counters().read() as unknown, {
    frames: directions(ZEROS, ZEROS),
    bytes: directions(ZEROS, ZEROS),
    controlAsData: { fromLink: 0, fromTunnel: 0 },
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
    frames: directions({ discovery: 1, session: 2 }, { discovery: 3, session: 4 }),
    bytes: directions({ discovery: 10, session: 40 }, { discovery: 90, session: 160 }),
    controlAsData: { fromLink: 0, fromTunnel: 0 },
    drops: NO_DROPS,
  });
});

for (const reason of DROP_REASONS) {
  Deno.test(`Counters.drop() counts ${reason} and nothing else`, () => {
    const counters = new Counters();
    counters.drop(DROP[reason], FRAMES.sessionFromLink);
    counters.drop(DROP[reason], FRAMES.discoveryFromTunnel, 41);
    const { frames, bytes, drops } = counters.read();
    assertEquals(drops as unknown, { ...NO_DROPS, [reason]: 42 });
    assertEquals([frames, bytes], [
      directions(ZEROS, ZEROS),
      directions(ZEROS, ZEROS),
    ]);
    const { fromLink, fromTunnel } = counters.balance({ fromLink: ZEROS, fromTunnel: ZEROS });
    assertEquals([fromLink.session.dropped, fromLink.discovery.dropped], [1, 0]);
    assertEquals([fromTunnel.session.dropped, fromTunnel.discovery.dropped], [0, 41]);
  });
}

Deno.test("Counters of one buffer are the same", () => {
  const counters = new Counters();
  const view = new Counters(counters.buffer);
  counters.frame(FRAMES.sessionFromLink, 100);
  view.drop(DROP.kernel, FRAMES.sessionFromLink, 3);
  assertEquals(view.read(), counters.read());
  assertEquals([view.read().bytes.fromLink.session, counters.read().drops.kernel], [100, 3]);
});

Deno.test("Counters count bytes beyond 32 bits exactly", () => {
  const counters = new Counters();
  counters.frame(FRAMES.sessionFromTunnel, 2 ** 40);
  counters.frame(FRAMES.sessionFromTunnel, 1);
  assertEquals(counters.read().bytes.fromTunnel.session, 2 ** 40 + 1);
});
