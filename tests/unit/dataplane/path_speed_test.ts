// Tests of the reports of slow, lossy and silent paths.

import { assertEquals, assertMatch } from "@std/assert";
import { PathSpeed } from "../../../src/dataplane/path_speed.ts";
import type { Tunnel } from "../../../src/dataplane/tunnels.ts";
import type { Problem } from "../../../src/problem.ts";
import type { Side } from "../../../src/side.ts";
import { SAMPLE_MS } from "../../../src/tunnel/path_quality.ts";

/** A watch over one tunnel, and what it has told. */
class Bench {
  readonly told: string[] = [];
  problem: Problem | undefined;
  frames = 0;
  retransmits = 0;
  heardMs = 0;
  legacy = false;
  readonly #watch: PathSpeed;
  readonly list: Tunnel[];

  constructor(side: Side) {
    // deno-lint-ignore no-this-alias
    const bench = this;
    const channel = {
      id: 7,
      rttMs: 10,
      get legacy() {
        return bench.legacy;
      },
      get carried() {
        return { sessionFrames: bench.frames, discoveryFrames: 0 };
      },
      silentMs: (nowMs: number) => nowMs - bench.heardMs,
      transport: {
        status: () => ({ retransmits: bench.retransmits, congestion: "cubic", unsentBytes: 0 }),
      },
    };
    const tunnel = { channel, name: "osaka", endpoint: "192.0.2.1:8000", address: "192.0.2.1" };
    this.list = [{ ...tunnel, stale: 0, heldBack: false, queued: false } as unknown as Tunnel];
    this.#watch = new PathSpeed({ list: this.list }, {
      push: (event) => {
        if (event.type === "problem-begun") {
          this.problem = event.problem;
          this.told.push(`+${event.problem.id}`);
        } else if (event.type === "problem-ended") this.told.push(`-${event.id} ${event.subject}`);
      },
      problem: (problem, lastsMs) => {
        this.problem = problem;
        this.told.push(`${problem.id} ${lastsMs}`);
      },
    }, { side, pingMs: 5000 });
  }

  tick(nowMs: number): string[] {
    this.#watch.tick(nowMs);
    return this.told.splice(0);
  }
}

Deno.test("PathSpeed reports losses under cubic with the name of the peer, and ends them with the tunnel", () => {
  const bench = new Bench("server");
  bench.tick(0);
  bench.frames = 1000;
  bench.retransmits = 20;
  assertEquals(bench.tick(SAMPLE_MS), ["congestion-control 30000"]);
  assertMatch(bench.problem!.what, /path to osaka \(192\.0\.2\.1\) loses packets.* cubic/);
  assertMatch(bench.problem!.advice, /modprobe tcp_bbr/);
  bench.list.length = 0;
  assertEquals(bench.tick(2 * SAMPLE_MS), ["-congestion-control 7"]);
  assertEquals(bench.tick(3 * SAMPLE_MS), []);
});

Deno.test("PathSpeed tells a client that its server does not answer, before the tunnel ends", () => {
  const bench = new Bench("client");
  assertEquals(bench.tick(9999), []);
  assertEquals(bench.tick(10_000), ["+no-server"]);
  assertEquals(bench.problem?.blocks, true);
  assertEquals(bench.tick(11_000), []);
  bench.heardMs = 11_500;
  assertEquals(bench.tick(12_000), ["-no-server 7"]);
  const lost = new Bench("client");
  lost.tick(10_000);
  lost.list.length = 0;
  assertEquals(lost.tick(11_000), ["-no-server 7"]);
});

Deno.test("PathSpeed does not listen for clients, nor for an older peer", () => {
  assertEquals(new Bench("server").tick(60_000), []);
  const bench = new Bench("client");
  bench.legacy = true;
  assertEquals(bench.tick(60_000), []);
});
