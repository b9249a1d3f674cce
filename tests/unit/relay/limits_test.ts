// The limits on the rate at which hosts dial, and on the number of a client's sessions.

import { assertEquals } from "@std/assert";
import {
  DEFAULT_LIMITS,
  DROP_REASONS,
  LAST_SESSION_ID,
  randomTokens,
  SESSIONS_MAX,
} from "../../../src/relay/mod.ts";
import { DialRate, limitsOf } from "../../../src/relay/limits.ts";
import { Peer } from "../../../src/relay/peer.ts";
import type { Relay } from "../../../src/relay/relay.ts";
import {
  CODE,
  type DiscoveryPacket,
  formatMac,
  parseDiscovery,
  TAG,
  textTag,
} from "../../../src/wire/mod.ts";
import { Dialogue, type End } from "../../support/dialogue.ts";
import {
  AC,
  AC_2,
  answer,
  CLIENT_LINK,
  cookie,
  data,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  mac,
  padi,
  padr,
  SERVER_LINK,
  SERVICE,
  tagsOf,
} from "../../support/relays.ts";

const UNIQ = hostUniq("h");
const nth = (n: number) => Uint8Array.of(2, 0, 0, 1, n >>> 8, n);

function takeDrops({ drops }: End): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of drops.splice(0)) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** Sends PADIs of a host, and counts those that reach the AC's link. */
function seek(line: Dialogue, times: number, host = HOST, at = 0): number {
  let count = 0;
  for (let i = 0; i < times; i++) count += line.host(padi(host, [SERVICE, UNIQ]), at).length;
  return count;
}

/** Returns true if a peer may not have another session. */
function isFull(relay: Relay, peer: Peer): boolean {
  return relay.sessionLimit(peer) !== undefined;
}

const TEN = { limits: { padiPerHost: 10 } };

Deno.test("Relay at the client limits a host to a burst of ten seconds' PADIs", () => {
  const line = new Dialogue({ client: TEN });
  assertEquals(seek(line, 200), 100);
  assertEquals([takeDrops(line.client), takeDrops(line.server)], [{ "padi-rate": 100 }, {}]);
  line.nowMs = 1000;
  assertEquals(seek(line, 100), 10);
  // Each host has its own limit.
  assertEquals(seek(line, 200, HOST_2), 100);
});

Deno.test("Relay at the server limits hosts if their clients do not, separately for each client", () => {
  const line = new Dialogue({
    server: TEN,
    client: { limits: { padiPerHost: 0 } },
    names: ["a", "b"],
  });
  assertEquals(seek(line, 200), 100);
  assertEquals([takeDrops(line.client), takeDrops(line.server)], [{}, { "padi-rate": 100 }]);
  assertEquals(seek(line, 200, HOST, 1), 100);
});

Deno.test("Relay counts PADRs separately, so that a host that has begun can go on, and repeats pass", () => {
  const line = new Dialogue({ client: TEN });
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
  const [offer] = line.ac(answer(sought, AC, "PADO"));
  seek(line, 200);
  let asked = 0;
  for (let i = 0; i < 200; i++) asked += line.host(padr(offer)).length;
  assertEquals(asked, 100);
  line.nowMs = 100;
  assertEquals(line.host(padr(offer)).length, 1);
});

Deno.test("Relay at the server limits all PADIs of a client together, without affecting other clients", () => {
  const limits = { padiPerClient: 100 };
  const line = new Dialogue({ server: { limits }, names: ["a", "b"] });
  const all = (at: number) => {
    let count = 0;
    for (let n = 0; n < 300; n++) count += seek(line, 1, nth(n), at);
    return count;
  };
  assertEquals(all(0), 200);
  assertEquals([takeDrops(line.client), takeDrops(line.server)], [{}, { "padi-rate": 100 }]);
  assertEquals(all(1), 200);
  line.nowMs = 1000;
  assertEquals(all(0), 100);
});

Deno.test("DialRate counts the clients of an IPv6 network of 64 bits together, and those of two apart", () => {
  const rate = new DialRate("server");
  const limits = limitsOf("server", { padiPerClient: 10 });
  const frame = parseDiscovery(padi(HOST, [SERVICE, UNIQ]))!;
  const allowed = (address: string) => {
    const peer = new Peer(undefined, "osaka", 0);
    peer.address = address;
    return Array.from({ length: 15 }, () => rate.allows(peer, frame, limits, 0))
      .filter((allowed) => allowed).length;
  };
  assertEquals(
    ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1"]
      .map(allowed),
    [15, 5, 15, 15, 5],
  );
});

