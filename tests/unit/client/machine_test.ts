// The client's decisions: each transition of the diagram at the head of machine.ts.

import { assert, assertEquals } from "@std/assert";
import { CHECK_MS } from "../../../src/client/first_server.ts";
import { REASON } from "../../../src/wire/mod.ts";
import { A, B, Bench, HELLO, SERVERS } from "./machine_bench.ts";

const REFUSED = "Refused: goodbye (full)";
const CHANGED = { type: "network-changed", lost: false, reachable: true } as const;
const LOST = { ...CHANGED, lost: true } as const;
const CUT_OFF = { ...CHANGED, reachable: false } as const;
const ENDED = {
  type: "tunnel-down",
  reason: "the connection broke",
  cause: "connection-broke",
} as const;

Deno.test("ClientMachine does nothing before it is started", () => {
  const bench = new Bench(1);
  bench.handle(CHANGED);
  bench.pass(100_000);
  bench.idle();
  assertEquals(bench.machine.dueMs, Infinity);
});

Deno.test("ClientMachine resolves, connects, greets and hands over, in this order", () => {
  const bench = Bench.start(1);
  const lookup = bench.take("resolve");
  assertEquals(lookup.hostname, "a.example");
  bench.handle({ type: "resolved", id: lookup.id, addresses: ["192.0.2.1"] });
  const { id, address } = bench.take("connect");
  assert(id !== lookup.id);
  assertEquals(address, { hostname: "192.0.2.1", port: 8000 });
  bench.handle({ type: "connected", id, endpoint: "192.0.2.1:8000" });
  assertEquals(bench.take("greet"), { type: "greet", id, server: SERVERS[0] });
  bench.handle({ type: "greeted", id, server: HELLO });
  assertEquals(bench.take("hand-over"), { type: "hand-over", id, peer: A, name: "tokyo" });
  bench.idle();
  assertEquals(bench.takeNotes(), [{
    type: "greeted",
    name: "tokyo",
    endpoint: "192.0.2.1:8000",
    software: "test/1",
    held: undefined,
  }]);
});

Deno.test("ClientMachine is up once the worker drives the tunnel, and counts reconnects", () => {
  const bench = Bench.start(1);
  const id = bench.greeted("a.example");
  bench.take("hand-over");
  assertEquals([bench.machine.state, bench.machine.serverName], ["connecting", ""]);
  bench.handle({ type: "handed-over", id });
  assertEquals([bench.machine.state, bench.machine.serverName], ["connecting", "tokyo"]);
  bench.handle({ type: "tunnel-up", id });
  assertEquals([bench.machine.state, bench.machine.reconnects], ["up", 0]);
  assertEquals(bench.machine.dueMs, Infinity);
  bench.handle({ ...ENDED, id });
  assertEquals(bench.machine.state, "waiting");
  bench.due();
  assertEquals(bench.machine.state, "connecting");
  bench.tunnel("a.example");
  assertEquals(bench.machine.reconnects, 1);
});

Deno.test("ClientMachine tries each address, the next one after 250 ms, each for up to 10 s", () => {
  const bench = Bench.start(1);
  bench.handle({
    type: "resolved",
    id: bench.take("resolve").id,
    addresses: ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
  });
  const first = bench.take("connect");
  bench.handle({ type: "failed", id: first.id, reason: "Connection refused" });
  const second = bench.take("connect");
  assertEquals(second.address.hostname, "192.0.2.2");
  assertEquals(bench.due(), 250);
  const third = bench.take("connect");
  assertEquals(third.address.hostname, "192.0.2.3");
  assertEquals(bench.due(), 9750);
  assertEquals(bench.take("drop").id, second.id);
  // An event for a dropped id is ignored.
  bench.handle({ type: "connected", id: second.id, endpoint: "192.0.2.2:8000" });
  bench.handle({ type: "failed", id: first.id, reason: "late" });
  bench.idle();
  bench.handle({ type: "failed", id: third.id, reason: "No route to host" });
  bench.idle();
  const reason = "192.0.2.1: Connection refused; 192.0.2.2: no answer in 10 s; " +
    "192.0.2.3: No route to host";
  const failure = { step: "connect", reason } as const;
  assertEquals(bench.takeNotes(), [
    { type: "failed", server: SERVERS[0], failure, suppressed: 0 },
    { type: "connecting-again", server: SERVERS[0], delayMs: 750 },
  ]);
});

