// Captures of both sides, with everything between a host and an AC in memory.

import { assertEquals } from "@std/assert";
import type { CaptureFrames, CaptureHandover } from "../../../src/capture/recorder.ts";
import { CaptureRing } from "../../../src/capture/ring.ts";
import { emitInterface, emitSection } from "../../../src/capture/pcapng.ts";
import { DROP_REASONS } from "../../../src/relay/mod.ts";
import type { Counters } from "../../../src/observe/counters.ts";
import { PPP_PROTOCOL } from "../../../src/wire/mod.ts";
import { randomDiscovery, randomSession } from "../../fuzz/frames.ts";
import { Random } from "../../soak/random.ts";
import { World, type WorldOptions } from "../../support/memory/world.ts";
import { type CaptureContent, ofKind, readCapture, summary } from "../../support/capture.ts";

const HEADER = [
  emitSection({ hardware: "x", os: "y", application: "z" }),
  ...["eth0", "tunnels"].map((name) => emitInterface({ name, description: "", snapLength: 0 })),
];

/** Takes everything out of a ring, and reads it. */
function contentOf(ring: CaptureRing): CaptureContent {
  const bytes = new Uint8Array(16 << 20);
  let at = 0;
  for (const block of HEADER) {
    bytes.set(block, at);
    at += block.length;
  }
  return readCapture(bytes.slice(0, at + ring.take(bytes, at)));
}

/** A world whose sides are captured from the start. */
class CapturedWorld extends World {
  readonly rings = { client: new CaptureRing(), server: new CaptureRing() };

  constructor(
    frames: CaptureFrames,
    conditions: ConstructorParameters<typeof World>[1] = {},
    options: WorldOptions = {},
  ) {
    super("own", conditions, options);
    for (const side of ["client", "server"] as const) {
      this[side].plane.plane.captureStart(this.#handover(side, frames));
    }
  }

  #handover(side: "client" | "server", frames: CaptureFrames): CaptureHandover {
    return { ring: this.rings[side].buffer, frames, secrets: false };
  }

  content(side: "client" | "server"): CaptureContent {
    return contentOf(this.rings[side]);
  }

  counters(side: "client" | "server"): Counters {
    return this[side].plane.counters;
  }
}

/** Asserts that a capture of all frames has as many as the counters say. */
function assertAgrees({ frames }: CaptureContent, world: CapturedWorld, side: "client" | "server") {
  const { balance, counters } = world[side].plane.plane.totals();
  const drops = Object.fromEntries(
    DROP_REASONS.map((reason) => [
      reason,
      frames.filter(({ comment }) => comment.includes(`dropped: ${reason}`)).length,
    ]),
  );
  // What the system drops never arrives here.
  const { kernel } = counters.drops;
  assertEquals(drops, { ...counters.drops, kernel: 0 } as Record<string, number>);
  const session = ofKind(frames, "session");
  const arrived = (on: string) =>
    session.filter((frame) => frame.on === on && frame.direction === "in").length;
  assertEquals(arrived("eth0"), balance.fromLink.session.offered - kernel);
  assertEquals(arrived("tunnels"), balance.fromTunnel.session.offered);
  for (const kind of ["session", "discovery"] as const) {
    const left = (on: string) =>
      ofKind(frames, kind).filter((frame) =>
        frame.on === on && frame.direction === "out" && !frame.comment.includes("dropped:")
      ).length -
      ofKind(frames, kind).filter((frame) =>
        frame.on === on && frame.direction === "out" && frame.comment.endsWith("after it was sent")
      ).length;
    assertEquals(left("tunnels"), balance.fromLink[kind].carried, `${kind} to tunnels`);
    assertEquals(left("eth0"), balance.fromTunnel[kind].carried, `${kind} to the link`);
  }
}

Deno.test("A capture has every frame on both sides of the relay, with owner and direction", () => {
  const world = new CapturedWorld("all");
  world.dial();
  world.exchange();
  world.sendFromHost();
  world.run(100);
  const id = `0x000${world.host.sessionId}`;
  const [client, server] = [world.content("client"), world.content("server")];
  assertEquals(summary(ofKind(client.frames, "session")), {
    [`eth0 in: from link, session ${id}, to osaka`]: 2,
    [`tunnels out: from link, session ${id}, to osaka`]: 2,
    [`tunnels in: from osaka, session ${id}, to link`]: 1,
    [`eth0 out: from osaka, session ${id}, to link`]: 1,
  });
  assertEquals(summary(ofKind(server.frames, "session")), {
    [`eth0 in: from link, session ${id}, to tokyo`]: 1,
    [`tunnels out: from link, session ${id}, to tokyo`]: 1,
    [`tunnels in: from tokyo, session ${id}, to link`]: 2,
    [`eth0 out: from tokyo, session ${id}, to link`]: 2,
  });
  assertEquals(summary(ofKind(client.frames, "discovery")), {
    "eth0 in: from link, to osaka": 2,
    "tunnels out: to osaka": 2,
    "tunnels in: from osaka, to link": 2,
    "eth0 out: from osaka, to link": 1,
    [`eth0 out: from osaka, session ${id}, to link`]: 1,
  });
  assertAgrees(client, world, "client");
  assertAgrees(server, world, "server");
});

