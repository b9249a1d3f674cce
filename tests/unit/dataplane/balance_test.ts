// Every frame has one fate: offered = carried + dropped + queued, at every moment.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { DataPlane } from "../../../src/dataplane/data_plane.ts";
import { PPP_PROTOCOL } from "../../../src/wire/mod.ts";
import { imbalance } from "../../support/balance.ts";
import { World } from "../../support/memory/world.ts";

const LCP_ECHO: Payload = {
  protocol: PPP_PROTOCOL.LCP,
  payload: Uint8Array.of(9, 1, 0, 8, 0, 0, 0, 0),
};

interface Payload {
  protocol: number;
  payload: Uint8Array;
}

function data(bytes: number): Payload {
  return { protocol: PPP_PROTOCOL.IPV4, payload: new Uint8Array(bytes) };
}

/** A world whose balances are checked after every turn. */
class Checked {
  /** The number of bytes of a batch that the path takes. */
  takes = Infinity;
  /** The sides whose interfaces have no room. */
  readonly full = new Set<"client" | "server">();
  /** The number of session frames that were handed to the client's link. */
  given = 0;
  moves = 0;
  readonly world: World;

  constructor() {
    this.world = new World("own", {
      delayMs: () => 3,
      roomBytes: 6000,
      takes: (offered) => Math.min(offered, this.takes),
    }, {
      plane: { queueBytes: 8192, batchBytes: 4096, readBytes: 4096, graceMs: 3000 },
      moved: (plane) => this.#check(plane),
      refuses: (side) => this.full.has(side),
    });
    this.world.dial();
    assertEquals(this.world.host.state, "open");
  }

  fromHost(frame: Payload, count = 1): void {
    const { client, host } = this.world;
    for (let n = 0; n < count; n++) {
      if (client.plane.gone || host.offer === undefined) return;
      if (client.plane.link.state === "up") this.given++;
      this.world.sendFromHost(frame);
    }
  }

  fromAc(frame: Payload, count = 1): void {
    for (let n = 0; n < count && !this.world.server.plane.gone; n++) this.world.sendFromAc(frame);
  }

  #check(plane: DataPlane): void {
    this.moves++;
    const { client, server } = this.world ?? {};
    const side = plane === client?.plane.plane ? client : server;
    // The planes exist before the world does.
    if (side === undefined || plane !== side.plane.plane) return;
    assertEquals(imbalance(plane.totals().balance, side.plane.counters.read()), undefined);
  }
}

type Action = [what: string, act: (checked: Checked) => void];

const bytes = fc.integer({ min: 0, max: 1492 });
const some = fc.integer({ min: 1, max: 40 });
const ms = fc.integer({ min: 0, max: 4000 });
const side = fc.constantFrom("client" as const, "server" as const);

const ACTION: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(bytes, some).map((
      [b, n],
    ): Action => [`host data ${b} x ${n}`, (c) => c.fromHost(data(b), n)]),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(bytes, some).map((
      [b, n],
    ): Action => [`ac data ${b} x ${n}`, (c) => c.fromAc(data(b), n)]),
  },
  {
    weight: 2,
    arbitrary: some.map((n): Action => [`host echo x ${n}`, (c) => c.fromHost(LCP_ECHO, n)]),
  },
  {
    weight: 2,
    arbitrary: some.map((n): Action => [
      `host large control x ${2 * n}`,
      (c) => c.fromHost({ ...data(1400), protocol: PPP_PROTOCOL.LCP }, 2 * n),
    ]),
  },
  {
    weight: 2,
    arbitrary: some.map((n): Action => [`ac echo x ${n}`, (c) => c.fromAc(LCP_ECHO, n)]),
  },
  { weight: 6, arbitrary: ms.map((n): Action => [`run ${n}`, (c) => c.world.run(n)]) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(0, 1, 100, 999, Infinity).map((
      n,
    ): Action => [`takes ${n}`, (c) => c.takes = n]),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, 200, Infinity).map((n): Action => [`break ${n}`, (c) => {
      if (c.world.end !== undefined) c.world.breakTunnel(c.world.timeline.nowMs + n);
    }]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(side, fc.constantFrom("up" as const, "down" as const)).map((
      [s, state],
    ): Action => [`${s} link ${state}`, (c) => {
      const { plane } = c.world[s];
      plane.link.change({ state });
      plane.poke();
    }]),
  },
  {
    weight: 1,
    arbitrary: side.map((s): Action => [`${s} link full or not`, (c) => {
      if (!c.full.delete(s)) c.full.add(s);
    }]),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Action>(["hang up", (c) => {
      const padt = c.world.host.hangUp();
      if (padt !== undefined) c.world.client.plane.receive(padt);
    }]),
  },
  {
    weight: 2,
    arbitrary: fc.constant<Action>(["dial", (c) => {
      if (c.world.host.state === "closed") c.world.dial();
    }]),
  },
  {
    weight: 1,
    arbitrary: side.map((s): Action => [`junk at ${s}`, (c) => {
      const junk = new Uint8Array(60);
      junk.set(c.world[s].plane.link.mac);
      junk.set([0x88, 0x64, 0x11, 0, 0, 99], 12);
      if (
        s === "client" && c.world.client.plane.link.state === "up" && !c.world.client.plane.gone
      ) c.given++;
      c.world[s].plane.receive(junk);
    }]),
  },
  {
    weight: 1,
    arbitrary: side.map((s): Action => [`leave at ${s}`, (c) => {
      if (c.world[s].plane.gone) return;
      c.world[s].plane.plane.leave(1, s === "client" ? "server:8000" : undefined);
    }]),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Action>(["dismiss the client", (c) => {
      if (!c.world.server.plane.gone) c.world.server.plane.plane.dismiss(1, undefined, "no key");
    }]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(side, fc.boolean()).map((
      [s, keep],
    ): Action => [`stop ${s} ${keep}`, (c) => c.world[s].stop(keep)]),
  },
);