Deno.test("ClientMachine uses the last address of a server, which worked, if a lookup fails", () => {
  const bench = Bench.start(1);
  const id = bench.tunnel("a.example");
  bench.handle({ type: "held", peer: A, sessions: 1 });
  bench.handle({ ...ENDED, id });
  bench.takeNotes();
  bench.due();
  const lookup = bench.take("resolve");
  bench.handle({ type: "failed", id: lookup.id, reason: "no name server answers" });
  const { id: again, address } = bench.take("connect");
  assertEquals(address.hostname, "192.0.2.1");
  const failure = { step: "lookup", reason: "no name server answers" } as const;
  assertEquals(bench.takeNotes(), [
    { type: "failed", server: SERVERS[0], failure, suppressed: 0 },
  ]);
  bench.handle({ type: "connected", id: again, endpoint: "192.0.2.1:8000" });
  bench.take("greet");
  bench.handle({ type: "greeted", id: again, server: HELLO });
  bench.take("hand-over");
});

Deno.test("ClientMachine gives up a lookup that is not answered in 10 s", () => {
  const bench = Bench.start(1);
  const { id } = bench.take("resolve");
  assertEquals(bench.due(), 10_000);
  assertEquals(bench.take("drop").id, id);
  bench.idle();
  assertEquals(bench.machine.state, "waiting");
});

Deno.test("ClientMachine tries the servers in turn when attempts fail at any step", () => {
  const bench = Bench.start(3);
  bench.fails("a.example");
  assertEquals(bench.machine.state, "waiting");
  bench.due();
  const id = bench.connected("b.example");
  bench.take("greet");
  assertEquals(bench.machine.dueMs, Infinity, "the handshake has a deadline of its own");
  bench.handle({ type: "failed", id, reason: REFUSED });
  bench.due();
  const greeted = bench.greeted("c.example");
  bench.take("hand-over");
  bench.handle({ type: "failed", id: greeted, reason: "Cannot carry a tunnel" });
  bench.idle();
  bench.due();
  assertEquals(bench.take("resolve").hostname, "a.example");
  const failures = bench.takeNotes().flatMap((note) => note.type === "failed" ? note.failure : []);
  assertEquals(failures, [
    { step: "resolve", reason: "no such name" },
    { step: "greet", reason: REFUSED },
    { step: "hand-over", reason: "Cannot carry a tunnel" },
  ]);
  assertEquals(bench.machine.reconnects, 0);
});

Deno.test("ClientMachine notes only the first 3 failures of a kind, and their delays, in 10 s", () => {
  const bench = Bench.start(1);
  bench.handle({ type: "held", peer: A, sessions: 1 });
  for (let attempt = 0; attempt < 10; attempt++) {
    bench.fails("a.example");
    bench.due();
  }
  const types = bench.takeNotes().map(({ type }) => type);
  assertEquals(types, new Array(3).fill(["failed", "connecting-again"]).flat());
  bench.nowMs += 10_000;
  bench.fails("a.example");
  const [note] = bench.takeNotes();
  assertEquals(note.type === "failed" && note.suppressed, 7);
});

Deno.test("ClientMachine takes failures that differ in what a server said for one kind", () => {
  const bench = Bench.start(1);
  bench.handle({ type: "held", peer: A, sessions: 1 });
  for (let attempt = 0; attempt < 10; attempt++) {
    const id = bench.connected("a.example");
    bench.take("greet");
    bench.handle({
      type: "failed",
      id,
      reason: `An SMTP server answers ("220 at ${attempt}"): check`,
    });
    bench.due();
  }
  const failures = bench.takeNotes().filter(({ type }) => type === "failed");
  assertEquals(failures.length, 3);
});

const DOWN = { ...HELLO, linkDown: true } as const;

Deno.test("ClientMachine goes on to the next server if the link of one is down", () => {
  const bench = Bench.start(2);
  const id = bench.greeted("a.example", DOWN);
  assertEquals(bench.take("drop").id, id);
  const [failed, ...others] = bench.takeNotes();
  assertEquals(failed, {
    type: "failed",
    server: SERVERS[0],
    failure: { step: "link-down", name: "tokyo" },
    suppressed: 0,
  });
  assertEquals(others.map(({ type }) => type), ["connecting-again"]);
  bench.due();
  assertEquals(bench.take("resolve").hostname, "b.example");
});

Deno.test("ClientMachine uses a server whose link is down if there is no other one", () => {
  Bench.start(1).tunnel("a.example", DOWN);
});

