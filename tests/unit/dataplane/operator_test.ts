// Tests of the orders of an operator, with both sides in memory.

import { assert, assertEquals } from "@std/assert";
import type { Control, ControlResult } from "../../../src/observe/control.ts";
import { World } from "../../support/memory/world.ts";

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
