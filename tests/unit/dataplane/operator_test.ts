// Tests of the orders of an operator, with both sides in memory.

import { assert, assertEquals } from "@std/assert";
import type { Control, ControlResult } from "../../../src/observe/control.ts";
import { World } from "../../support/memory/world.ts";

type Discovered = Extract<ControlResult, { done: "discovered" }>;

/** The address of the AC in the memory. */
const AC = "02:00:00:00:00:02";

/** Gives a side an order, and returns its answer. */
function order(world: World, side: "client" | "server", control: Control): ControlResult {
  world[side].plane!.plane.control(7, control);
  const answer = world.events[side].findLast((message) => message.type === "answer");
  assert(answer?.type === "answer" && answer.request === 7);
  return answer.answer as ControlResult;
}

for (const side of ["client", "server"] as const) {
  Deno.test(`DataPlane.control() at the ${side} closes a session on both sides`, () => {
    const world = new World("own", { delayMs: () => 20 });
    world.dial();
    const result = order(world, side, { order: "close", filter: {} });
    assert("done" in result && result.done === "closed");
    assertEquals(result.session.state, "open");
    world.run(100);
    assertEquals([world.ac.sessions.size, world.host.state], [0, "closed"]);
    for (const one of ["client", "server"] as const) {
      assertEquals(world.causes(one), ["closed-by-operator"]);
    }
    assertEquals(order(world, side, { order: "close", filter: {} }), {
      refused: "unknown-session",
    });
  });
}

Deno.test("DataPlane.control() closes a session that is held, on the link that is left", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.client.kill();
  world.run(17_000);
  assertEquals(world.ac.sessions.size, 1);
  const result = order(world, "server", { order: "close", filter: { state: "held" } });
  assertEquals("done" in result && result.done, "closed");
  world.run(10);
  assertEquals([world.ac.sessions.size, world.causes("server")], [0, ["closed-by-operator"]]);
});

Deno.test("DataPlane.control() sends a PADT for a session that is not here, counted like any frame", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  const { plane } = world.server.plane;
  const before = plane.totals().balance.fromTunnel.discovery;
  const result = order(world, "server", { order: "padt", ac: AC, id: 0x7777 });
  assert("done" in result && result.done === "sent");
  assertEquals([result.ac, result.id], [AC, 0x7777]);
  const { offered, carried } = plane.totals().balance.fromTunnel.discovery;
  assertEquals([offered, carried], [before.offered + 1, before.carried + 1]);
  world.run(100);
  // The session that is here goes on.
  assertEquals([world.ac.sessions.size, world.host.state], [1, "open"]);
});

Deno.test("DataPlane.control() sends no PADT for a session that is here, at a client, or to itself", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  const [id] = world.ac.sessions.keys();
  assertEquals(order(world, "client", { order: "padt", ac: AC, id: 9 }), { refused: "no-ac-here" });
  assertEquals(order(world, "server", { order: "padt", ac: AC, id: Number(id) }), {
    refused: "known-session",
  });
  const sent = order(world, "server", { order: "padt", ac: AC, id: 0x7777 });
  assert("done" in sent && sent.done === "sent");
  assertEquals(order(world, "server", { order: "padt", ac: sent.host, id: 9 }), {
    refused: "own-address",
  });
  assertEquals(world.ac.sessions.size, 1);
});

Deno.test("DataPlane.control() closes nothing once the program is about to end", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.server.plane.plane.stop(false);
  assertEquals(order(world, "server", { order: "close", filter: {} }), { refused: "stopping" });
});

/** Asks the client which ACs there are, and returns its answers so far. */
function discover(world: World, service?: string): ControlResult[] {
  world.client.plane!.plane.control(8, { order: "discover", service, waitMs: 3000 });
  return answersOf(world);
}

function answersOf(world: World): ControlResult[] {
  return world.events.client.flatMap((message) =>
    message.type === "answer" && message.request === 8 ? [message.answer as ControlResult] : []
  );
}

/** Returns the frames and dials of the client, and of the host beside it. */
function factsOf(world: World) {
  const { balance, dials, counters: { drops } } = world.client.plane!.plane.totals();
  return { balance, dials, drops };
}

Deno.test("DataPlane.control() finds the ACs beyond the tunnel, and the link sees nothing of it", () => {
  for (const mac of ["own", "transparent", "per-host"] as const) {
    const world = new World(mac, { delayMs: () => 20 });
    world.dial();
    const before = factsOf(world);
    assertEquals(discover(world), []);
    world.run(2990);
    assertEquals(answersOf(world), []);
    world.run(20);
    const [{ acs, ...rest }] = answersOf(world) as Discovered[];
    assertEquals(rest, { done: "discovered", sent: 3, others: 0, leftOut: 0 });
    assertEquals(acs.map(({ name, mac, offer, services }) => ({ name, mac, offer, services })), [
      // Its own address, even where hosts see another one.
      { name: "bras", mac: AC, offer: true, services: ["", "internet"] },
    ]);
    assertEquals(acs[0].delayMs >= 40 && acs[0].delayMs < 100, true, `${acs[0].delayMs}`);
    const after = factsOf(world);
    assertEquals([after.dials, after.drops], [before.dials, before.drops]);
    const { fromLink, fromTunnel } = before.balance;
    // The PADIs and PADOs are in the accounts, as those of a host on the link.
    assertEquals(after.balance.fromLink.discovery.carried, fromLink.discovery.carried + 3);
    assertEquals(after.balance.fromTunnel.discovery.carried, fromTunnel.discovery.carried + 3);
    assertEquals([world.host.state, world.host.mismatches], ["open", 0]);
    assertEquals(world.ac.sessions.size, 1);
  }
});

Deno.test("DataPlane.control() searches for ACs once at a time, and again after that", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  discover(world);
  assertEquals(discover(world), [{ refused: "busy" }]);
  world.run(3100);
  assertEquals(answersOf(world).length, 2);
  discover(world, "no such service");
  world.run(3100);
  const { acs, sent } = answersOf(world)[2] as Discovered;
  assertEquals([acs, sent], [[], 3]);
});

Deno.test("DataPlane.control() searches for no AC at a server, or without a tunnel, or at the end", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  const search = { order: "discover", waitMs: 3000 } as const;
  assertEquals(order(world, "server", search), { refused: "no-tunnel-to-acs" });
  discover(world);
  world.server.kill();
  world.run(30_000);
  assertEquals(answersOf(world).length, 1);
  assertEquals(discover(world).at(-1), { refused: "no-tunnel" });

  const other = new World("own", { delayMs: () => 20 });
  other.dial();
  discover(other);
  other.client.plane!.plane.stop(false);
  assertEquals(answersOf(other), [{ refused: "stopping" }]);
  assertEquals(discover(other).at(-1), { refused: "stopping" });
});