Deno.test("ClientMachine uses a server whose link is down if sessions are held for it", () => {
  const bench = Bench.start(2);
  bench.handle({ type: "held", peer: A, sessions: 1 });
  bench.tunnel("a.example", DOWN);
});

Deno.test("ClientMachine waits after the end of a tunnel, and notes the held sessions", () => {
  const bench = Bench.start(2);
  const id = bench.tunnel("a.example");
  bench.takeNotes();
  bench.nowMs += 60_000;
  bench.handle({ type: "held", peer: A, sessions: 3 });
  bench.handle({ ...ENDED, id });
  bench.idle();
  assertEquals(bench.takeNotes(), [
    { type: "tunnel-lost", reason: "the connection broke", cause: "connection-broke", held: 3 },
    { type: "connecting-again", server: SERVERS[0], delayMs: 300 },
  ]);
  assertEquals(bench.due(), 300);
  bench.greeted("a.example");
  const [note] = bench.takeNotes();
  assertEquals(note.type === "greeted" && note.held, 3);
});

Deno.test("ClientMachine tries a server again after a tunnel of 10 s, otherwise the next one", () => {
  for (const [upMs, next] of [[10_000, "a.example"], [9_999, "b.example"]] as const) {
    const bench = Bench.start(2);
    const id = bench.tunnel("a.example");
    bench.nowMs += upMs;
    bench.handle({ ...ENDED, id });
    bench.due();
    assertEquals(bench.take("resolve").hostname, next);
  }
});

Deno.test("ClientMachine tries only the server for which sessions are held", () => {
  const bench = Bench.start(3);
  bench.handle({ type: "held", peer: A, sessions: 1 });
  for (let attempt = 0; attempt < 20; attempt++) {
    bench.fails("a.example");
    assert(bench.due() <= 500);
  }
});

Deno.test("ClientMachine begins with the server that has sessions of an earlier run", () => {
  const bench = new Bench(3);
  bench.handle({ type: "held", peer: B, sessions: 2 });
  bench.handle({ type: "started" });
  assertEquals(bench.take("resolve").hostname, "b.example");
});

Deno.test("ClientMachine gives up an attempt when the sessions held for its server end", () => {
  const bench = Bench.start(2);
  bench.handle({ type: "held", peer: A, sessions: 2 });
  bench.handle({ type: "held", peer: A, sessions: 1 });
  const id = bench.connected("a.example");
  bench.take("greet");
  bench.idle();
  bench.handle({ type: "held", peer: A, sessions: 0 });
  assertEquals(bench.take("drop").id, id);
  assertEquals(bench.takeNotes(), [
    { type: "connecting-again", server: SERVERS[1], delayMs: 300 },
  ]);
  bench.handle({ type: "greeted", id, server: HELLO });
  bench.idle();
  bench.due();
  assertEquals(bench.take("resolve").hostname, "b.example");
});

Deno.test("ClientMachine continues an attempt when the sessions held for another server end", () => {
  const bench = Bench.start(2);
  bench.handle({ type: "held", peer: B, sessions: 1 });
  bench.handle({ type: "held", peer: B, sessions: 0 });
  bench.handle({ type: "held", peer: A, sessions: 0 });
  bench.tunnel("a.example");
  const one = Bench.start(1);
  one.handle({ type: "held", peer: A, sessions: 1 });
  one.handle({ type: "held", peer: A, sessions: 0 });
  one.tunnel("a.example");
});

Deno.test("ClientMachine goes to the next server when the held sessions end during the wait", () => {
  const bench = Bench.start(2);
  bench.handle({ type: "held", peer: A, sessions: 1 });
  bench.fails("a.example");
  bench.handle({ type: "held", peer: A, sessions: 0 });
  bench.idle();
  bench.takeNotes();
  bench.due();
  assertEquals(bench.take("resolve").hostname, "b.example");
  assertEquals(bench.takeNotes(), []);
});

Deno.test("ClientMachine forgets held sessions once their server has a tunnel again", () => {
  const bench = Bench.start(2);
  bench.handle({ type: "held", peer: A, sessions: 1 });
  const id = bench.tunnel("a.example");
  bench.handle({ ...ENDED, id });
  bench.due();
  assertEquals(bench.take("resolve").hostname, "b.example");
});

Deno.test("ClientMachine connects at once when the network has changed while it waits", () => {
  const bench = Bench.start(1);
  bench.fails("a.example");
  bench.handle(CHANGED);
  bench.take("resolve");
});

