// The turns of tunnels: what one peer sends does not delay the others. Time passes only as the tests say.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Pinned } from "../../../ffi/mod.ts";
import { DataPlane } from "../../../src/dataplane/data_plane.ts";
import type { FromWorker, TunnelFacts } from "../../../src/dataplane/messages.ts";
import { MemoryLink } from "../../../src/link/memory.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { MemoryDescriptors, MemoryPoller } from "../../../src/poll/memory.ts";
import { DROP, type Drop, Peer, Relay, Session } from "../../../src/relay/mod.ts";
import { MemoryTransport } from "../../../src/transport/memory.ts";
import {
  CODE,
  emitDiscovery,
  emitSession,
  encodeFrame,
  FRAME,
  PPP_PROTOCOL,
} from "../../../src/wire/mod.ts";
import { PLANE_DEFAULTS } from "../../support/plane_defaults.ts";

const HOST = Uint8Array.of(2, 0, 0, 0, 0, 1);
const AC = Uint8Array.of(2, 0, 0, 0, 0, 2);
const OURS = Uint8Array.of(2, 0, 0, 0, 0, 3);
const BROADCAST = new Uint8Array(6).fill(0xff);
/** The time that a discovery frame takes, and the shortest turn, in ms. */
const DISCOVERY_MS = 0.02;
const JUNK_MS = 0.001;
const TURN_MS = 0.02;

const PADI = encodeFrame(
  FRAME.DISCOVERY,
  emitDiscovery({ destination: BROADCAST, source: HOST, code: CODE.PADI, sessionId: 0, tags: [] }),
);
const DATA = sessionFrame(PPP_PROTOCOL.IPV4, 100);
const JUNK = encodeFrame(FRAME.SESSION, Uint8Array.of(1));

function sessionFrame(protocol: number, bytes: number): Uint8Array {
  const header = { destination: AC, source: HOST, sessionId: 1 };
  return encodeFrame(
    FRAME.SESSION,
    emitSession({ ...header, protocol, payload: new Uint8Array(bytes) }),
  );
}

function many(frame: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * frame.length);
  for (let n = 0; n < count; n++) bytes.set(frame, n * frame.length);
  return bytes;
}

/** A server with tunnels, whose sessions all belong to the tunnel 1. */
class Bench {
  nowMs = 1000;
  readonly plane: DataPlane;
  readonly counters = new Counters();
  readonly messages: FromWorker[] = [];
  /** The number of discovery frames from each tunnel. */
  readonly discovery = new Map<number, number>();
  /** The number of frames on the link. */
  sent = 0;
  /** True to refuse all discovery frames before they are parsed. */
  refuses = false;
  readonly session: Session;
  readonly link: MemoryLink;
  readonly #descriptors = new MemoryDescriptors();

  constructor() {
    const peer = new Peer(undefined, "good", 0);
    peer.tunnel = 1;
    const key = { peer, nearMac: AC, farMac: HOST, shownMac: OURS, tunnelId: 1, linkId: 1 };
    this.session = new Session(1, key, 0);
    const now = () => this.nowMs;
    const link = new MemoryLink(this.#descriptors, {
      name: "eth0",
      mac: OURS,
      promiscuous: false,
      wall: now,
      sent: () => this.sent++,
    });
    // deno-lint-ignore no-this-alias
    const bench = this;
    class Slow extends Relay {
      override discoveryFromTunnel(tunnel: number): void {
        bench.nowMs += DISCOVERY_MS;
        bench.discovery.set(tunnel, 1 + (bench.discovery.get(tunnel) ?? 0));
      }
      override sessionFromTunnel(tunnel: number): Session | Drop {
        if (tunnel === 1) return bench.session;
        bench.nowMs += JUNK_MS;
        return DROP["unknown-session"];
      }
      override refuses(...frame: Parameters<Relay["refuses"]>): Drop | undefined {
        return bench.refuses ? DROP["padi-rate"] : super.refuses(...frame);
      }
      override sessionFromLink(): Session | Drop {
        return bench.session;
      }
    }
    this.plane = new DataPlane({
      ...PLANE_DEFAULTS,
      interfaceName: "eth0",
      side: "server",
      mac: "own",
    }, {
      link,
      counters: this.counters,
      poller: () => new MemoryPoller(this.#descriptors),
      post: (messages) => void this.messages.push(...messages),
      now,
      wall: now,
      relay: (options, ports) => new Slow(options, ports),
    });
    this.link = link;
    this.plane.start();
  }