Deno.test("A frame that is dropped is in the capture once, with its reason", () => {
  const world = new CapturedWorld("all");
  world.dial();
  world.host.sessionId = 0x4242;
  world.sendFromHost();
  world.run(100);
  const { frames } = world.content("client");
  assertEquals(summary(ofKind(frames, "session")), {
    "eth0 in: from link, dropped: unknown-session": 1,
  });
});

Deno.test("A capture of discovery or control frames has no others, sent or dropped", () => {
  for (const frames of ["discovery", "control"] as const) {
    const world = new CapturedWorld(frames);
    world.dial();
    world.exchange();
    world.sendFromHost({ protocol: PPP_PROTOCOL.LCP, payload: Uint8Array.of(9, 1, 0, 4) });
    world.host.sessionId = 0x4242;
    world.sendFromHost();
    world.run(100);
    const content = world.content("client");
    assertEquals(ofKind(content.frames, "session").length, frames === "control" ? 2 : 0);
    assertEquals(ofKind(content.frames, "discovery").length, 8);
  }
});

Deno.test("A frame has the bytes of its own side of the relay", () => {
  const world = new CapturedWorld("all");
  world.dial();
  world.sendFromHost();
  world.run(100);
  const [arrived, left] = ofKind(world.content("client").frames, "session");
  assertEquals(arrived.bytes.subarray(0, 6), Uint8Array.of(2, 0, 0, 0, 0, 3));
  assertEquals(left.bytes.subarray(0, 6), Uint8Array.of(2, 0, 0, 0, 0, 2));
  assertEquals(arrived.bytes.subarray(12), left.bytes.subarray(12));
  assertEquals([arrived.bytes.length, arrived.wireLength], [122, 122]);
});

Deno.test("A password is overwritten before the frame leaves the data plane, on both sides", () => {
  const world = new CapturedWorld("control");
  world.dial();
  const password = new TextEncoder().encode("hunter2");
  const payload = Uint8Array.of(1, 1, 0, 4 + 2 + 1 + 7, 1, 0x75, 7, ...password);
  world.sendFromHost({ protocol: PPP_PROTOCOL.PAP, payload });
  world.run(100);
  for (const side of ["client", "server"] as const) {
    const session = ofKind(world.content(side).frames, "session");
    assertEquals(session.length, 2);
    for (const { bytes } of session) {
      assertEquals(bytes.subarray(22), Uint8Array.of(...payload.slice(0, 7), 0, 0, 0, 0, 0, 0, 0));
    }
  }
  assertEquals(world.data.ac, 1);
});

const LOSSES: Record<string, (world: CapturedWorld, gate: { open: boolean }) => void> = {
  "a tunnel is cut while frames wait and are under way": (world, gate) => {
    for (let n = 0; n < 5; n++) world.sendFromHost();
    gate.open = false;
    for (let n = 0; n < 3; n++) world.sendFromHost();
    world.breakTunnel();
    world.run(30);
    gate.open = true;
    world.sendFromHost();
    world.run(1000);
    world.exchange();
  },
  "the path breaks and nobody tells": (world) => {
    world.breakTunnel(Infinity);
    for (let n = 0; n < 5; n++) world.sendFromHost();
    for (let n = 0; n < 5; n++) world.sendFromAc();
    world.run(20_000);
    world.exchange();
  },
  "frames get too old for a slow tunnel": (world, gate) => {
    gate.open = false;
    const large = { protocol: PPP_PROTOCOL.IPV4, payload: new Uint8Array(1400) };
    for (let n = 0; n < 250; n++) world.sendFromHost(large);
    world.run(500);
    gate.open = true;
    world.run(1000);
  },
  "the interface of the AC is down": (world) => {
    world.server.plane.link.change({ state: "down" });
    world.server.plane.poke();
    for (let n = 0; n < 3; n++) world.sendFromHost();
    world.run(100);
    world.client.plane.receive(world.host.hangUp()!);
    world.run(100);
    world.server.plane.link.change({ state: "up" });
    world.run(3000);
  },
  "a peer is left": (world, gate) => {
    gate.open = false;
    for (let n = 0; n < 3; n++) world.sendFromHost();
    world.client.plane.plane.leave(1, "server:8000");
    gate.open = true;
    world.run(1000);
  },
  "a host hangs up twice": (world) => {
    const padt = world.host.hangUp()!;
    world.client.plane.receive(padt.slice());
    world.client.plane.receive(padt.slice());
    world.run(100);
  },
};
for (const [when, happen] of Object.entries(LOSSES)) {
  Deno.test(`A capture agrees with the counters of both sides when ${when}`, () => {
    const gate = { open: true };
    const takes = (offered: number) => gate.open ? offered : 0;
    const world = new CapturedWorld("all", { takes, delayMs: () => 20 });
    world.dial();
    world.exchange();
    happen(world, gate);
    world.run(1000);
    for (const side of ["client", "server"] as const) {
      const content = world.content(side);
      assertAgrees(content, world, side);
    }
  });
}