Deno.test("ClientMachine tries again what is stuck when the network has changed, and goes on greeting", () => {
  const bench = Bench.start(1);
  const { id } = bench.take("resolve");
  bench.pass(1000);
  bench.handle(CHANGED);
  assertEquals(bench.take("drop").id, id);
  const connection = bench.connected("a.example");
  bench.take("greet");
  bench.pass(1000);
  bench.handle(CHANGED);
  bench.idle();
  bench.handle({ type: "greeted", id: connection, server: HELLO });
  assertEquals(bench.take("hand-over").id, connection);
});

Deno.test("ClientMachine probes the tunnel when the network has changed", () => {
  const bench = Bench.start(1);
  const id = bench.tunnel("a.example");
  bench.handle(CHANGED);
  assertEquals(bench.take("probe").id, id);
  assertEquals(bench.machine.dueMs, Infinity);
  assertEquals(bench.machine.state, "up");
});

Deno.test("ClientMachine ends a tunnel whose own address is gone for half a second", () => {
  const bench = Bench.start(1);
  const id = bench.tunnel("a.example");
  bench.handle(LOST);
  bench.pass(400);
  // A second change does not delay the end.
  bench.handle(LOST);
  bench.idle();
  assertEquals(bench.due(), 100);
  const reason = "this machine no longer has the tunnel's own address";
  assertEquals(bench.take("end"), { type: "end", id, reason, cause: "address-lost" });
  assertEquals(bench.machine.dueMs, Infinity);
  bench.handle({ type: "tunnel-down", id, reason, cause: "address-lost" });
  assertEquals(bench.machine.state, "waiting");
});

Deno.test("ClientMachine tries nothing while there is no way to the server", () => {
  const waiting = Bench.start(1);
  waiting.fails("a.example");
  waiting.handle(CUT_OFF);
  waiting.idle();
  const connecting = Bench.start(1);
  connecting.take("resolve");
  connecting.handle(CUT_OFF);
  connecting.idle();
  const tunnel = Bench.start(1);
  const id = tunnel.tunnel("a.example");
  tunnel.handle(CUT_OFF);
  tunnel.idle();
  tunnel.handle(CHANGED);
  assertEquals(tunnel.take("probe").id, id);
});

Deno.test("ClientMachine leaves a tunnel alone where sessions are not held", () => {
  const older = { ...HELLO, features: 0 };
  const benches = [[{ holds: false }, HELLO], [{}, older]] as const;
  for (const [options, hello] of benches) {
    const bench = Bench.start(1, options);
    bench.tunnel("a.example", hello);
    for (const event of [CHANGED, LOST]) bench.handle(event);
    bench.pass(10_000);
    bench.idle();
  }
});

Deno.test("ClientMachine keeps a tunnel whose own address comes back soon, but probes it", () => {
  const bench = Bench.start(1);
  const id = bench.tunnel("a.example");
  bench.handle(LOST);
  bench.pass(400);
  bench.handle(CHANGED);
  assertEquals(bench.take("probe").id, id);
  bench.pass(10_000);
  bench.idle();
});

Deno.test("ClientMachine begins the check of the first server again when the network has changed", () => {
  const bench = Bench.start(2, { preferFirst: true });
  bench.fails("a.example");
  bench.due();
  const id = bench.tunnel("b.example");
  bench.due();
  const check = bench.take("resolve");
  assertEquals(check.hostname, "a.example");
  bench.pass(1000);
  bench.handle(CHANGED);
  assertEquals(bench.take("probe").id, id);
  assertEquals(bench.take("drop").id, check.id);
  assertEquals(bench.take("resolve").hostname, "a.example");
});

Deno.test("ClientMachine prefers an address of a server whose link is up to one whose link is down", () => {
  for (const held of [0, 1]) {
    const bench = Bench.start(1);
    bench.handle({ type: "held", peer: A, sessions: held });
    const addresses = ["192.0.2.1", "192.0.2.2"];
    bench.handle({ type: "resolved", id: bench.take("resolve").id, addresses });
    const { id } = bench.take("connect");
    bench.handle({ type: "connected", id, endpoint: "192.0.2.1:8000" });
    bench.take("greet");
    bench.handle({ type: "greeted", id, server: DOWN });
    // Held sessions can continue only at their own server.
    if (held > 0) {
      assertEquals(bench.take("hand-over").id, id);
      continue;
    }
    const other = bench.take("connect");
    bench.handle({ type: "connected", id: other.id, endpoint: "192.0.2.2:8000" });
    bench.take("greet");
    bench.handle({ type: "greeted", id: other.id, server: HELLO });
    assertEquals(bench.take("drop").id, id);
    assertEquals(bench.take("hand-over").id, other.id);
  }
});