  /** Adds a tunnel, and returns the peer's end of it. */
  add(id: number, facts: Partial<TunnelFacts> = {}): MemoryTransport {
    const [near, far] = MemoryTransport.pair(this.#descriptors, {
      now: () => this.nowMs,
      roomBytes: 1 << 20,
    });
    const endpoint = `192.0.2.1:${id}`;
    this.plane.addTunnel({
      id,
      peer: undefined,
      name: `client ${id}`,
      endpoint,
      address: "192.0.2.1",
      pathAddress: "192.0.2.1",
      legacy: false,
      received: new Uint8Array(0),
      ...facts,
    }, near);
    return far;
  }

  turn(): void {
    this.nowMs += TURN_MS;
    this.plane.step(0);
  }

  /** Runs for a time, a few turns every few ms. */
  run(ms: number, before: () => void, everyMs = 2): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      before();
      this.nowMs += everyMs;
      for (let turns = 0; turns < 4; turns++) this.plane.step(0);
    }
  }

  get heldBackMs(): number[] {
    return this.plane.totals().tunnels.map(({ heldBackMs }) => heldBackMs);
  }
}

/** Sends as many of the bytes as there is room for, and returns the rest. */
function send(to: MemoryTransport, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  to.add(new Pinned(bytes), 0, bytes.length);
  return bytes.subarray(Math.max(0, to.send()));
}

/** Keeps the connection of a peer full of one frame. */
function fill(to: MemoryTransport, frame: Uint8Array): () => void {
  const all = many(frame, 2000);
  let rest = all;
  return () => {
    for (let left = -1; left !== rest.length;) {
      left = rest.length;
      rest = send(to, rest);
      if (rest.length === 0) rest = all;
    }
  };
}

/** Discards everything that arrives. */
function drain(from: MemoryTransport): number {
  const into = new Uint8Array(1 << 20);
  let bytes = 0;
  for (let count; (count = from.receive(into)) > 0;) bytes += count;
  return bytes;
}

Deno.test("DataPlane carries a peer's frames in the turn of their arrival, beside 50 that send PADIs", () => {
  const bench = new Bench();
  const good = bench.add(1);
  const hostile = Array.from({ length: 50 }, (_, n) => fill(bench.add(n + 2), PADI));
  bench.turn();
  for (let turn = 1; turn <= 1000; turn++) {
    for (const fill of hostile) fill();
    send(good, many(DATA, 5));
    const startMs = bench.nowMs;
    bench.turn();
    assertEquals(bench.sent, 5 * turn);
    const tookMs = bench.nowMs - startMs;
    assert(tookMs < 0.3 + DISCOVERY_MS, `a turn took ${tookMs} ms`);
  }
});

Deno.test("DataPlane carries a peer's frames in the turn of their arrival, beside 300 that send frames of no session", () => {
  const bench = new Bench();
  const good = bench.add(1);
  const hostile = Array.from({ length: 300 }, (_, n) => fill(bench.add(n + 2), DATA));
  // At first nobody knows that they are hostile.
  for (let turn = 0; turn < 500; turn++) {
    for (const fill of hostile) fill();
    bench.turn();
  }
  const before = bench.counters.dropped(DROP["unknown-session"]);
  const startMs = bench.nowMs;
  for (let turn = 1; turn <= 1000; turn++) {
    for (const fill of hostile) fill();
    send(good, many(DATA, 5));
    const turnMs = bench.nowMs;
    bench.turn();
    assertEquals(bench.sent, 5 * turn);
    const tookMs = bench.nowMs - turnMs;
    // 32 frames are taken between two looks at the clock.
    assert(tookMs < 0.3, `a turn took ${tookMs} ms`);
  }
  const frames = bench.counters.dropped(DROP["unknown-session"]) - before;
  const share = frames * JUNK_MS / (bench.nowMs - startMs);
  assert(share > 0.2, `they get ${share} of the time`);
});

