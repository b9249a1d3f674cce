// Tests of the stations that are heard on a link.

import { assertEquals, assertMatch } from "@std/assert";
import {
  ANSWER_MS,
  ASK_EVERY_MS,
  HEARD_MS,
  HOST_MS,
  QUIET_MS,
  StationsHeard,
} from "../../../src/link/stations_heard.ts";
import type { Problem } from "../../../src/problem.ts";
import type { Side } from "../../../src/side.ts";
import { CODE, emitDiscovery, ETH_BROADCAST, parseMac } from "../../../src/wire/mod.ts";

const LINK = parseMac("02:00:00:00:00:01");
const HOST = parseMac("02:00:00:00:00:11");
const AC = parseMac("02:00:00:00:00:ac");

/** A watch of one side, with what it has told. */
class Bench {
  readonly told: string[] = [];
  problem: Problem | undefined;
  asked = 0;
  readonly #heard: StationsHeard;

  constructor(side: Side) {
    this.#heard = new StationsHeard({
      side,
      name: "eth1",
      events: {
        push: (event) => {
          if (event.type === "problem-begun") {
            this.problem = event.problem;
            this.told.push(`+${event.problem.id}`);
          } else if (event.type === "problem-ended") this.told.push(`-${event.id}`);
        },
        problem: ({ id }) => void this.told.push(id),
      },
      ask: () => void this.asked++,
    });
  }

  hears(source: Uint8Array, code: number, nowMs: number): void {
    const frame = emitDiscovery({
      destination: ETH_BROADCAST,
      source,
      code,
      sessionId: 0,
      tags: [],
    });
    this.#heard.discovery(frame, 0, LINK, nowMs);
  }

  tick(nowMs: number, over = {}): string[] {
    this.#heard.tick({ isUp: true, sessions: 0, sessionFrames: 0, ...over }, nowMs);
    return this.told.splice(0);
  }
}

Deno.test("StationsHeard tells a client that hears nothing for ten seconds, until the first frame", () => {
  const bench = new Bench("client");
  assertEquals(bench.tick(0), []);
  assertEquals(bench.tick(QUIET_MS - 1), []);
  assertEquals(bench.tick(QUIET_MS), ["+quiet-link"]);
  assertEquals(bench.problem?.blocks ?? false, false);
  bench.hears(HOST, CODE.PADI, QUIET_MS + 1);
  assertEquals(bench.tick(QUIET_MS + 2), ["-quiet-link"]);
  assertEquals(bench.tick(10 * QUIET_MS), []);
});

Deno.test("StationsHeard does not call a link quiet that is down, has sessions or carries their frames", () => {
  for (const over of [{ sessions: 1 }, { sessionFrames: 1 }, { isUp: false }]) {
    const bench = new Bench("client");
    bench.tick(0, over);
    assertEquals(bench.tick(QUIET_MS, over), []);
  }
  const server = new Bench("server");
  server.tick(0);
  assertEquals(server.tick(QUIET_MS), []);
});

Deno.test("StationsHeard waits for ten seconds after the link has come up", () => {
  const bench = new Bench("client");
  bench.tick(0, { isUp: false });
  bench.tick(60_000);
  assertEquals(bench.tick(60_000 + QUIET_MS - 1), []);
  assertEquals(bench.tick(60_000 + QUIET_MS), ["+quiet-link"]);
  assertEquals(bench.tick(80_000, { isUp: false }), ["-quiet-link"]);
});

Deno.test("StationsHeard tells a server that hears hosts and no AC, which it has asked for", () => {
  const bench = new Bench("server");
  bench.hears(HOST, CODE.PADI, 0);
  assertEquals(bench.tick(1000), []);
  assertEquals(bench.asked, 1);
  assertEquals(bench.tick(1000 + ANSWER_MS - 1), []);
  assertEquals(bench.tick(1000 + ANSWER_MS), ["+sides-swapped"]);
  assertEquals(bench.problem?.blocks, true);
  assertMatch(bench.problem!.what, /eth1 \(the last one is 02:00:00:00:00:11\)/);
  assertEquals(bench.asked, 1);
  bench.tick(1000 + ASK_EVERY_MS);
  assertEquals(bench.asked, 2);
  bench.hears(AC, CODE.PADO, 20_000);
  assertEquals(bench.tick(20_000), ["-sides-swapped"]);
});

