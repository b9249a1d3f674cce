// Tests of clients that are no longer allowed, with both sides in memory.

import { assert, assertEquals } from "@std/assert";
import { REASON } from "../../../src/wire/mod.ts";
import { World } from "../../support/memory/world.ts";

const REMOVED = "its key was removed";

/** Returns the key of the client at the server, which its events name. */
function keyOf(world: World): string {
  const held = world.events.server.find((event) => event.type === "held");
  assert(held?.type === "held");
  return held.peer;
}

/** Returns the reason and the code in the goodbye for the first end of a tunnel at a side. */
function end(world: World, side: "client" | "server") {
  const down = world.events[side].find((event) => event.type === "tunnel-down");
  assert(down?.type === "tunnel-down");
  return { reason: down.reason, goodbye: down.goodbye };
}

Deno.test("DataPlane.dismiss() closes the sessions of a client on both sides, and tells it why", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.server.plane.plane.dismiss(1, undefined, REMOVED);
  world.run(100);
  assertEquals([world.ac.sessions.size, world.host.state], [0, "closed"]);
  const causes = [world.causes("client"), world.causes("server")];
  assertEquals(causes, [["not-allowed"], ["not-allowed"]]);
  const { reason, goodbye } = end(world, "client");
  assertEquals([reason, goodbye], [`goodbye (not allowed): "${REMOVED}"`, REASON.NOT_ALLOWED]);
  assertEquals([...world.server.plane.plane.totals().tunnels].map(({ state }) => state), []);
});

Deno.test("DataPlane.dismiss() ends the tunnel of a client that takes nothing and does not close", () => {
  let takes = Infinity;
  const world = new World("own", { takes: (offered) => Math.min(offered, takes) });
  world.dial();
  takes = 0;
  world.server.plane.plane.dismiss(1, undefined, REMOVED);
  world.run(10);
  assertEquals(world.ac.sessions.size, 0);
  world.run(7000);
  assertEquals(end(world, "server").reason, REMOVED);
});

Deno.test("DataPlane.dismiss() closes the sessions that are held for a client without a tunnel", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.client.kill();
  world.run(17_000);
  assertEquals(world.ac.sessions.size, 1);
  world.server.plane.plane.dismiss(0, keyOf(world), REMOVED);
  world.run(10);
  assertEquals([world.ac.sessions.size, world.causes("server")], [0, ["not-allowed"]]);
  const held = world.events.server.findLast((event) => event.type === "held");
  assertEquals(held?.type === "held" && held.sessions, 0);
});

Deno.test("DataPlane.end() with a code holds the sessions, and tells the client why", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.server.plane.plane.end(
    1,
    "its key was removed, and it has another one",
    "not-allowed",
    REASON.NOT_ALLOWED,
  );
  world.run(30);
  assertEquals([world.ac.sessions.size, world.host.state], [1, "open"]);
  assertEquals(end(world, "client").goodbye, REASON.NOT_ALLOWED);
  // Nothing keeps this client out, so it comes back and its session continues.
  world.run(5000);
  assertEquals(world.client.machine.state, "up");
  world.exchange();
  assertEquals(world.data, { host: 1, ac: 1 });
});