Deno.test("DataPlane reads 200 KB at once from a peer with sessions, beside 100 that send PADIs", () => {
  const bench = new Bench();
  // They come first, and keep their buffers while they wait for their turns.
  const hostile = Array.from({ length: 100 }, (_, n) => fill(bench.add(n + 2), PADI));
  for (let turn = 0; turn < 200; turn++) {
    for (const fill of hostile) fill();
    bench.turn();
  }
  const good = bench.add(1);
  bench.turn();
  const large = sessionFrame(PPP_PROTOCOL.IPV4, 1480);
  send(good, many(large, 5));
  bench.turn();
  assertEquals(bench.sent, 5);
  for (let turn = 1; turn <= 10; turn++) {
    for (const fill of hostile) fill();
    send(good, many(large, 130));
    bench.turn();
    assertEquals(bench.sent, 5 + 130 * turn);
  }
});

Deno.test("DataPlane drops a discovery frame that the relay refuses before it is parsed, and counts it", () => {
  const bench = new Bench();
  bench.refuses = true;
  const peers = [bench.add(2), bench.add(3)];
  for (const peer of peers) send(peer, many(PADI, 1000));
  for (let turn = 0; turn < 1000; turn++) bench.turn();
  assertEquals(bench.discovery.size, 0);
  const { counters: { drops }, balance } = bench.plane.totals();
  assertEquals(drops["padi-rate"], 2000);
  assertEquals(balance.fromTunnel.discovery, {
    offered: 2000,
    carried: 0,
    dropped: 2000,
    queued: 0,
  });
  assert(
    bench.messages.some((message) => message.type === "notice" && message.notice.id === "limit"),
  );
});

Deno.test("DataPlane takes a few discovery frames of a peer at once, beside 50 that send PADIs", () => {
  const bench = new Bench();
  const hostile = Array.from({ length: 50 }, (_, n) => fill(bench.add(n + 2), PADI));
  for (let turn = 0; turn < 2000; turn++) {
    for (const fill of hostile) fill();
    bench.turn();
  }
  const good = bench.add(1);
  bench.turn();
  for (let dial = 1; dial <= 100; dial++) {
    for (const fill of hostile) fill();
    send(good, PADI as Uint8Array<ArrayBuffer>);
    bench.turn();
    assertEquals(bench.discovery.get(1), dial);
    for (let turn = 0; turn < 20; turn++) bench.turn();
  }
});

Deno.test("DataPlane shares the time for discovery frames evenly among tunnels, and limits it", () => {
  const bench = new Bench();
  const startMs = bench.nowMs;
  const hostile = Array.from({ length: 20 }, (_, n) => fill(bench.add(n + 2), PADI));
  for (let turn = 0; turn < 20_000; turn++) {
    if (turn % 20 === 0) { for (const fill of hostile) fill(); }
    bench.turn();
  }
  const counts = [...bench.discovery.values()];
  assertEquals(counts.length, 20);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  assert(most - least <= 25, `${least} to ${most} frames`);
  const tookMs = counts.reduce((sum, count) => sum + count, 0) * DISCOVERY_MS;
  const share = (tookMs - 500) / (bench.nowMs - startMs);
  assert(share > 0.25 && share < 0.35, `${share} of the time`);
});

Deno.test("DataPlane reads all discovery frames of a single client without a pause", () => {
  const bench = new Bench();
  const client = bench.add(2);
  send(client, many(PADI, 5000));
  for (let turn = 0; turn < 1000; turn++) bench.turn();
  assertEquals(bench.discovery.get(2), 5000);
  assertEquals(bench.heldBackMs, [0]);
});

for (
  const [what, frame] of [
    ["session frames that are too short", JUNK],
    ["frames of no session", DATA],
    ["pings", encodeFrame(FRAME.PING, new Uint8Array(0))],
    ["frames of an unknown type", encodeFrame(0x77, new Uint8Array(3))],
    ["PADIs", PADI],
  ] as const
) {
  Deno.test(`DataPlane reads a peer that sends ${what} at its rate only, and reports it`, () => {
    const bench = new Bench();
    const good = bench.add(1);
    const hostile = bench.add(2);
    const flood = fill(hostile, frame);
    let sent = 0;
    bench.run(5000, () => {
      flood();
      send(good, many(DATA, 2));
      sent += 2;
      drain(hostile);
      drain(good);
    });
    assertEquals(bench.sent, sent);
    const [goodMs, hostileMs] = bench.heldBackMs;
    assertEquals(goodMs, 0);
    assert(hostileMs > 1500, `held back for ${hostileMs} ms of 5 s`);
    const notices = bench.messages.filter((message) =>
      message.type === "notice" && message.notice.id === "held-back"
    );
    assertEquals(notices.length, 1);
  });
}

