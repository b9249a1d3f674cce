// Control frames beyond a session's budget, which are treated as data.

import { assertEquals } from "@std/assert";
import { CODE, emitDiscovery, PPP_PROTOCOL } from "../../../src/wire/mod.ts";
import { World } from "../../support/memory/world.ts";

const ECHO = {
  protocol: PPP_PROTOCOL.LCP,
  payload: Uint8Array.of(9, 1, 0, 8, 0, 0, 0, 0),
};

Deno.test("A session's control frames beyond its budget are carried, and counted at both sides", () => {
  const world = new World("own", { delayMs: () => 1 });
  world.dial();
  for (let n = 0; n < 400; n++) world.sendFromHost(ECHO);
  world.run(100);
  assertEquals(world.data.ac, 400);
  assertEquals(world.client.plane.counters.read().controlAsData, { fromLink: 200, fromTunnel: 0 });
  assertEquals(world.server.plane.counters.read().controlAsData, { fromLink: 0, fromTunnel: 200 });
});

Deno.test("A session's control frames from the AC have a budget of their own", () => {
  const world = new World("own", { delayMs: () => 1 });
  world.dial();
  for (let n = 0; n < 400; n++) world.sendFromHost(ECHO);
  for (let n = 0; n < 210; n++) world.sendFromAc(ECHO);
  world.run(100);
  assertEquals([world.data.ac, world.data.host], [400, 210]);
  assertEquals(world.server.plane.counters.read().controlAsData, { fromLink: 10, fromTunnel: 200 });
});

Deno.test("A host that floods the link with control frames is diverted, until it no longer does", () => {
  const world = new World("own", { delayMs: () => 1 });
  world.dial();
  const { link } = world.client.plane;
  for (let n = 0; n < 450; n++) world.sendFromHost(ECHO);
  assertEquals(link.diverted.length, 0);
  for (let n = 0; n < 50; n++) world.sendFromHost(ECHO);
  assertEquals(link.diverted.map(({ mac, sessionId }) => [...mac, sessionId]), [
    [2, 0, 0, 0, 0, 1, undefined],
  ]);
  // It goes on for three seconds.
  for (let n = 0; n < 30; n++) {
    for (let i = 0; i < 100; i++) world.sendFromHost(ECHO);
    world.run(100);
    assertEquals(link.diverted.length, 1);
  }
  world.run(2100);
  assertEquals(link.diverted.length, 0);
  assertEquals(world.data.ac, 3500);
});

Deno.test("A diversion of an AC that floods concerns one session only, and ends with the link", () => {
  const world = new World("own", { delayMs: () => 1 });
  world.dial();
  const { link } = world.server.plane;
  for (let n = 0; n < 500; n++) world.sendFromAc(ECHO);
  assertEquals(link.diverted.map(({ sessionId }) => sessionId), [1]);
  for (const state of ["down", "up"] as const) {
    link.change({ state });
    world.server.plane.poke();
  }
  assertEquals(link.diverted.length, 0);
  world.run(200);
  for (let n = 0; n < 300; n++) world.sendFromAc(ECHO);
  assertEquals(link.diverted.length, 1);
});

Deno.test("A client sends at most 2200 PADIs a second into its tunnel, after a burst of 2000", () => {
  const world = new World("own", { delayMs: () => 1 });
  const padi = (n: number) =>
    emitDiscovery({
      destination: new Uint8Array(6).fill(0xff),
      source: Uint8Array.of(2, 1, 0, 0, n >> 8, n & 0xff),
      code: CODE.PADI,
      sessionId: 0,
      tags: [],
    });
  for (let n = 0; n < 3000; n++) world.client.plane.receive(padi(n));
  const { counters } = world.client.plane;
  assertEquals(counters.read().drops["padi-rate"], 1000);
  world.run(500);
  for (let n = 3000; n < 6000; n++) world.client.plane.receive(padi(n));
  assertEquals(counters.read().drops["padi-rate"], 1000 + 3000 - 1100);
});