Deno.test("Relay does not limit 4,000 hosts of one client that dial at 2,000 per second", () => {
  const line = new Dialogue();
  for (let n = 0; n < 4000; n++) {
    line.nowMs = n / 2;
    const ac = AC.with(4, n >>> 12);
    line.dial({ host: nth(n), ac, sessionId: n + 1, tags: [] });
  }
  assertEquals([takeDrops(line.client), takeDrops(line.server)], [{}, {}]);
  assertEquals(line.server.relay.sessions.size, 4000);
});

Deno.test("Relay does not limit 4,000 hosts whose AC needs as long as they all need to dial", () => {
  const line = new Dialogue();
  const sought: Uint8Array[] = [];
  for (let n = 0; n < 4000; n++) {
    line.nowMs = n / 2;
    sought.push(...line.host(padi(nth(n), [SERVICE])));
  }
  const offers = sought.flatMap((frame) => line.ac(answer(frame, AC, "PADO")));
  assertEquals(offers.length, 4000);
});

Deno.test("Relay.setLimits() changes the limits at run time, and back to the defaults", () => {
  const line = new Dialogue({ server: { limits: { padiPerHost: 0 } } });
  const { relay } = line.client;
  relay.setLimits({ padiPerHost: 1 });
  assertEquals(seek(line, 100, HOST), 10);
  relay.setLimits({ padiPerHost: 0 });
  assertEquals(seek(line, 100, HOST), 100);
  relay.setLimits({});
  assertEquals(seek(line, 2000, HOST_2), 1000);
  assertEquals(DEFAULT_LIMITS.client, { padiPerHost: 100, padiPerClient: 0, maxSessions: 0 });
});

/** Sends PADIs from made-up addresses, each another one. */
function flood(line: Dialogue, from: number, count: number): number {
  let passed = 0;
  for (let n = from; n < from + count; n++) {
    const host = Uint8Array.of(0x0a, 0, n >>> 24, n >>> 16, n >>> 8, n);
    passed += line.host(padi(host, [SERVICE, UNIQ])).length;
  }
  return passed;
}

/** Dials with a new Host-Uniq each time, without repeats; returns true if that opened a session. */
function dials(line: Dialogue, host: Uint8Array, n: number): boolean {
  const [sought] = line.host(padi(host, [SERVICE, hostUniq(`${n}`)]));
  const [offer] = sought === undefined ? [] : line.ac(answer(sought, AC, "PADO"));
  const [asked] = offer === undefined ? [] : line.host(padr(offer));
  const pads = asked === undefined ? [] : line.ac(answer(asked, AC, "PADS", { sessionId: n }));
  return pads.length === 1;
}

for (
  const [what, limits] of [
    ["a client that limits strangers", {}],
    ["the server alone", { limits: { padiPerHost: 0 } }],
  ] as const
) {
  Deno.test(`A flood of PADIs from made-up addresses leaves known hosts their share, by ${what}`, () => {
    const line = new Dialogue({ client: limits, server: { tokens: randomTokens() } });
    assertEquals(dials(line, HOST, 1), true);
    flood(line, 0, 30_000);
    for (let second = 1; second <= 3; second++) {
      line.nowMs = 1000 * second;
      flood(line, 30_000 * second, 26_000);
      // A stranger is one of many.
      assertEquals(dials(line, HOST_2, second), false);
      assertEquals(dials(line, HOST, 1 + second), true);
      flood(line, 30_000 * second + 26_000, 1000);
    }
    const { size } = line.server.relay.sessions;
    assertEquals([size, line.client.relay.sessions.size], [4, 4]);
    line.server.relay.audit();
    line.client.relay.audit();
  });
}

Deno.test("Relay at the client lets 1,000 PADIs per second of all strangers through, with a burst of 5,000", () => {
  const line = new Dialogue();
  assertEquals(flood(line, 0, 10_000), 5000);
  assertEquals([takeDrops(line.client), takeDrops(line.server)], [{ "padi-rate": 5000 }, {}]);
  line.nowMs = 1000;
  assertEquals(flood(line, 10_000, 10_000), 1000);
  // Without a limit for each host, there is none for strangers.
  line.client.relay.setLimits({ padiPerHost: 0 });
  line.server.relay.setLimits({ padiPerClient: 0 });
  assertEquals(flood(line, 20_000, 2000), 2000);
});

Deno.test("A flood with the address of a known host shuts out that host, and no other", () => {
  const line = new Dialogue();
  assertEquals(dials(line, HOST, 1), true);
  assertEquals(dials(line, HOST_2, 2), true);
  assertEquals(seek(line, 30_000) < 1100, true);
  assertEquals([dials(line, HOST, 3), dials(line, HOST_2, 4)], [false, true]);
});