Deno.test("ClientMachine tries a restarting server again after 1 to 2 s", () => {
  const bench = Bench.start(2);
  const id = bench.tunnel("a.example");
  bench.handle({ ...ENDED, id, goodbye: REASON.RESTART });
  assertEquals(bench.due(), 1500);
  assertEquals(bench.take("resolve").hostname, "a.example");
});

Deno.test("ClientMachine waits longer when another program replaces it a second time", () => {
  const bench = Bench.start(1);
  for (const rival of [false, true]) {
    const id = bench.tunnel("a.example");
    bench.takeNotes();
    bench.handle({ type: "held", peer: A, sessions: 1 });
    bench.handle({ ...ENDED, id, goodbye: REASON.REPLACED });
    const types = bench.takeNotes().map(({ type }) => type);
    const expected = ["tunnel-lost", ...rival ? ["rival"] : [], "connecting-again"];
    assertEquals(types, expected);
    if (rival) {
      bench.handle(CHANGED);
      bench.idle();
    }
    assertEquals(bench.due(), rival ? 45_000 : 300);
  }
});

Deno.test("ClientMachine hands over a connection to an older server without a greeting or a note", () => {
  const bench = Bench.start(1, { legacy: true });
  const id = bench.connected("a.example");
  assertEquals(bench.take("hand-over"), {
    type: "hand-over",
    id,
    peer: undefined,
    name: "192.0.2.1:8000",
  });
  assertEquals(bench.takeNotes(), []);
});

Deno.test("ClientMachine gives no key to a server that keeps no sessions", () => {
  const bench = Bench.start(1);
  bench.greeted("a.example", { ...HELLO, features: 0 });
  assertEquals(bench.take("hand-over").peer, undefined);
});

/** Makes a client that prefers the first of two servers, and uses the second. */
function atSecond(options = {}): { bench: Bench; id: number } {
  const bench = Bench.start(2, { preferFirst: true, ...options });
  bench.fails("a.example");
  bench.due();
  const id = bench.tunnel("b.example");
  bench.takeNotes();
  return { bench, id };
}

Deno.test("ClientMachine stays at another server if the first is not preferred", () => {
  const bench = Bench.start(2);
  bench.fails("a.example");
  bench.due();
  bench.tunnel("b.example");
  assertEquals(bench.machine.dueMs, Infinity);
});

Deno.test("ClientMachine checks the first server every 30 s, and notes no failures", () => {
  const { bench } = atSecond();
  for (let check = 0; check < 3; check++) {
    assertEquals(bench.due(), CHECK_MS);
    bench.fails("a.example");
  }
  bench.due();
  bench.greeted("a.example", DOWN);
  bench.take("drop");
  bench.idle();
  assertEquals(bench.takeNotes(), []);
  assertEquals([bench.due(), bench.machine.state], [CHECK_MS, "up"]);
});

Deno.test("ClientMachine gives up a check of an address that does not answer", () => {
  const { bench } = atSecond();
  bench.due();
  bench.handle({ type: "resolved", id: bench.take("resolve").id, addresses: ["192.0.2.9"] });
  const { id } = bench.take("connect");
  assertEquals(bench.due(), 10_000);
  assertEquals(bench.take("drop").id, id);
  assertEquals(bench.due(), CHECK_MS);
});

Deno.test("ClientMachine moves to the first server once that greets and the other tunnel has ended", () => {
  const { bench, id } = atSecond();
  bench.due();
  const first = bench.greeted("a.example");
  assertEquals(bench.take("leave"), { type: "leave", id, peer: B });
  bench.idle();
  assertEquals(bench.takeNotes().map(({ type }) => type), ["greeted"]);
  bench.handle({ ...ENDED, id });
  assertEquals(bench.take("hand-over"), { type: "hand-over", id: first, peer: A, name: "tokyo" });
  bench.handle({ type: "handed-over", id: first });
  assertEquals([bench.takeNotes(), bench.machine.dueMs], [[], Infinity]);
  assertEquals([bench.machine.server, bench.machine.reconnects], [SERVERS[0], 1]);
});