Deno.test("A capture agrees with the counters when the interface's queue is full", () => {
  let isFull = false;
  const world: CapturedWorld = new CapturedWorld("all", {}, {
    refuses: (side): boolean => side === "server" && isFull && world.data.ac % 2 === 0,
  });
  world.dial();
  isFull = true;
  for (let n = 0; n < 6; n++) world.sendFromHost();
  world.run(100);
  isFull = false;
  world.exchange();
  for (const side of ["client", "server"] as const) assertAgrees(world.content(side), world, side);
});

Deno.test("A capture can begin and end while frames are carried", () => {
  const world = new CapturedWorld("all");
  const { plane } = world.client.plane;
  plane.captureStop();
  world.dial();
  world.exchange();
  assertEquals(world.content("client").frames, []);
  const ring = new CaptureRing();
  plane.captureStart({ ring: ring.buffer, frames: "all", secrets: false });
  world.exchange();
  plane.captureStop();
  world.exchange();
  assertEquals(contentOf(ring).frames.length, 4);
  assertEquals(world.data, { host: 3, ac: 3 });
  const changes = world.events.client.filter(({ type }) => type === "capture-changed");
  assertEquals(changes.length, 4);
});

Deno.test("Frames for which the ring has no room are left out and counted, and all are carried", () => {
  const world = new CapturedWorld("all");
  world.dial();
  const ring = new CaptureRing(2048);
  world.client.plane.plane.captureStart({ ring: ring.buffer, frames: "all", secrets: false });
  for (let n = 0; n < 20; n++) world.sendFromHost();
  world.run(100);
  const before = contentOf(ring).frames.length;
  assertEquals([world.data.ac, before + ring.leftOut], [20, 40]);
  world.sendFromHost();
  assertEquals(contentOf(ring).frames[0].missing, 40 - before);
});

Deno.test("A capture agrees with the counters of both sides whatever happens", () => {
  // The last one had a refused frame behind others that waited.
  for (const seed of [...Array(30).keys(), 521]) {
    const random = new Random(seed, 0x6361);
    const gate = { open: true, refuses: false };
    const takes = (offered: number) => gate.open ? offered : random.below(offered + 1);
    const world = new CapturedWorld("all", { takes, delayMs: () => 5 }, {
      refuses: () => gate.refuses && random.chance(0.5),
    });
    const lcp = { protocol: PPP_PROTOCOL.LCP, payload: Uint8Array.of(9, 1, 0, 4) };
    const links = [world.client.plane.link, world.server.plane.link];
    const planes = [world.client.plane, world.server.plane];
    const acts: (() => void)[] = [
      () => world.host.state === "open" && world.sendFromHost(random.chance(0.5) ? lcp : undefined),
      () => world.sendFromAc(random.chance(0.5) ? lcp : undefined),
      () => gate.open = !gate.open,
      () => gate.refuses = !gate.refuses,
      () => world.run(random.below(2000)),
      () => random.chance(0.3) && world.breakTunnel(random.chance(0.5) ? undefined : Infinity),
      () => world.client.plane.receive(world.host.dial(world.timeline.nowMs)),
      () => {
        const padt = world.host.state === "open" ? world.host.hangUp() : undefined;
        if (padt !== undefined && random.chance(0.5)) world.client.plane.receive(padt);
      },
      () => {
        const side = random.below(2);
        links[side].change({ state: random.chance(0.5) ? "up" : "down" });
        planes[side].poke();
      },
      () => links.map((_, side) => planes[side].receive(randomSession(random))),
      () => links.map((_, side) => planes[side].receive(randomDiscovery(random))),
    ];
    for (let n = 0; n < 150; n++) acts[random.below(acts.length)]();
    gate.open = true;
    gate.refuses = false;
    for (const side of [0, 1]) {
      links[side].change({ state: "up" });
      planes[side].poke();
    }
    world.run(40_000);
    for (const side of ["client", "server"] as const) {
      try {
        assertAgrees(world.content(side), world, side);
      } catch (error) {
        throw new Error(`seed ${seed}, ${side}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
});