Deno.test("A flood of PADRs without an offer does not keep a new host from dialling", () => {
  const line = new Dialogue();
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
  const [offer] = line.ac(answer(sought, AC, "PADO"));
  for (let n = 0; n < 30_000; n++) {
    const frame = padr(offer).slice();
    frame.set([0x0a, 0, 0, 0, n >>> 8, n], 6);
    line.host(frame);
  }
  assertEquals(takeDrops(line.client), { "unknown-offer": 30_000 });
  assertEquals(line.host(padr(offer)).length, 1);
});

Deno.test("Relay lets a peer have as many sessions as are free for everybody", () => {
  const { server: { relay } } = new Dialogue({ names: ["a", "b", "c"] });
  relay.setLimits({ maxSessions: 0 });
  const [a, b, c] = [1, 2, 3].map((tunnel) => relay.peersByTunnel.get(tunnel)!);
  let serial = 0;
  const fill = (peer: Peer) => {
    while (!isFull(relay, peer)) {
      const n = serial++;
      const farMac = Uint8Array.of(2, 0, 0, n >>> 16, n >>> 8, n);
      const id = 1 + n % 0xffff0;
      const [tunnelId, linkId] = [1 + id % 0xfffe, 1 + id % 0xfffe];
      const key = { peer, nearMac: AC, farMac, shownMac: farMac };
      relay.sessions.open({ ...key, tunnelId, linkId }, 0);
    }
    return peer.sessions.size;
  };
  assertEquals(fill(a), SESSIONS_MAX / 2);
  assertEquals(fill(b), SESSIONS_MAX / 4);
  assertEquals(fill(c), SESSIONS_MAX / 8);
  assertEquals([a, b, c].map((peer) => isFull(relay, peer)), [true, true, true]);
  assertEquals(relay.sessionLimit(a), {
    source: "share",
    who: "a",
    sessions: SESSIONS_MAX / 2,
  });
  // What is left is for others, and the end of a session makes room again.
  for (const session of [...c.sessions].slice(0, 2)) relay.sessions.close(session);
  assertEquals(isFull(relay, c), false);
});

Deno.test("Relay gives a peer the number of sessions that its tunnel allows", () => {
  const { server: { relay } } = new Dialogue({ server: { limits: { maxSessions: 5 } } });
  for (
    const [maxSessions, full] of [[1, true], [2, false], [0, false], [undefined, false]] as const
  ) {
    relay.addTunnel(9, { key: "k", name: "k", maxSessions }, 0);
    const peer = relay.peersByTunnel.get(9)!;
    if (peer.sessions.size === 0) {
      const key = { peer, nearMac: AC, farMac: HOST, shownMac: SERVER_LINK };
      relay.open({ ...key, tunnelId: 1, linkId: 1 }, 0);
    }
    assertEquals(isFull(relay, peer), full, `${maxSessions}`);
  }
});

for (const [source, maxSessions] of [["client", undefined], ["key", 1]] as const) {
  Deno.test(`Relay tells which limit has refused a session: that of the ${source}`, () => {
    const line = new Dialogue({ server: { limits: { maxSessions: 1 } }, names: ["a"] });
    line.server.relay.limitSessions(1, maxSessions);
    line.dial({ host: mac(1), sessionId: 1 });
    line.dial({ host: mac(2), sessionId: 2 });
    assertEquals(line.server.limits, [{ source, who: "a", sessions: 1 }]);
  });
}

const ERROR = (text: string) => textTag(TAG.GENERIC_ERROR, text);
const TOO_MANY = ERROR("pppoe-proxy: this client has the maximum number of sessions");