Deno.test("ClientMachine waits as after any failure when the handover to the first server fails", () => {
  const { bench, id } = atSecond();
  bench.due();
  const first = bench.greeted("a.example");
  bench.take("leave");
  bench.handle({ ...ENDED, id });
  bench.take("hand-over");
  bench.handle({ type: "failed", id: first, reason: "gone" });
  bench.due();
  bench.take("resolve");
});

Deno.test("ClientMachine drops a check when the current tunnel ends", () => {
  const { bench, id } = atSecond();
  bench.due();
  const check = bench.connected("a.example");
  bench.take("greet");
  bench.handle({ type: "held", peer: B, sessions: 1 });
  bench.handle({ ...ENDED, id });
  assertEquals(bench.take("drop").id, check);
  bench.handle({ type: "greeted", id: check, server: HELLO });
  bench.idle();
  bench.due();
  assertEquals(bench.take("resolve").hostname, "b.example");
});

Deno.test("ClientMachine checks a first server less and less often if it fails after each return", () => {
  const preferFirstMs = 1000;
  let { bench, id } = atSecond({ preferFirstMs });
  for (const pauseMs of [1000, 2000, 4000]) {
    assertEquals(bench.due(), pauseMs);
    const first = bench.greeted("a.example");
    bench.take("leave");
    bench.handle({ ...ENDED, id });
    bench.take("hand-over");
    bench.handle({ type: "handed-over", id: first });
    bench.handle({ ...ENDED, id: first });
    bench.due();
    id = bench.tunnel("b.example");
  }
});

Deno.test("ClientMachine checks the first server at the usual intervals before the first return", () => {
  const bench = Bench.start(2, { preferFirst: true });
  bench.handle({ ...ENDED, id: bench.tunnel("a.example") });
  bench.due();
  bench.tunnel("b.example");
  assertEquals(bench.due(), CHECK_MS);
});

Deno.test("ClientMachine ignores events for ids that are over", () => {
  const bench = Bench.start(1);
  const old = bench.tunnel("a.example");
  bench.handle({ ...ENDED, id: old });
  bench.due();
  const id = bench.tunnel("a.example");
  bench.takeNotes();
  bench.handle({ ...ENDED, id: old });
  bench.handle({ type: "tunnel-up", id: old });
  bench.handle({ type: "failed", id, reason: "not of a tunnel" });
  bench.handle({ type: "started" });
  bench.idle();
  assertEquals([bench.takeNotes(), bench.machine.state], [[], "up"]);
});

/** A machine in each state, and the id that it drops at a stop. */
const STATES: Record<string, () => [Bench, number | undefined]> = {
  idle: () => [new Bench(1), undefined],
  resolving: () => {
    const bench = Bench.start(1);
    return [bench, bench.take("resolve").id];
  },
  connecting: () => {
    const bench = Bench.start(1);
    bench.handle({ type: "resolved", id: bench.take("resolve").id, addresses: ["192.0.2.1"] });
    return [bench, bench.take("connect").id];
  },
  greeting: () => {
    const bench = Bench.start(1);
    const id = bench.connected("a.example");
    bench.take("greet");
    return [bench, id];
  },
  "handing over": () => {
    const bench = Bench.start(1);
    const id = bench.greeted("a.example");
    bench.take("hand-over");
    return [bench, id];
  },
  waiting: () => {
    const bench = Bench.start(1);
    bench.fails("a.example");
    return [bench, undefined];
  },
  "a tunnel": () => {
    const bench = Bench.start(1);
    bench.tunnel("a.example");
    return [bench, undefined];
  },
  "a pause between checks": () => [atSecond().bench, undefined],
  "a check": () => {
    const { bench } = atSecond();
    bench.due();
    return [bench, bench.take("resolve").id];
  },
  moving: () => {
    const { bench } = atSecond();
    bench.due();
    const id = bench.greeted("a.example");
    bench.take("leave");
    return [bench, id];
  },
};

for (const [name, make] of Object.entries(STATES)) {
  Deno.test(`ClientMachine stops in ${name}`, () => {
    const [bench, dropped] = make();
    bench.takeNotes();
    bench.handle({ type: "stop" });
    if (dropped !== undefined) assertEquals(bench.take("drop").id, dropped);
    bench.idle();
    assertEquals(bench.machine.dueMs, Infinity);
    // Later events are ignored.
    bench.handle({ type: "held", peer: A, sessions: 0 });
    for (let id = 0; id < 20; id++) bench.handle({ ...ENDED, id });
    bench.handle(CHANGED);
    bench.pass(1e9);
    bench.idle();
    assertEquals(bench.takeNotes(), []);
  });
}
