// Tests that the data planes of both sides report failed dials and their problems, by a clock that is not real.

import { assertEquals, assertMatch } from "@std/assert";
import type { DataPlaneEvent } from "../../../src/observe/events.ts";
import { CODE, emitLcp, LCP_CODE, PPP_PROTOCOL } from "../../../src/wire/mod.ts";
import { World } from "../../support/memory/world.ts";

const SIDES = ["client", "server"] as const;
type Side = (typeof SIDES)[number];

/** Returns the ids of the problems that a side has begun and not ended. */
function lasting(world: World, side: Side): string[] {
  const ids = new Map<string, string>();
  for (const message of world.events[side]) {
    if (message.type === "problem-begun") {
      ids.set(`${message.problem.id} ${message.problem.subject}`, message.problem.id);
    } else if (message.type === "problem-ended") ids.delete(`${message.id} ${message.subject}`);
  }
  return [...ids.values()];
}

function assertNamed(world: World, ...ids: string[]): void {
  for (const side of SIDES) assertEquals(lasting(world, side), ids, side);
}

/** Returns the failed dials of a side. */
function failures(world: World, side: Side): string[] {
  return world.events[side].filter((event): event is DataPlaneEvent & { type: "dial-failed" } =>
    event.type === "dial-failed"
  ).map(({ failure }) => failure.outcome);
}

for (const mac of ["own", "per-host", "transparent"] as const) {
  Deno.test(`Both planes end a problem by themselves once a host has given up, with --mac ${mac}`, () => {
    const world = new World(mac, { delayMs: () => 20 });
    world.ac.options.ignore = ({ code }) => code === CODE.PADI;
    world.dial();
    world.run(7000);
    assertNamed(world, "no-ac");
    world.run(110_000);
    assertNamed(world, "no-ac");
    world.run(10_000);
    assertNamed(world);
    for (const side of SIDES) assertEquals(failures(world, side), ["no-pado"]);
  });

  Deno.test(`Both planes follow PPP control frames of a session, with --mac ${mac}`, () => {
    const world = new World(mac, { delayMs: () => 20 });
    const send = (from: "Host" | "Ac", protocol: number, code: number, data: string) => {
      const bytes = new TextEncoder().encode(data);
      const payload = emitLcp({ code, identifier: 1, data: bytes });
      world[`sendFrom${from}`]({ protocol, payload });
      world.run(100);
    };
    world.dial();
    send("Host", PPP_PROTOCOL.LCP, LCP_CODE.CONFIGURE_REQUEST, "");
    world.run(10_000);
    assertNamed(world, "lcp-silent");
    for (const from of ["Host", "Ac"] as const) {
      send(from, PPP_PROTOCOL.LCP, LCP_CODE.CONFIGURE_ACK, "");
    }
    world.run(1000);
    assertNamed(world);
    send("Ac", PPP_PROTOCOL.CHAP, 4, "Access denied");
    assertNamed(world, "auth-failed");
    send("Ac", PPP_PROTOCOL.CHAP, 3, "Welcome");
    assertNamed(world);
    for (const side of SIDES) {
      assertEquals(failures(world, side), ["lcp-silent", "auth-failed"]);
      const last = world.events[side].findLast(({ type }) => type === "dial-failed");
      assertMatch(
        JSON.stringify(last),
        /"tunnel":"(tokyo|osaka)","detail":"CHAP: \\"Access denied/,
      );
    }
    const { dials } = world.server.plane.plane.totals();
    assertEquals([dials.outcomes.opened, dials.padi.fromTunnel, dials.pads.fromLink], [1, 1, 1]);
  });
}

Deno.test("Both planes name nothing without a tunnel, or while their links are down", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.ac.options.ignore = () => true;
  world.dial();
  world.run(7000);
  assertNamed(world, "no-ac");
  world.server.plane.link.change({ state: "down" });
  world.server.plane.poke();
  world.run(1500);
  assertEquals(lasting(world, "server"), []);
  world.breakTunnel();
  world.run(100);
  assertNamed(world);
});