Deno.test("DataPlane takes 6000 frames a second from a peer that sends only junk, after a burst of 12,000", () => {
  const bench = new Bench();
  const flood = fill(bench.add(2), JUNK);
  bench.run(10_000, flood);
  const { malformed } = bench.counters.read().drops;
  assert(malformed > 71_000 && malformed < 75_000, `${malformed} frames in 10 s`);
});

Deno.test("DataPlane ends the tunnel of a peer that sends only junk for a minute", () => {
  const bench = new Bench();
  const flood = fill(bench.add(2), JUNK);
  bench.run(60_000, flood, 10);
  const down = () => bench.messages.find(({ type }) => type === "tunnel-down");
  assertEquals(down(), undefined);
  bench.run(8000, flood, 10);
  const event = down();
  assertEquals(
    event?.type === "tunnel-down" && event.reason,
    "the peer sent too many frames for a minute, and none of a session",
  );
});

Deno.test("DataPlane keeps the tunnel of a peer that sends much junk and a few session frames", () => {
  const bench = new Bench();
  const client = bench.add(1);
  const all = many(JUNK, 20_000);
  const both = new Uint8Array(all.length + DATA.length);
  both.set(all);
  both.set(DATA, all.length);
  let rest = both;
  bench.run(70_000, () => {
    rest = send(client, rest);
    if (rest.length === 0) rest = both;
    drain(client);
  }, 10);
  assert(bench.heldBackMs[0] > 0);
  assertEquals(bench.messages.some(({ type }) => type === "tunnel-down"), false);
});

Deno.test("DataPlane reads a peer at the rate of its upBps", () => {
  const bench = new Bench();
  const flood = fill(bench.add(1, { upBps: 8_000_000 }), sessionFrame(PPP_PROTOCOL.IPV4, 1480));
  bench.run(2000, flood);
  const { bytesFromTunnel } = bench.session;
  assert(bytesFromTunnel > 1_950_000 && bytesFromTunnel < 2_200_000, `${bytesFromTunnel} bytes`);
});

Deno.test("DataPlane lets a peer hear from it while it reads the peer slowly, whose pong waits behind data", () => {
  const bench = new Bench();
  const client = bench.add(1, { upBps: 50_000 });
  const flood = fill(client, sessionFrame(PPP_PROTOCOL.IPV4, 1480));
  let heardMs = bench.nowMs;
  let mostMs = 0;
  bench.run(60_000, () => {
    flood();
    if (drain(client) > 0) heardMs = bench.nowMs;
    mostMs = Math.max(mostMs, bench.nowMs - heardMs);
  }, 20);
  assert(mostMs < 12_000, `the peer heard nothing for ${mostMs} ms`);
  assertEquals(bench.messages.some(({ type }) => type === "tunnel-down"), false);
});

Deno.test("DataPlane tells the status, and not the log, which limit of its key slows a peer down", () => {
  const bench = new Bench();
  const client = bench.add(1, { upBps: 8_000_000, downBps: 500_000 });
  const flood = fill(client, sessionFrame(PPP_PROTOCOL.IPV4, 1480));
  const told = () =>
    bench.messages.splice(0).flatMap((message) => {
      if (message.type === "problem") return [message.problem.what];
      return message.type === "notice" ? ["logged"] : [];
    });
  bench.run(3000, () => {});
  assertEquals(told(), []);
  bench.run(3000, flood);
  assertEquals(told(), ["client 1 sends as much as its key allows, up=8M"]);
  const data = emitSession({
    destination: OURS,
    source: AC,
    sessionId: 1,
    protocol: PPP_PROTOCOL.IPV4,
    payload: new Uint8Array(1000),
  });
  bench.run(3000, () => {
    bench.link.arrive(data);
    drain(client);
  });
  assertEquals(told(), ["client 1 gets as much as its key allows, down=500k"]);
});

Deno.test("DataPlane sends to a peer at the rate of its downBps, and control frames at once", () => {
  const bench = new Bench();
  const client = bench.add(1, { downBps: 8_000_000 });
  const from = (protocol: number, bytes: number) =>
    emitSession({
      destination: OURS,
      source: AC,
      sessionId: 1,
      protocol,
      payload: new Uint8Array(bytes),
    });
  let bytes = 0;
  bench.run(2000, () => {
    for (let n = 0; n < 8; n++) bench.link.arrive(from(PPP_PROTOCOL.IPV4, 1000));
    bytes += drain(client);
  });
  assert(bytes > 1_950_000 && bytes < 2_200_000, `${bytes} bytes in 2 s at 1 MB/s`);
  drain(client);
  bench.link.arrive(from(PPP_PROTOCOL.LCP, 30));
  bench.plane.step(0);
  assert(drain(client) > 0);
});

