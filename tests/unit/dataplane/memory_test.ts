// A client and a server in memory, with the program's own machines, data planes, channels and relays.
// The tests need no root, no sockets and no clock.

import { assertEquals } from "@std/assert";
import { DROP } from "../../../src/relay/mod.ts";
import type { MemoryClient } from "../../support/memory/client.ts";
import { World } from "../../support/memory/world.ts";

for (const mac of ["own", "per-host", "transparent"] as const) {
  Deno.test(`A session lives from PADI to PADT over a broken tunnel in memory, with --mac ${mac}`, () => {
    const world = new World(mac, { delayMs: () => 20 });
    world.dial();
    assertEquals(world.host.state, "open");
    world.exchange();
    assertEquals(world.data, { host: 1, ac: 1 });

    world.breakTunnel();
    world.run(30);
    assertEquals(world.client.machine.state, "waiting");
    world.run(1000);
    assertEquals(world.client.machine.state, "up");
    assertEquals(world.client.machine.reconnects, 1);
    world.exchange();
    assertEquals(world.data, { host: 2, ac: 2 });

    world.client.plane.receive(world.host.hangUp()!);
    world.run(100);
    assertEquals(world.ac.sessions.size, 0);
    assertEquals([world.causes("client"), world.causes("server")], [["host-padt"], ["host-padt"]]);
  });
}

Deno.test("A session ends at both sides with one cause when the client stops", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.client.stop(false);
  world.run(2000);
  assertEquals([world.ac.sessions.size, world.host.state], [0, "closed"]);
  assertEquals([world.causes("client"), world.causes("server")], [["shutdown"], ["shutdown"]]);
  assertEquals(world.client.plane.gone, true);
});

Deno.test("A tunnel carries frames through a path that takes a few bytes at a time", () => {
  const world = new World("own", { delayMs: () => 1, roomBytes: 700, takes: () => 13 });
  world.dial();
  for (let n = 1; n <= 20; n++) world.exchange();
  assertEquals(world.data, { host: 20, ac: 20 });
});

const ENDS: Record<string, (client: MemoryClient) => void> = {
  "the program stops": (client) => client.stop(false),
  "a peer is left": ({ plane: { plane } }) => plane.leave(1, "server:8000"),
};
for (const [when, end] of Object.entries(ENDS)) {
  Deno.test(`Data that still waits for a tunnel when ${when} counts as no-tunnel`, () => {
    let isOpen = true;
    const world = new World("own", { takes: (offered) => isOpen ? offered : 0 });
    world.dial();
    isOpen = false;
    for (let n = 1; n <= 3; n++) world.sendFromHost();
    end(world.client);
    const { counters } = world.client.plane;
    assertEquals(counters.dropped(DROP["no-tunnel"]), 3);
    assertEquals(counters.dropped(DROP["queue-delay"]), 0);
  });
}

Deno.test("A tunnel whose path loses everything ends, and its sessions are held", () => {
  const world = new World("own");
  world.dial();
  world.breakTunnel(Infinity);
  world.run(16_500);
  const down = world.events.client.find(({ type }) => type === "tunnel-down");
  assertEquals(down?.type === "tunnel-down" && down.reason, "nothing heard for 16 s");
  world.run(1000);
  assertEquals(world.client.machine.state, "up");
  world.exchange();
  assertEquals([world.data.host, world.data.ac], [1, 1]);
});

Deno.test("A PADT that the peer does not take before the end of a stop counts as no-tunnel", () => {
  let isTaken = true;
  const world = new World("own", { takes: (offered) => isTaken ? offered : 0 });
  world.dial();
  isTaken = false;
  world.client.stop(false);
  world.run(2000);
  assertEquals(world.client.plane.gone, true);
  assertEquals(world.client.plane.counters.read().drops["no-tunnel"], 1);
});
