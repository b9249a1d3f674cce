// Tests of what the two sides of a tunnel tell each other about themselves.

import { assertEquals, assertMatch } from "@std/assert";
import { PeerStates } from "../../../src/dataplane/peer_states.ts";
import type { Tunnel, Tunnels } from "../../../src/dataplane/tunnels.ts";
import type { DataPlaneEvent } from "../../../src/observe/events.ts";
import type { Side } from "../../../src/side.ts";
import { emitState, FRAME, parseState } from "../../../src/wire/mod.ts";

/** The states of a side with one tunnel. */
class Bench {
  readonly events: DataPlaneEvent[] = [];
  readonly sent: unknown[] = [];
  hasRoom = true;
  readonly states: PeerStates;

  constructor(side: Side = "client", legacy = false) {
    const channel = {
      id: 7,
      legacy,
      ended: undefined,
      queue: (type: number, payload: Uint8Array, length: number) => {
        if (this.hasRoom) this.sent.push([type, parseState(payload.subarray(0, length))]);
        return this.hasRoom;
      },
    };
    const tunnel = { name: "osaka", channel } as unknown as Tunnel;
    const tunnels = { list: [tunnel] } as unknown as Tunnels;
    this.states = new PeerStates(tunnels, { push: (event) => this.events.push(event) }, side);
    this.states.added(tunnel);
  }

  hears(linkUp: boolean, ...problems: number[]): string[] {
    this.states.heard(7, emitState({ linkUp, problems }));
    return this.tick();
  }

  tick(): string[] {
    this.states.tick(0);
    return this.events.splice(0).map((event) => {
      if (event.type === "problem-begun") return `+${event.problem.id}`;
      return event.type === "problem-ended" ? `-${event.id}` : event.type;
    });
  }
}

Deno.test("PeerStates tells a new tunnel this side's state, and later each change", () => {
  const bench = new Bench();
  bench.tick();
  bench.tick();
  bench.states.set({ linkUp: false, problems: [2] });
  bench.states.set({ linkUp: false, problems: [2] });
  bench.tick();
  bench.tick();
  assertEquals(bench.sent, [
    [FRAME.STATE, { linkUp: true, problems: [] }],
    [FRAME.STATE, { linkUp: false, problems: [2] }],
  ]);
});

Deno.test("PeerStates tries again when the tunnel had no room", () => {
  const bench = new Bench();
  bench.hasRoom = false;
  bench.tick();
  bench.hasRoom = true;
  bench.tick();
  assertEquals(bench.sent.length, 1);
});

Deno.test("PeerStates tells an older peer nothing, and believes nothing from it", () => {
  const bench = new Bench("client", true);
  assertEquals(bench.hears(false), []);
  assertEquals(bench.sent, []);
});

Deno.test("PeerStates reports that the peer's link is down, and that it is up again", () => {
  const bench = new Bench();
  assertEquals(bench.hears(true), []);
  assertEquals(bench.hears(false), ["+far-link-down"]);
  assertEquals(bench.tick(), []);
  assertEquals(bench.hears(true), ["-far-link-down"]);
});

Deno.test("PeerStates keeps a client from its job when the server's link is down, but not a server", () => {
  for (const side of ["client", "server"] as const) {
    const bench = new Bench(side);
    bench.states.heard(7, emitState({ linkUp: false, problems: [] }));
    bench.states.tick(0);
    const [event] = bench.events;
    if (event.type !== "problem-begun") throw new Error(event.type);
    assertEquals(event.problem.blocks, side === "client");
    // The hosts of a server's other clients are not concerned.
    assertEquals(event.problem.tunnel, side === "client" ? undefined : 7);
    assertMatch(event.problem.what, side === "client" ? /server osaka .* no AC/ : /client osaka/);
  }
});

Deno.test("PeerStates reports the peer's problems in words, and ignores codes that it does not know", () => {
  const bench = new Bench();
  bench.states.heard(7, emitState({ linkUp: true, problems: [3, 200, 2] }));
  bench.states.tick(0);
  const [event, ...others] = bench.events;
  if (event.type !== "problem-begun") throw new Error(event.type);
  assertEquals(others, []);
  assertEquals(
    event.problem.what,
    "Server osaka reports: a station answers PADRs that are for an AC; " +
      "a PADI came back to it, so the two segments are joined",
  );
  assertEquals(bench.hears(true, 200), ["+far-problem", "-far-problem"]);
});

Deno.test("PeerStates takes a server's report that the sides are swapped as the client's own problem", () => {
  const bench = new Bench();
  assertEquals(bench.hears(true, 1), ["+sides-swapped"]);
  assertEquals(bench.hears(true), ["-sides-swapped"]);
});

Deno.test("PeerStates reports only the last of many states between two ticks", () => {
  const bench = new Bench();
  for (let n = 0; n < 1000; n++) {
    bench.states.heard(7, emitState({ linkUp: n % 2 === 0, problems: [] }));
  }
  assertEquals(bench.tick(), ["+far-link-down"]);
});

Deno.test("PeerStates ends a peer's problems with its tunnel", () => {
  const bench = new Bench();
  bench.hears(false, 2);
  bench.states.removed(7);
  assertEquals(bench.tick(), ["-far-link-down", "-far-problem"]);
});

Deno.test("PeerStates ignores an empty state, and that of an unknown tunnel", () => {
  const bench = new Bench();
  bench.states.heard(7, new Uint8Array(0));
  bench.states.heard(8, emitState({ linkUp: false, problems: [] }));
  assertEquals(bench.tick(), []);
});
