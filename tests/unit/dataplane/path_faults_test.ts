// The search for faults of the tunnels' paths, with transports that find them when they are told to.

import { assertEquals, assertMatch } from "@std/assert";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { PathFaults } from "../../../src/dataplane/path_faults.ts";
import { Tunnels } from "../../../src/dataplane/tunnels.ts";
import { MemoryDescriptors } from "../../../src/poll/memory.ts";
import { MemoryTransport } from "../../../src/transport/memory.ts";
import type { PathFault, PathVerdict } from "../../../src/transport/transport.ts";
import { Channel, CHANNEL_SIZES } from "../../../src/tunnel/channel.ts";

const FRAGMENTS: PathFault = { packetBytes: 1500, remedy: "fragments", fragmentsLost: false };
const SMALL: PathFault = { packetBytes: 1492, remedy: "small-packets", fragmentsLost: false };
const SMALL_IPV4: PathFault = { ...SMALL, fragmentsLost: true };

/** One tunnel, whose path has the faults that a test gives it. */
class Bench {
  nowMs = 0;
  readonly faults: PathFaults;
  readonly channel: Channel;
  readonly #transport: MemoryTransport;
  readonly #events: EventBatch;
  #posted: FromWorker[] = [];

  constructor(known?: PathFault, pathAddress = "192.0.2.1") {
    const now = () => this.nowMs;
    [this.#transport] = MemoryTransport.pair(new MemoryDescriptors(), { now });
    this.#transport.pathFault = known;
    const tunnels = new Tunnels([], 1, CHANNEL_SIZES, (...facts) => new Channel(...facts));
    this.#events = new EventBatch("client", false, now, (messages) => {
      this.#posted.push(...messages);
    });
    this.faults = new PathFaults(tunnels, this.#events);
    const facts = { id: 7, peer: undefined, name: "osaka", endpoint: "192.0.2.1:8000" };
    const other = { address: "192.0.2.1", pathAddress, legacy: false, received: new Uint8Array(0) };
    tunnels.add({ ...facts, ...other }, this.#transport, 0);
    this.channel = tunnels.get(7)!.channel;
    this.faults.added(7);
  }

  /** Lets the path's watch return a verdict once, and returns the events. */
  tick(verdict: PathVerdict, fault = this.#transport.pathFault): FromWorker[] {
    this.#transport.pathVerdict = verdict;
    this.#transport.pathFault = fault;
    this.faults.tick(this.nowMs);
    return this.events();
  }

  /** Returns the events since the last call. */
  events(): FromWorker[] {
    this.#events.flush();
    const posted = this.#posted;
    this.#posted = [];
    return posted;
  }
}

function types(events: FromWorker[]): string[] {
  return events.map(({ type }) => type);
}

Deno.test("PathFaults.tick() reports nothing of a path without a fault", () => {
  const bench = new Bench();
  assertEquals([bench.events(), bench.tick("unchanged"), bench.tick("suspected")], [[], [], []]);
});

Deno.test("PathFaults.tick() looks again soon at a path that is suspected", () => {
  const bench = new Bench();
  bench.tick("unchanged");
  assertEquals(bench.faults.dueMs, Infinity);
  bench.tick("suspected");
  assertEquals(bench.faults.dueMs, 250);
  bench.tick("unchanged");
  assertEquals(bench.faults.dueMs, Infinity);
});

Deno.test("PathFaults.tick() logs a fault with its remedy, and the tunnel goes on", () => {
  const bench = new Bench();
  const events = bench.tick("mended", FRAGMENTS);
  assertEquals(types(events), ["problem"]);
  const [event] = events;
  if (event.type !== "problem") throw new Error("The first event is no problem");
  const { id, what, advice } = event.problem;
  assertEquals(id, "path-mtu");
  assertEquals(
    what,
    "Packets of 1500 bytes to osaka (192.0.2.1) are lost, although small ones arrive (path MTU); " +
      "routers may now split them",
  );
  assertMatch(
    advice,
    /^let firewalls pass ICMP "fragmentation needed" and "packet too big", .*clamp the MSS/,
  );
  assertEquals(bench.channel.ended, undefined);
});

Deno.test("PathFaults names the proxy of a peer, because the path ends there", () => {
  const bench = new Bench(FRAGMENTS, "2001:db8::9");
  const [remembered, problem] = bench.events();
  if (remembered.type !== "path-remembered" || problem.type !== "problem") throw new Error();
  assertEquals(remembered.address, "2001:db8::9");
  assertMatch(problem.problem.what, /bytes to the proxy of osaka \(2001:db8::9\) are lost/);
});

Deno.test("PathFaults.tick() ends a tunnel that cannot go on, without a word to the peer", () => {
  const bench = new Bench();
  const events = bench.tick("lost", SMALL);
  assertEquals(types(events), ["problem"]);
  assertMatch(JSON.stringify(events), /1492 bytes.*at most 1280 bytes, which is slower/);
  assertMatch(bench.channel.ended!, /large packets are lost \(path MTU\)/);
  assertEquals(bench.channel.endedReason, undefined);
});

Deno.test("PathFaults.tick() logs it again if fragments are lost too", () => {
  const bench = new Bench();
  bench.tick("mended", FRAGMENTS);
  bench.nowMs = 5000;
  const events = bench.tick("lost", SMALL_IPV4);
  assertEquals(types(events), ["problem"]);
  assertMatch(JSON.stringify(events), /are lost, in fragments too, although/);
});

Deno.test("PathFaults.tick() says that it sends the smallest packets, and then that nothing is left to try", () => {
  const bench = new Bench();
  const smallest = { packetBytes: 1280, remedy: "smallest-packets", fragmentsLost: true } as const;
  const events = bench.tick("lost", smallest);
  assertEquals(types(events), ["problem"]);
  assertMatch(JSON.stringify(events), /of 1280 bytes.*at most 576 bytes, which is much slower"/);

  const other = new Bench(smallest);
  const [remembered] = other.events();
  assertEquals(remembered.type === "path-remembered" && remembered.remedy, "smallest-packets");
  const last = other.tick("helpless", { ...smallest, packetBytes: 576, remedy: "none" });
  assertEquals(types(last), ["problem"]);
  assertMatch(
    JSON.stringify(last),
    /of 576 bytes to osaka.*; nothing is left to try until the cause is removed"/,
  );
  assertEquals(other.channel.ended, undefined, "small frames may still arrive");
  assertEquals(types(other.tick("unchanged")), []);
});

Deno.test("PathFaults.tick() keeps a fault in the status once a minute, and does not log it again", () => {
  const bench = new Bench();
  bench.tick("unchanged");
  bench.nowMs = 1000;
  bench.tick("mended", FRAGMENTS);
  let problems = 0;
  for (let second = 2; second <= 300; second++) {
    bench.nowMs = second * 1000;
    const events = bench.tick("unchanged");
    assertEquals(types(events).filter((type) => type !== "problem"), []);
    problems += events.length;
  }
  assertEquals(problems, 5);
});

Deno.test("PathFaults.added() tells of a fault that is remembered", () => {
  const bench = new Bench(SMALL);
  const events = bench.events();
  assertEquals(types(events), ["path-remembered", "problem"]);
  assertEquals(events[0], {
    type: "path-remembered",
    peer: "osaka",
    address: "192.0.2.1",
    remedy: "small-packets",
  });
});