for (const mode of ["own", "transparent"] as const) {
  Deno.test(`Relay refuses a session beyond a client's maximum, with --mac ${mode}`, () => {
    const line = new Dialogue({
      server: { mac: mode, limits: { maxSessions: 2 } },
      client: { mac: mode },
      names: ["a", "b"],
    });
    const shown = mode === "own"
      ? { server: SERVER_LINK, client: CLIENT_LINK }
      : { server: mac(0x23), client: AC };
    line.dial({ host: mac(0x21), sessionId: 1 });
    line.dial({ host: mac(0x22), sessionId: 2 });
    const host = mac(0x23);
    const [sought] = line.host(padi(host, [SERVICE, UNIQ]));
    const [offer] = line.ac(answer(sought, AC, "PADO", { tags: [cookie("c")] }));
    const [asked] = line.host(padr(offer));
    const pads = answer(asked, AC, "PADS", { sessionId: 3 });
    assertEquals(line.ac(pads), [
      discovery("PADS", shown.client, host, [SERVICE, UNIQ, TOO_MANY], 0),
    ]);
    // The AC gets a PADT, and a repeat of its PADS is handled in the same way.
    assertEquals(line.server.link.splice(0), [discovery("PADT", shown.server, AC, [], 3)]);
    assertEquals([takeDrops(line.client), takeDrops(line.server)], [{}, { "session-limit": 1 }]);
    assertEquals(line.ac(pads), []);
    assertEquals(takeDrops(line.server), { "unknown-host-uniq": 1 });
    assertEquals([line.client.relay.sessions.size, line.server.relay.sessions.size], [2, 2]);
    // Another client may have as many, and the end of a session makes room.
    line.dial({ at: 1, host: mac(0x31), sessionId: 4 });
    assertEquals(line.server.relay.sessions.size, 3);
    line.host(discovery("PADT", mac(0x21), shown.client, [], 1));
    const { pads: opened } = line.dial({ host, sessionId: 3, tags: [hostUniq("2")] });
    assertEquals(parseDiscovery(opened)!.sessionId, 3);
  });
}

Deno.test("Relay lets a client keep its sessions when the limit is lowered", () => {
  const line = new Dialogue();
  for (const n of [1, 2, 3]) line.dial({ host: mac(n), sessionId: n });
  line.server.relay.setLimits({ maxSessions: 1 });
  assertEquals(line.acData(data(AC, SERVER_LINK, 3)), data(CLIENT_LINK, mac(3), 3));
  assertEquals(parseDiscovery(line.dial({ host: mac(4), sessionId: 4 }).pads)!.sessionId, 0);
  assertEquals(line.server.relay.sessions.size, 3);
});

Deno.test("Relay counts a session once if its id is reused", () => {
  const line = new Dialogue({ server: { limits: { maxSessions: 1 } } });
  line.dial({ sessionId: 7, tags: [hostUniq("1")] });
  const { pads } = line.dial({ sessionId: 7, tags: [hostUniq("2")] });
  assertEquals(parseDiscovery(pads)!.sessionId, 7);
});

Deno.test("Relay tells host and AC that the host already uses every id", () => {
  const line = new Dialogue();
  const { relay } = line.client;
  const peer = relay.peersByTunnel.get(1)!;
  for (let id = 1; id < 0xffff; id++) {
    const key = { peer, nearMac: HOST, farMac: AC_2, shownMac: CLIENT_LINK };
    relay.sessions.open({ ...key, tunnelId: id, linkId: id }, 0);
  }
  assertEquals(peer.sessions.size, 0xfffe);
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
  const [offer] = line.ac(answer(sought, AC, "PADO"));
  const [asked] = line.host(padr(offer));
  const [refused] = line.ac(answer(asked, AC, "PADS", { sessionId: 7 }));
  assertEquals(parseDiscovery(refused)!.sessionId, 0);
  assertEquals(tagsOf(refused), [
    SERVICE,
    UNIQ,
    ERROR("pppoe-proxy: this host already uses every session id"),
  ]);
  assertEquals(line.server.link, [discovery("PADT", SERVER_LINK, AC, [], 7)]);
  assertEquals(takeDrops(line.client), { "session-limit": 1 });
  assertEquals(line.client.limits, [{
    source: "host",
    who: formatMac(HOST),
    sessions: LAST_SESSION_ID,
  }]);
  assertEquals(line.server.relay.sessions.size, 0);
});

Deno.test("Peer.sessions counts a peer's sessions", () => {
  const line = new Dialogue({ names: ["a", "b"] });
  const counts = () => [1, 2].map((n) => line.server.relay.peersByTunnel.get(n)!.sessions.size);
  line.dial({ at: 0, sessionId: 1 });
  line.dial({ at: 0, sessionId: 2, host: HOST_2 });
  line.dial({ at: 1, sessionId: 3 });
  assertEquals(counts(), [2, 1]);
  line.ac(discovery("PADT", AC, SERVER_LINK, [], 1));
  line.ac(discovery("PADT", AC, SERVER_LINK, [], 1));
  assertEquals(counts(), [1, 1]);
  line.server.relay.closeAll("shutdown");
  assertEquals(counts(), [0, 0]);
});

/** The frame of a PADI, in a memory with other bytes before it. */
function inMemory(host: Uint8Array): { memory: Uint8Array; packet: DiscoveryPacket } {
  const frame = padi(host, [SERVICE, UNIQ]);
  const memory = new Uint8Array(AT + frame.length);
  memory.set(frame, AT);
  return { memory, packet: parseDiscovery(frame)! };
}
const AT = 5;