Deno.test("Frames offered are carried, dropped or queued after every turn, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(ACTION, { minLength: 1, maxLength: 40 }), (actions) => {
      const checked = new Checked();
      for (const [, act] of actions) act(checked);
      const { world } = checked;
      const stopped = world.client.plane.gone;
      checked.takes = Infinity;
      world.run(40_000);
      assert(checked.moves > 10);
      for (const each of [world.client, world.server]) {
        const { plane, counters } = each.plane;
        assertEquals(imbalance(plane.totals().balance, counters.read()), undefined);
        // Once the path takes everything again, nothing waits in a tunnel.
        assertEquals(plane.totals().balance.fromLink.session.queued, 0);
      }
      const { lanes } = world.client.plane.link;
      if (stopped || lanes === undefined) return;
      const { offered } = world.client.plane.plane.totals().balance.fromLink.session;
      assert(offered <= checked.given, `${offered} of ${checked.given} frames`);
    }),
    { numRuns: 100 },
  );
});

Deno.test("All frames that the link hands over are offered", () => {
  const checked = new Checked();
  const { world } = checked;
  checked.fromHost(data(1000), 300);
  checked.fromHost(LCP_ECHO, 300);
  world.run(5000);
  const { session } = world.client.plane.plane.totals().balance.fromLink;
  assertEquals(session.offered, 600);
  assert(session.dropped > 0, "the tunnel was overloaded");
  assertEquals(session.queued, 0);
  // Nothing is lost on the way.
  const there = world.server.plane.plane.totals().balance.fromTunnel.session;
  assertEquals([there.offered, there.carried], [session.carried, session.carried]);
});

Deno.test("Frames that wait when a tunnel breaks are dropped as tunnel-lost, and not carried", () => {
  const checked = new Checked();
  const { world } = checked;
  const { plane, counters } = world.client.plane;
  const before = plane.totals().balance.fromLink.session;
  checked.takes = 0;
  checked.fromHost(data(1000), 5);
  assertEquals(plane.totals().balance.fromLink.session, {
    ...before,
    offered: before.offered + 5,
    queued: 5,
  });
  assertEquals(counters.read().frames.fromLink.session, before.carried);
  world.breakTunnel();
  world.run(10);
  assertEquals(plane.totals().balance.fromLink.session, {
    offered: before.offered + 5,
    carried: before.carried,
    dropped: before.dropped + 5,
    queued: 0,
  });
  assertEquals(counters.read().drops["tunnel-lost"], 5);
});

Deno.test("A frame that was sent in part when its tunnel breaks is dropped, and not carried", () => {
  const checked = new Checked();
  const { world } = checked;
  const { plane, counters } = world.client.plane;
  let left = 300;
  Object.defineProperty(checked, "takes", {
    get() {
      const taken = left;
      left = 0;
      return taken;
    },
  });
  checked.fromHost(data(1000));
  assertEquals(plane.totals().balance.fromLink.session.queued, 1);
  world.breakTunnel();
  world.run(10);
  assertEquals(counters.read().drops["tunnel-lost"], 1);
  assertEquals(plane.totals().balance.fromLink.session.carried, 0);
});