Deno.test("DataPlane.limit() changes the rate at which it reads a peer, and takes the limit away", () => {
  const bench = new Bench();
  const flood = fill(bench.add(1), sessionFrame(PPP_PROTOCOL.IPV4, 1480));
  const read = (forMs: number) => {
    const before = bench.session.bytesFromTunnel;
    bench.run(forMs, flood);
    return bench.session.bytesFromTunnel - before;
  };
  const isUnlimited = () => read(100) > 10_000_000;
  assert(isUnlimited());
  bench.plane.limit(1, { upBps: 8_000_000 });
  const limited = read(2000);
  assert(limited > 1_950_000 && limited < 2_200_000, `${limited} bytes in 2 s at 1 MB/s`);
  bench.plane.limit(1, {});
  assert(isUnlimited());
  // Nothing is there with this id.
  bench.plane.limit(9, { upBps: 1000, downBps: 1000 });
});

Deno.test("DataPlane.limit() sends at once to a peer what waited for a limit that is gone", () => {
  const bench = new Bench();
  const client = bench.add(1);
  const data = emitSession({
    destination: OURS,
    source: AC,
    sessionId: 1,
    protocol: PPP_PROTOCOL.IPV4,
    payload: new Uint8Array(1000),
  });
  const send = () => {
    bench.link.arrive(data);
    bench.plane.step(0);
    return drain(client);
  };
  // The first frame follows what a new tunnel sends.
  send();
  const length = send();
  assert(length > 1000);
  bench.plane.limit(1, { downBps: 1_000 });
  let sent = 0;
  while (send() > 0) sent++;
  assert(sent > 10 && sent < 20, `${sent} frames in a burst of 16 KiB`);
  send();
  bench.plane.limit(1, {});
  assertEquals(drain(client), 2 * length);
  assertEquals(send(), length);
});

const LAST_FRAMES: [string, Uint8Array, RegExp][] = [
  ["a faulty header", Uint8Array.of(0, 3, 0xff, 0xff, 0xff, 0xff, 0xff), /header that is too long/],
  ["a goodbye", encodeFrame(FRAME.GOODBYE, new Uint8Array(0)), /goodbye/],
  ["a second greeting", encodeFrame(FRAME.HELLO, new Uint8Array(0)), /second greeting/],
  ["an unexpected list", encodeFrame(FRAME.SESSION_LIST, new Uint8Array(1)), /session list/],
];
for (const [what, bytes, reason] of LAST_FRAMES) {
  Deno.test(`DataPlane ends one tunnel, and goes on, when ${what} is followed by 200 KB at once`, () => {
    const bench = new Bench();
    const [good, bad] = [bench.add(1), bench.add(2)];
    const behind = many(DATA, Math.ceil(200_000 / DATA.length));
    const all = new Uint8Array(bytes.length + behind.length);
    all.set(bytes);
    all.set(behind, bytes.length);
    assertEquals(send(bad, all).length, 0);
    for (let turns = 0; turns < 4; turns++) bench.turn();
    const downs = bench.messages.filter((message) => message.type === "tunnel-down");
    assertEquals(downs.map(({ id }) => id), [2]);
    assertMatch(downs[0].reason, reason);
    assert(send(good, many(DATA, 10)).length === 0);
    bench.turn();
    assertEquals(bench.sent, 10);
    const { counters, balance } = bench.plane.totals();
    if (what !== "a faulty header") {
      assertEquals(counters.drops["tunnel-lost"], behind.length / DATA.length);
    }
    const { offered, carried, dropped } = balance.fromTunnel.session;
    assertEquals(offered, carried + dropped);
  });
}

Deno.test("DataPlane lets a peer with an upBps send no more ahead than the rate of 0.3 s", () => {
  const bench = new Bench();
  const { peer: near } = bench.add(1, { upBps: 8_000_000 });
  const limits = [near.unreadLimit];
  for (const upBps of [8000, undefined]) {
    bench.plane.limit(1, { upBps });
    limits.push(near.unreadLimit);
  }
  assertEquals(limits, [300_000, 16_384, Infinity]);
});