Deno.test("DialRate.surelyRefuses() refuses nothing that allows() would allow, and a flood beyond the rate", () => {
  const limits = limitsOf("server", { padiPerHost: 0, padiPerClient: 10 });
  const rate = new DialRate("server");
  const peer = new Peer("k", "c", 0);
  peer.address = "192.0.2.1";
  rate.note(peer, HOST);
  let [refused, allowed] = [0, 0];
  for (let n = 0; n < 2000; n++) {
    const nowMs = 2 * n;
    const { memory, packet } = inMemory(n % 40 === 0 ? HOST : nth(n));
    const sure = rate.surelyRefuses(peer, packet.code, memory, AT + 6, limits, nowMs);
    const allows = rate.allows(peer, packet, limits, nowMs);
    assertEquals(sure && allows, false);
    if (sure) refused++;
    if (allows) allowed++;
    // Without a limit of each host, nothing else refuses a stranger.
    if (n % 40 !== 0) assertEquals(sure, !allows);
  }
  assertEquals(refused + allowed <= 2000 && refused > 1800 && allowed > 60, true, `${allowed}`);
});

Deno.test("DialRate.surelyRefuses() leaves a known host its share, and counts PADRs separately", () => {
  const limits = limitsOf("server", { padiPerHost: 0, padiPerClient: 10 });
  const rate = new DialRate("server");
  const peer = new Peer("k", "c", 0);
  rate.note(peer, HOST);
  for (let n = 0; n < 20; n++) rate.allows(peer, inMemory(nth(n)).packet, limits, 0);
  const refuses = (host: Uint8Array, code: number = CODE.PADI) =>
    rate.surelyRefuses(peer, code, inMemory(host).memory, AT + 6, limits, 0);
  assertEquals([refuses(nth(1)), refuses(HOST), refuses(nth(1), CODE.PADR)], [true, false, false]);
  for (let n = 0; n < 4; n++) {
    assertEquals(rate.allows(peer, inMemory(HOST).packet, limits, 0), true);
  }
  assertEquals(refuses(HOST), true);
  const none = limitsOf("server", { padiPerClient: 0 });
  assertEquals(
    rate.surelyRefuses(peer, CODE.PADI, inMemory(nth(1)).memory, AT + 6, none, 0),
    false,
  );
});

Deno.test("Relay.refuses() names the reason for frames from a tunnel that go no further", () => {
  const line = new Dialogue({ server: { limits: { padiPerClient: 1 } } });
  line.dial({ sessionId: 7 });
  const { relay } = line.server;
  const [tunnel] = relay.peersByTunnel.keys();
  const refuses = (frame: Uint8Array) => {
    const memory = new Uint8Array(AT + frame.length);
    memory.set(frame, AT);
    const reason = relay.refuses(tunnel, memory, AT, line.nowMs);
    return reason === undefined ? undefined : DROP_REASONS[reason];
  };
  assertEquals(refuses(discovery("PADT", HOST, AC, [], 7)), undefined);
  assertEquals(refuses(discovery("PADT", HOST, AC, [], 8)), "unknown-session");
  assertEquals(refuses(discovery("PADT", HOST_2, AC, [], 7)), "unknown-session");
  assertEquals(refuses(discovery("PADT", HOST, AC, [], 0)), undefined);
  assertEquals(refuses(data(HOST, AC, 7)), "not-pppoe");
  assertEquals(refuses(padi(HOST_2, [SERVICE])), undefined);
  for (let n = 0; n < 20; n++) {
    relay.discoveryFromTunnel(tunnel, padi(nth(n), [SERVICE, UNIQ]), line.nowMs);
  }
  // The host that has a session has a share of its own.
  assertEquals(refuses(padi(HOST_2, [SERVICE])), "padi-rate");
  assertEquals(refuses(padi(HOST, [SERVICE])), undefined);
});

Deno.test("Relay at the server bounds the PADIs of all clients, and one with a few hosts gets through", () => {
  const names = Array.from({ length: 20 }, (_, n) => `c${n}`);
  const line = new Dialogue({
    server: { tokens: randomTokens() },
    client: { limits: { padiPerHost: 0 } },
    names,
  });
  let passed = 0;
  for (let at = 1; at < names.length; at++) {
    for (let n = 0; n < 2000; n++) {
      const host = Uint8Array.of(0x0a, 0, 0, at, n >>> 8, n);
      passed += line.host(padi(host, [SERVICE, UNIQ]), at).length;
    }
  }
  // All together may send 8192, and each that came too late for them 16 more.
  assertEquals(passed, 8192 + 15 * 16);
  assertEquals(seek(line, 5, HOST, 0), 5);
});