Deno.test("StationsHeard says nothing of hosts beside an AC that answers a server", () => {
  const bench = new Bench("server");
  bench.hears(HOST, CODE.PADI, 0);
  bench.tick(1000);
  assertEquals(bench.asked, 1);
  bench.hears(AC, CODE.PADO, 1010);
  for (let nowMs = 2000; nowMs < HEARD_MS; nowMs += 1000) {
    bench.hears(HOST, CODE.PADI, nowMs);
    assertEquals(bench.tick(nowMs), []);
  }
  assertEquals(bench.asked, 1);
  const busy = new Bench("server");
  busy.hears(HOST, CODE.PADI, 0);
  assertEquals(busy.tick(10_000, { sessions: 1 }), []);
  assertEquals(busy.asked, 0);
});

Deno.test("StationsHeard ends a server's problem when no host dials there any more, or the link is down", () => {
  const swapped = () => {
    const bench = new Bench("server");
    bench.hears(HOST, CODE.PADI, 0);
    bench.tick(0);
    assertEquals(bench.tick(ANSWER_MS), ["+sides-swapped"]);
    return bench;
  };
  assertEquals(swapped().tick(HEARD_MS), ["-sides-swapped"]);
  assertEquals(swapped().tick(ANSWER_MS + 1, { isUp: false }), ["-sides-swapped"]);
});

Deno.test("StationsHeard does not take its own frames for those of hosts", () => {
  const bench = new Bench("server");
  bench.hears(LINK, CODE.PADI, 0);
  assertEquals(bench.tick(10_000), []);
  assertEquals(bench.asked, 0);
});

Deno.test("StationsHeard tells a client that hears an AC and no host", () => {
  const bench = new Bench("client");
  bench.tick(0);
  bench.hears(AC, CODE.PADO, 0);
  assertEquals(bench.tick(HOST_MS - 1), []);
  assertEquals(bench.tick(HOST_MS), ["+sides-swapped"]);
  assertMatch(bench.problem!.what, /^An AC \(02:00:00:00:00:ac\) answers on eth1/);
  assertEquals(bench.tick(HEARD_MS), ["-sides-swapped"]);
});

Deno.test("StationsHeard tells a client that hears a second AC beside its hosts", () => {
  const bench = new Bench("client");
  bench.tick(0);
  bench.hears(HOST, CODE.PADI, 0);
  bench.hears(AC, CODE.PADO, 1);
  assertEquals(bench.tick(HOST_MS + 1), ["second-ac"]);
  assertEquals(bench.tick(HEARD_MS + 2), []);
});

Deno.test("StationsHeard does not doubt a link that has had the right stations since it came up", () => {
  for (const over of [{ sessions: 1 }, {}]) {
    const server = new Bench("server");
    if (over.sessions === undefined) server.hears(AC, CODE.PADO, 0);
    assertEquals(server.tick(0, over), []);
    // The AC is off, and another server dials for its hosts.
    for (let nowMs = 10 * HEARD_MS; nowMs < 11 * HEARD_MS; nowMs += 1000) {
      server.hears(HOST, CODE.PADI, nowMs);
      assertEquals(server.tick(nowMs), []);
    }
    // Another cable may be in.
    server.tick(11 * HEARD_MS, { isUp: false });
    server.hears(HOST, CODE.PADI, 12 * HEARD_MS);
    server.tick(12 * HEARD_MS);
    assertEquals(server.tick(12 * HEARD_MS + ANSWER_MS), ["+sides-swapped"]);
  }
  const client = new Bench("client");
  client.tick(0);
  client.hears(HOST, CODE.PADI, 0);
  client.tick(1000);
  client.hears(AC, CODE.PADO, 10 * HEARD_MS);
  assertEquals(client.tick(10 * HEARD_MS + HOST_MS), ["second-ac"]);
});
