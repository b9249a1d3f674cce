// Sessions without a tunnel, which are held for their peer, and given back to it and to nobody else.

import { assert, assertEquals } from "@std/assert";
import { DROP, type MacMode, NO_TUNNEL, type Session } from "../../../src/relay/mod.ts";
import {
  emitLcp,
  emitSession,
  emitSessionList,
  LCP_CODE,
  parseSessionList,
  PPP_PROTOCOL,
  SESSION_LIST_MAX,
} from "../../../src/wire/mod.ts";
import {
  AC,
  AC_2,
  answer,
  bytes,
  CLIENT_LINK,
  data,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  JoinedRelays,
  mac,
  MAC_MODES,
  padi,
  padr,
  RecordedRelay,
  SERVER_LINK,
  SERVICE,
  shownMacOfAc,
  shownMacOfHost,
} from "../../support/relays.ts";

const GRACE_MS = 20_000;
const SIDES = ["server", "client"] as const;
type Side = typeof SIDES[number];

/** Returns relays with session 1 of HOST and session 2 of HOST_2, both with AC. */
function withSessions(clients = 1, mode: MacMode = "own"): JoinedRelays {
  const joined = new JoinedRelays({
    graceMs: GRACE_MS,
    server: mode,
    clients: new Array(clients).fill(mode),
  });
  joined.dial({ host: HOST, sessionId: 1 });
  joined.dial({ host: HOST_2, sessionId: 2 });
  for (const relay of [joined.server, ...joined.clients]) {
    relay.takeTunnel();
    relay.lists = [];
  }
  return joined;
}

/** Returns the PADT of a session of `withSessions` on the link of a side. */
function padtAt(side: Side, id: 1 | 2, mode: MacMode = "own"): Uint8Array {
  const host = id === 1 ? HOST : HOST_2;
  return side === "server"
    ? discovery("PADT", shownMacOfHost(mode, host), AC, [], id)
    : discovery("PADT", shownMacOfAc(mode, AC), host, [], id);
}

function ids(sessions: Session[]): number[] {
  return sessions.map(({ tunnelId }) => tunnelId);
}

/** Asserts that session 1 of `withSessions` carries frames in both directions. */
function assertCarried(joined: JoinedRelays, mode: MacMode = "own"): void {
  const host = shownMacOfHost(mode, HOST);
  const ac = shownMacOfAc(mode, AC);
  assertEquals(joined.hostData(data(HOST, ac, 1)), data(host, AC, 1));
  assertEquals(joined.acData(data(AC, host, 1))?.frame, data(ac, HOST, 1));
}

function listed(relay: RecordedRelay): number[] {
  return relay.lists.flatMap(({ payload }) =>
    parseSessionList(payload)!.sessions.map(({ sessionId }) => sessionId)
  );
}

Deno.test("Relay holds its sessions when their tunnel ends, and sends no PADT", () => {
  const joined = withSessions();
  const before = [joined.server.sessions, joined.client.sessions];
  joined.break();
  joined.nowMs = GRACE_MS - 1;
  for (const relay of [joined.server, joined.client]) {
    relay.relay.tick(joined.nowMs);
    assertEquals(relay.sessions.map(({ tunnel }) => tunnel), [NO_TUNNEL, NO_TUNNEL]);
    assert(relay.sessions.every(({ peer }) => peer.held));
    assertEquals([relay.link, relay.closed, relay.forgotten], [[], [], []]);
    assertEquals([...relay.relay.peersByTunnel], []);
  }
  assertEquals([joined.server.sessions, joined.client.sessions], before);
});

Deno.test("Relay drops frames of stations in a held session, and in a discovery", () => {
  const joined = withSessions();
  joined.break();
  assertEquals(joined.hostData(data(HOST, CLIENT_LINK, 1)), undefined);
  assertEquals(joined.acData(data(AC, SERVER_LINK, 1)), undefined);
  assertEquals(joined.hostSends(discovery("PADQ", HOST, CLIENT_LINK, [], 1)), []);
  assertEquals(joined.acSends(discovery("PADQ", AC, SERVER_LINK, [], 1)), []);
  assertEquals(joined.hostSends(padi(HOST)), []);
  assertEquals(joined.client.drops, ["no-tunnel", "no-tunnel", "no-tunnel"]);
  assertEquals(joined.server.drops, ["no-tunnel", "no-tunnel"]);
  assertEquals([joined.server.tunnel, joined.client.tunnel], [[], []]);
  assertEquals([joined.server.sessions.length, joined.client.sessions.length], [2, 2]);
});

for (const mode of MAC_MODES) {
  Deno.test(`Relay gives a returning peer its sessions through another tunnel, with --mac ${mode}`, () => {
    const joined = withSessions(1, mode);
    for (let round = 1; round <= 20; round++) {
      joined.break();
      joined.nowMs += GRACE_MS - 1;
      assertEquals(joined.rejoin(), { atServer: NO_TUNNEL, atClient: NO_TUNNEL });
      joined.settle();
      assertEquals(joined.server.sessions.map(({ tunnel }) => tunnel), [round + 1, round + 1]);
      for (const relay of [joined.server, joined.client]) {
        relay.relay.tick(joined.nowMs);
        assertEquals([relay.link, relay.closed, relay.forgotten], [[], [], []]);
        assertEquals([relay.opened.length, relay.drops], [2, []]);
      }
      assertCarried(joined, mode);
    }
    assertEquals(joined.hostSends(discovery("PADT", HOST, shownMacOfAc(mode, AC), [], 1)), [
      padtAt("server", 1, mode),
    ]);
  });
}

Deno.test("Relay sends the list of its sessions only to a peer with a key", () => {
  for (const side of SIDES) {
    const { relay, lists } = new RecordedRelay({ side, graceMs: GRACE_MS });
    relay.addTunnel(1, { key: "key", name: "far" }, 0);
    relay.addTunnel(2, { key: undefined, name: "far" }, 0);
    assertEquals(lists, [{ tunnel: 1, payload: bytes(1) }]);
  }
  const joined = withSessions();
  joined.break();
  joined.rejoin();
  const sessions = [{ ac: AC, host: HOST, sessionId: 1 }, { ac: AC, host: HOST_2, sessionId: 2 }];
  const payload = emitSessionList({ last: true, sessions });
  assertEquals(joined.server.lists, [{ tunnel: 2, payload }]);
  assertEquals(joined.client.lists, [{ tunnel: 2, payload }]);
});

for (const key of ["another", undefined]) {
  Deno.test(`Relay gives no held session to a tunnel with ${key ?? "no"} key`, () => {
    const joined = withSessions();
    const { server } = joined;
    joined.break();
    server.relay.addTunnel(9, { key, name: "client 1" }, 0);
    assertEquals(listed(server), []);
    assertEquals(
      server.relay.sessionFromTunnel(9, data(HOST, AC, 1), 0, 0),
      DROP["unknown-session"],
    );
    server.relay.discoveryFromTunnel(9, discovery("PADT", HOST, AC, [], 1), 0);
    assertEquals(server.takeDrops(), ["unknown-session"]);
    // Its list does not affect the sessions of another peer, whatever it contains or omits.
    const sessions = [{ ac: AC, host: HOST, sessionId: 1 }];
    server.relay.listFromTunnel(9, emitSessionList({ last: true, sessions }), 0);
    server.relay.listFromTunnel(9, emitSessionList({ last: true, sessions: [] }), 0);
    joined.acData(data(AC, SERVER_LINK, 1));
    assertEquals(server.takeDrops(), ["no-tunnel"]);
    assertEquals([server.link, server.tunnel, server.closed], [[], [], []]);

    joined.rejoin();
    joined.settle();
    assertCarried(joined);
    assertEquals([server.link, joined.client.link], [[], []]);
  });
}

for (
  const [side, mode] of SIDES.flatMap((side) => MAC_MODES.map((mode) => [side, mode] as const))
) {
  Deno.test(`Relay at the ${side} closes held sessions after the grace time, and forgets the peer, with --mac ${mode}`, () => {
    const joined = withSessions(1, mode);
    const recorded = joined[side];
    joined.nowMs = 500;
    joined.break();
    recorded.relay.tick(500 + GRACE_MS - 1);
    assertEquals([recorded.link, recorded.forgotten], [[], []]);
    recorded.relay.tick(500 + GRACE_MS);
    assertEquals(recorded.takeLink(), [padtAt(side, 1, mode), padtAt(side, 2, mode)]);
    assertEquals(recorded.tunnel, []);
    assertEquals(recorded.causes, [
      "peer-lost",
      "peer-lost",
    ]);
    assertEquals(recorded.sessions, []);
    assertEquals(recorded.forgotten.length, 1);
    recorded.relay.tick(500 + 3 * GRACE_MS);
    assertEquals(recorded.forgotten.length, 1);

    // The peer returns too late: the other side, whose time has not been checked yet, closes its part.
    const other = side === "server" ? "client" : "server";
    joined.rejoin();
    joined.settle();
    assertEquals(listed(recorded), []);
    assertEquals(joined[other].takeLink(), [padtAt(other, 1, mode), padtAt(other, 2, mode)]);
    assertEquals([joined.server.sessions, joined.client.sessions], [[], []]);
    assertEquals(recorded.link, []);
    joined.dial({ sessionId: 1 });
    assertCarried(joined, mode);
  });
}

for (const side of SIDES) {
  Deno.test(`Relay at the ${side} holds nothing with a grace time of 0, or without a key`, () => {
    for (const options of [{ graceMs: 0 }, { graceMs: GRACE_MS, keyed: false }]) {
      const joined = new JoinedRelays(options);
      joined.dial({ host: HOST, sessionId: 1 });
      joined.break();
      const { link, causes, sessions, forgotten } = joined[side];
      assertEquals(link, [padtAt(side, 1)]);
      assertEquals(causes, ["tunnel-lost"]);
      assertEquals([sessions.length, forgotten.length], [0, 1]);
    }
  });
}

Deno.test("Relay immediately forgets a peer without anything to hold", () => {
  const { relay, forgotten } = new RecordedRelay({ side: "server", graceMs: GRACE_MS });
  relay.addTunnel(1, { key: "key", name: "client" }, 0);
  const peer = relay.peersByTunnel.get(1)!;
  relay.removeTunnel(1, "tunnel-lost", 0);
  assertEquals(forgotten, [peer]);
  relay.addTunnel(2, { key: "key", name: "client" }, 0);
  assert(relay.peersByTunnel.get(2) !== peer);
});

for (const mode of MAC_MODES) {
  Deno.test(`Relay closes a held session at once when the host ends it, and at the AC when the tunnel returns, with --mac ${mode}`, () => {
    const joined = withSessions(1, mode);
    joined.break();
    assertEquals(joined.hostSends(discovery("PADT", HOST, shownMacOfAc(mode, AC), [], 1)), []);
    assertEquals(ids(joined.client.sessions), [2]);
    assertEquals(joined.client.causes, ["host-padt"]);
    assertEquals(ids(joined.server.sessions), [1, 2]);
    joined.rejoin();
    joined.settle();
    assertEquals(joined.server.takeLink(), [padtAt("server", 1, mode)]);
    assertEquals(joined.client.takeLink(), []);
    assertEquals([ids(joined.server.sessions), ids(joined.client.sessions)], [[2], [2]]);
    assertEquals(joined.server.causes, [
      "ended-while-away",
    ]);
    assertEquals([joined.server.tunnel, joined.client.tunnel], [[], []]);
  });
}

for (const mode of MAC_MODES) {
  Deno.test(`Relay closes a held session at once when the AC ends it, and at the host when the tunnel returns, with --mac ${mode}`, () => {
    const joined = withSessions(1, mode);
    joined.break();
    assertEquals(joined.acSends(discovery("PADT", AC, shownMacOfHost(mode, HOST_2), [], 2)), []);
    assertEquals(ids(joined.server.sessions), [1]);
    assertEquals(ids(joined.client.sessions), [1, 2]);
    joined.rejoin();
    joined.settle();
    assertEquals(joined.client.takeLink(), [padtAt("client", 2, mode)]);
    assertEquals(joined.server.takeLink(), []);
    assertEquals([ids(joined.server.sessions), ids(joined.client.sessions)], [[1], [1]]);
    assertCarried(joined, mode);
  });
}

for (const side of SIDES) {
  Deno.test(`Relay closes sessions that only the ${side} has, with a PADT there`, () => {
    const joined = withSessions();
    const other = joined[side === "server" ? "client" : "server"];
    joined.break();
    // A program that has lost its state does the same.
    for (const session of other.sessions) {
      other.relay.close(session, "idle", { link: false, tunnel: false });
    }
    joined.rejoin();
    joined.settle();
    assertEquals(joined[side].takeLink(), [padtAt(side, 1), padtAt(side, 2)]);
    assertEquals(other.link, []);
    assertEquals([joined.server.sessions, joined.client.sessions], [[], []]);
  });
}

Deno.test("Relay closes all held sessions on request, and its peer learns of that later", () => {
  const joined = withSessions();
  joined.break();
  joined.client.relay.closeAll("shutdown");
  assertEquals(joined.client.takeLink(), [padtAt("client", 1), padtAt("client", 2)]);
  assertEquals([joined.client.tunnel, joined.client.drops], [[], []]);
  joined.rejoin();
  joined.settle();
  assertEquals(joined.server.takeLink(), [padtAt("server", 1), padtAt("server", 2)]);
});

Deno.test("Relay.setLinkMac() also ends held sessions", () => {
  const joined = withSessions();
  joined.break();
  joined.server.relay.setLinkMac(mac(0x51));
  assertEquals(joined.server.takeLink(), [padtAt("server", 1), padtAt("server", 2)]);
  assertEquals(joined.server.drops, []);
  joined.rejoin();
  joined.settle();
  assertEquals(joined.client.takeLink(), [padtAt("client", 1), padtAt("client", 2)]);
});

for (const mode of ["per-host", "transparent"] as const) {
  Deno.test(`Relay.setLinkMac() ends no session with --mac ${mode}, because no station knows that address`, () => {
    const joined = withSessions(1, mode);
    joined.break();
    for (const { relay } of [joined.server, joined.client]) relay.setLinkMac(mac(0x51));
    assertEquals([joined.server.link, joined.client.link], [[], []]);
    joined.rejoin();
    joined.settle();
    assertCarried(joined, mode);
  });
}

Deno.test("Relay.closePeer() ends the sessions of a tunnel's peer, with a PADT to both stations", () => {
  const joined = withSessions(2);
  const [first, second] = joined.clients;
  joined.dial({ client: second, sessionId: 3 });
  joined.server.relay.closePeer(undefined, 1, "moved");
  joined.settle();
  assertEquals(joined.server.takeLink(), [padtAt("server", 1), padtAt("server", 2)]);
  assertEquals(first.takeLink(), [padtAt("client", 1), padtAt("client", 2)]);
  assertEquals(joined.server.causes, ["moved", "moved"]);
  assertEquals([ids(joined.server.sessions), ids(second.sessions)], [[3], [3]]);
  joined.server.relay.closePeer(undefined, 7, "moved");
  assertEquals(ids(joined.server.sessions), [3]);
});

Deno.test("Relay.limitSessions() changes the limit of one peer while it has a tunnel", () => {
  const joined = withSessions(1);
  const { relay } = joined.server;
  const peer = relay.peersByTunnel.get(1)!;
  relay.limitSessions(1, 4);
  assertEquals(peer.maxSessions, 4);
  relay.limitSessions(1, undefined);
  assertEquals(peer.maxSessions, undefined);
  relay.limitSessions(7, 4);
  assertEquals(ids(joined.server.sessions), [1, 2]);
});

Deno.test("Relay.dismiss() ends what is held for a peer, and nothing of a peer that has a tunnel", () => {
  const joined = withSessions(2);
  joined.server.relay.dismiss("client 1", "not-allowed", 0);
  assertEquals(joined.server.sessions.length, 2);
  joined.break();
  joined.server.takeLink();
  joined.server.relay.dismiss("client 1", "not-allowed", 0);
  assertEquals(joined.server.takeLink(), [padtAt("server", 1), padtAt("server", 2)]);
  assertEquals(joined.server.causes, ["not-allowed", "not-allowed"]);
  assertEquals([...joined.server.relay.held], []);
});

Deno.test("Relay moves the sessions to a second tunnel with the same key, and returns the replaced one", () => {
  const joined = withSessions();
  assertEquals(joined.rejoin(), { atServer: 1, atClient: 1 });
  joined.settle();
  assertEquals([...joined.server.relay.peersByTunnel.keys()], [2]);
  assertCarried(joined);
  for (const relay of [joined.server, joined.client]) {
    // The end of the replaced tunnel has no effect.
    relay.relay.removeTunnel(1, "tunnel-lost", 0);
    assertEquals([relay.link, relay.closed, relay.forgotten], [[], [], []]);
  }
  assertCarried(joined);
});

Deno.test("Relay drops frames from a tunnel that was replaced", () => {
  const joined = withSessions();
  const { server } = joined;
  joined.rejoin();
  joined.settle();
  assertEquals(
    server.relay.sessionFromTunnel(1, data(HOST, AC, 1), 0, 0),
    DROP["unknown-session"],
  );
  server.relay.discoveryFromTunnel(1, discovery("PADT", HOST, AC, [], 1), 0);
  server.relay.discoveryFromTunnel(1, padi(HOST), 0);
  server.relay.listFromTunnel(1, bytes(1), 0);
  assertEquals(server.takeDrops(), ["no-tunnel", "no-tunnel", "no-tunnel"]);
  assertEquals(server.link, []);
  assertCarried(joined);
});

for (const side of SIDES) {
  Deno.test(`Relay resumes sessions after a break that only the ${side} noticed`, () => {
    const joined = withSessions();
    joined.break(joined.client, side);
    const replaced = joined.rejoin();
    assertEquals(
      replaced,
      side === "server" ? { atServer: 0, atClient: 1 } : { atServer: 1, atClient: 0 },
    );
    joined.settle();
    assertCarried(joined);
    assertEquals([joined.server.link, joined.client.link], [[], []]);
  });
}

for (const seen of [true, false]) {
  Deno.test(`Relay closes a session at the AC that was granted while the tunnel was down${seen ? "" : ", unnoticed"}`, () => {
    const joined = withSessions();
    const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("late")]));
    const [offer] = joined.acSends(answer(sought, AC_2, "PADO"));
    const [asked] = joined.hostSends(padr(offer));
    joined.break(joined.client, ...(seen ? [] : ["client" as const]));
    joined.server.takeTunnel();
    assertEquals(joined.acSends(answer(asked, AC_2, "PADS", { sessionId: 9 })), []);
    assertEquals(joined.server.drops, seen ? ["no-tunnel"] : []);
    assertEquals(ids(joined.server.sessions), [1, 2, 9]);
    joined.rejoin();
    joined.settle();
    assertEquals(joined.server.takeLink(), [discovery("PADT", SERVER_LINK, AC_2, [], 9)]);
    assertEquals(ids(joined.server.sessions), [1, 2]);
    assertEquals([joined.client.link, joined.client.drops], [[], []]);
    // The host asks again.
    const [again] = joined.hostSends(padr(offer));
    const [pads] = joined.acSends(answer(again, AC_2, "PADS", { sessionId: 10 }));
    assertEquals(pads, discovery("PADS", CLIENT_LINK, HOST, [SERVICE, hostUniq("late")], 10));
  });
}

Deno.test("Relay keeps a session that was granted after its list was sent", () => {
  const joined = withSessions();
  const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("late")]));
  const [offer] = joined.acSends(answer(sought, AC_2, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  joined.break();
  joined.rejoin();
  // Both lists are under way, and the PADS is behind one of them.
  const [pads] = joined.acSends(answer(asked, AC_2, "PADS", { sessionId: 9 }));
  assertEquals(pads, discovery("PADS", CLIENT_LINK, HOST, [SERVICE, hostUniq("late")], 9));
  assertEquals([ids(joined.server.sessions), ids(joined.client.sessions)], [[1, 2, 9], [1, 2, 9]]);
  assertEquals(joined.server.link, []);
});

Deno.test("Relay lets the AC reuse the id of a held session for another host, and the old host learns of that later", () => {
  const joined = withSessions(2);
  const [first, second] = joined.clients;
  joined.break(first);
  joined.dial({ client: second, host: HOST, sessionId: 1 });
  assertEquals(joined.server.causes, ["id-reused"]);
  joined.rejoin(first);
  joined.settle();
  assertEquals(first.takeLink(), [padtAt("client", 1)]);
  assertEquals(ids(first.sessions), [2]);
  assert(joined.acData(data(AC, SERVER_LINK, 1))?.client === second);
  assertEquals(joined.server.takeLink(), []);
});

Deno.test("Relay keeps held sessions of two clients with the same address and id separate, with --mac per-host", () => {
  const joined = withSessions(2, "per-host");
  const [first, second] = joined.clients;
  joined.dial({ client: second, host: HOST, sessionId: 1 });
  assertEquals(ids(joined.server.sessions), [1, 2, 1]);
  for (const client of [first, second]) joined.break(client);
  joined.rejoin(second);
  joined.settle();
  const shownHosts = [1, 2].map((client) => shownMacOfHost("per-host", HOST, client));
  const shownAc = shownMacOfAc("per-host", AC);
  assertEquals(joined.hostData(data(HOST, shownAc, 1), second), data(shownHosts[1], AC, 1));
  assertEquals(joined.acData(data(AC, shownHosts[0], 1)), undefined);
  joined.rejoin(first);
  joined.settle();
  for (const [n, client] of [first, second].entries()) {
    const arrived = joined.acData(data(AC, shownHosts[n], 1));
    assert(arrived?.client === client);
    assertEquals(arrived.frame, data(shownAc, HOST, 1));
  }
  assertEquals([joined.server.link, first.link, second.link], [[], [], []]);
});

/** Returns relays with a number of sessions of one host. */
function withMany(count: number): JoinedRelays {
  const joined = new JoinedRelays({ graceMs: GRACE_MS });
  for (let id = 1; id <= count; id++) {
    const both = { tunnelId: id, linkId: id };
    joined.server.relay.open({
      ...both,
      peer: joined.server.relay.peersByTunnel.get(1)!,
      nearMac: AC,
      farMac: HOST,
      shownMac: SERVER_LINK,
    }, 0);
    joined.client.relay.open({
      ...both,
      peer: joined.client.relay.peersByTunnel.get(1)!,
      nearMac: HOST,
      farMac: AC,
      shownMac: CLIENT_LINK,
    }, 0);
  }
  for (const relay of [joined.server, joined.client]) relay.lists = [];
  return joined;
}

for (
  const [count, parts] of [
    [SESSION_LIST_MAX, [SESSION_LIST_MAX]],
    [SESSION_LIST_MAX + 1, [SESSION_LIST_MAX, 1]],
    [2 * SESSION_LIST_MAX + 5, [SESSION_LIST_MAX, SESSION_LIST_MAX, 5]],
  ] as const
) {
  Deno.test(`Relay lists ${count} sessions in ${parts.length} parts, and closes those that are in none of them`, () => {
    const joined = withMany(count);
    joined.break();
    const lost = [1, SESSION_LIST_MAX, count].filter((id, at, all) => all.indexOf(id) === at);
    for (const id of lost) {
      const session = joined.client.relay.sessions.atLink(id, HOST, CLIENT_LINK)!;
      joined.client.relay.close(session, "idle", { link: false, tunnel: false });
    }
    joined.rejoin();
    const lists = joined.server.lists.map(({ payload }) => parseSessionList(payload)!);
    assertEquals(lists.map(({ sessions }) => sessions.length), [...parts]);
    assertEquals(lists.map(({ last }) => last), parts.map((_, at) => at === parts.length - 1));
    joined.settle();
    assertEquals(
      joined.server.takeLink(),
      lost.map((id) => discovery("PADT", SERVER_LINK, AC, [], id)),
    );
    assertEquals(joined.client.link, []);
    assertEquals(
      [joined.server.sessions.length, joined.client.sessions.length],
      [count - lost.length, count - lost.length],
    );
  });
}

Deno.test("Relay closes no session for an incomplete list, and starts over with the next tunnel", () => {
  const joined = withMany(SESSION_LIST_MAX + 1);
  const { server } = joined;
  joined.break();
  server.relay.addTunnel(8, { key: "client 1", name: "client 1" }, 0);
  server.relay.listFromTunnel(8, emitSessionList({ last: false, sessions: [] }), 0);
  server.relay.removeTunnel(8, "tunnel-lost", 0);
  assertEquals([server.link, server.closed], [[], []]);
  joined.rejoin();
  joined.settle();
  assertEquals([server.link, joined.client.link], [[], []]);
  assertEquals(server.sessions.length, SESSION_LIST_MAX + 1);
});

Deno.test("Relay stops sending a list when there is no room for a part, and closes no session", () => {
  const joined = withMany(SESSION_LIST_MAX + 1);
  joined.break();
  joined.server.takesLists = false;
  joined.rejoin();
  joined.settle();
  assertEquals([joined.server.lists, joined.client.lists.length], [[], 2]);
  assertEquals([joined.server.drops, joined.server.dropsFrom], [["tunnel-full"], ["link"]]);
  assertEquals([joined.server.link, joined.client.link], [[], []]);
  assertEquals(joined.client.sessions.length, SESSION_LIST_MAX + 1);
});

Deno.test("Relay.listFromTunnel() rejects a malformed list, and drops one from an unknown tunnel", () => {
  const joined = withSessions();
  joined.break();
  joined.server.relay.addTunnel(5, { key: "client 1", name: "client 1" }, 0);
  joined.server.takeDrops();
  for (const payload of [bytes(), bytes(1, 2), new Uint8Array(1 + 14 * (SESSION_LIST_MAX + 1))]) {
    assertEquals(joined.server.relay.listFromTunnel(5, payload, 0), false);
  }
  assertEquals(joined.server.relay.listFromTunnel(6, bytes(1), 0), true);
  assertEquals(joined.server.takeDrops(), ["no-tunnel"]);
  assertEquals(ids(joined.server.sessions), [1, 2]);
  assertEquals(joined.server.link, []);
});

Deno.test("Relay.listFromTunnel() opens no session, and does not affect those of another peer", () => {
  const joined = withSessions(2);
  const [first, second] = joined.clients;
  joined.dial({ client: second, host: HOST, sessionId: 3 });
  joined.break(second);
  joined.rejoin(second);
  const sessions = [
    { ac: AC, host: HOST, sessionId: 1 },
    { ac: AC, host: HOST, sessionId: 3 },
    { ac: AC, host: HOST, sessionId: 77 },
  ];
  joined.server.relay.listFromTunnel(3, emitSessionList({ last: true, sessions }), 0);
  joined.settle();
  assertEquals(ids(joined.server.sessions), [1, 2, 3]);
  assertEquals([ids(first.sessions), ids(second.sessions)], [[1, 2], [3]]);
  assertEquals([joined.server.link, joined.server.drops], [[], []]);
});

function echo(
  code: "ECHO_REQUEST" | "ECHO_REPLY",
  source: Uint8Array,
  destination: Uint8Array,
): Uint8Array {
  const payload = emitLcp({ code: LCP_CODE[code], identifier: 1, data: new Uint8Array(4) });
  return emitSession({ source, destination, sessionId: 1, protocol: PPP_PROTOCOL.LCP, payload });
}

for (const side of SIDES) {
  Deno.test(`Relay at the ${side} stops the timeouts while a session is held, and restarts them afterwards`, () => {
    const idleMs = 60_000;
    const deadMs = 30_000;
    const graceMs = 300_000;
    const joined = new JoinedRelays({ graceMs, idleMs, deadMs });
    joined.dial({ sessionId: 1 });
    const recorded = joined[side];
    const ask = () => {
      const [from, to] = side === "server" ? [AC, SERVER_LINK] : [HOST, CLIENT_LINK];
      recorded.relay.sessionFromLink(echo("ECHO_REQUEST", from, to), 0, joined.nowMs);
    };
    // The other station is known to answer.
    const [from, to] = side === "server" ? [HOST, AC] : [AC, HOST];
    recorded.relay.sessionFromTunnel(1, echo("ECHO_REPLY", from, to), 0, joined.nowMs);
    joined.nowMs = 1000;
    ask();
    joined.break();
    for (; joined.nowMs < 200_000; joined.nowMs += 1000) {
      ask();
      recorded.relay.tick(joined.nowMs);
    }
    assertEquals(recorded.closed, []);
    joined.rejoin();
    joined.settle();
    joined.nowMs += deadMs;
    recorded.relay.tick(joined.nowMs);
    assertEquals(recorded.closed, [], "nobody has asked since");
    joined.nowMs += idleMs - deadMs - 1;
    recorded.relay.tick(joined.nowMs);
    assertEquals(recorded.closed, []);
    recorded.relay.tick(joined.nowMs + 1);
    assertEquals(recorded.causes, ["idle"]);
  });
}

Deno.test("Relay continues a discovery after a break of the tunnel at any stage", () => {
  const steps = [
    (joined: JoinedRelays) => joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]))[0],
    (joined: JoinedRelays, sought: Uint8Array) => joined.acSends(answer(sought, AC, "PADO"))[0],
    (joined: JoinedRelays, offer: Uint8Array) => joined.hostSends(padr(offer))[0],
    (joined: JoinedRelays, asked: Uint8Array) =>
      joined.acSends(answer(asked, AC, "PADS", { sessionId: 1 }))[0],
  ];
  for (let breakAt = 1; breakAt < steps.length; breakAt++) {
    const joined = new JoinedRelays({ graceMs: GRACE_MS });
    let frame = new Uint8Array(0);
    for (const [at, step] of steps.entries()) {
      if (at === breakAt) {
        joined.break();
        joined.nowMs += GRACE_MS - 1;
        joined.rejoin();
        joined.settle();
      }
      frame = step(joined, frame).slice();
    }
    assertEquals(frame, discovery("PADS", CLIENT_LINK, HOST, [SERVICE, hostUniq("h")], 1));
    assertCarried(joined);
    assertEquals([joined.server.drops, joined.client.drops], [[], []]);
  }
});

Deno.test("Relay forgets a discovery with its peer when the grace time is over", () => {
  const joined = new JoinedRelays({ graceMs: GRACE_MS });
  const [sought] = joined.hostSends(padi(HOST));
  joined.break();
  joined.nowMs = GRACE_MS;
  joined.server.relay.tick(joined.nowMs);
  assertEquals(joined.server.forgotten.length, 1);
  joined.rejoin();
  joined.settle();
  assertEquals(joined.acSends(answer(sought, AC, "PADO")), []);
  assertEquals(joined.server.drops, ["unknown-host-uniq"]);
});

/** Makes a session of an earlier run of the server. */
const RESTORED = {
  serial: 41,
  openedMs: -5000,
  nearMac: AC,
  farMac: HOST,
  shownMac: SERVER_LINK,
  tunnelId: 1,
  linkId: 1,
};

function restored(heldSinceMs = 0): RecordedRelay {
  const server = new RecordedRelay({ side: "server", graceMs: GRACE_MS, firstSerial: 42 });
  server.relay.restore(RESTORED, { key: "key", name: "osaka", heldSinceMs }, 1000);
  return server;
}

Deno.test("Relay.restore() holds a session until its peer returns", () => {
  const server = restored();
  const [session] = server.sessions;
  const { serial, openedMs, linkMs, peer, tunnel } = session;
  assertEquals([serial, openedMs, linkMs, tunnel], [41, -5000, 1000, NO_TUNNEL]);
  assertEquals([peer.key, peer.name, peer.held], ["key", "osaka", true]);
  assertEquals([server.opened, server.link], [[], []]);

  server.relay.addTunnel(1, { key: "stranger", name: "osaka" }, 1500);
  assertEquals(listed(server), []);
  server.relay.addTunnel(2, { key: "key", name: "osaka" }, 2000);
  assertEquals(listed(server), [1]);
  const sessions = [{ ac: AC, host: HOST, sessionId: 1 }];
  server.relay.listFromTunnel(2, emitSessionList({ last: true, sessions }), 0);
  const frame = data(HOST, AC, 1);
  assertEquals(server.relay.sessionFromTunnel(2, frame, 0, 2000), session);
  assertEquals(frame, data(SERVER_LINK, AC, 1));
  assertEquals([server.link, server.closed], [[], []]);

  server.relay.discoveryFromTunnel(2, padi(HOST, [hostUniq("h")]), 0);
  server.relay.discoveryFromLink(answer(server.takeLink()[0], AC_2, "PADO"), 0);
  server.relay.discoveryFromTunnel(2, discovery("PADR", HOST, AC_2, [hostUniq("h")]), 0);
  const [asked] = server.takeLink();
  server.relay.discoveryFromLink(answer(asked, AC_2, "PADS", { sessionId: 5 }), 0);
  assertEquals(server.opened.map(({ serial }) => serial), [42]);
});

Deno.test("Relay.restore() counts the grace time from when the peer was last present", () => {
  const server = restored(-3000);
  server.relay.tick(GRACE_MS - 3001);
  assertEquals(server.link, []);
  server.relay.tick(GRACE_MS - 3000);
  assertEquals(server.link, [discovery("PADT", SERVER_LINK, AC, [], 1)]);
  assertEquals([server.closed.length, server.forgotten.length], [1, 1]);
});

Deno.test("Relay.restore() does not treat a station as dead that has not answered an echo since", () => {
  const server = new RecordedRelay({ side: "server", graceMs: GRACE_MS, deadMs: 30_000 });
  const peer = { key: "key", name: "osaka", heldSinceMs: 0 };
  server.relay.restore(RESTORED, peer, 1000);
  server.relay.addTunnel(1, peer, 2000);
  const sessions = [{ ac: AC, host: HOST, sessionId: 1 }];
  server.relay.listFromTunnel(1, emitSessionList({ last: true, sessions }), 2000);
  const ask = (fromMs: number) => {
    for (let at = fromMs; at <= fromMs + 60_000; at += 1000) {
      server.relay.sessionFromTunnel(1, echo("ECHO_REQUEST", HOST, AC), 0, at);
      server.relay.tick(at);
    }
  };
  ask(3000);
  assertEquals(server.closed, []);
  server.relay.sessionFromLink(echo("ECHO_REPLY", AC, SERVER_LINK), 0, 64_000);
  ask(65_000);
  assertEquals(server.closed.map(({ end }) => end), [{ cause: "ac-silent", detail: "30 s" }]);
});

Deno.test("Relay.restore() closes the sessions that the peer no longer has", () => {
  const server = restored();
  server.relay.addTunnel(1, { key: "key", name: "osaka" }, 2000);
  server.relay.listFromTunnel(1, emitSessionList({ last: true, sessions: [] }), 0);
  assertEquals(server.link, [discovery("PADT", SERVER_LINK, AC, [], 1)]);
  assertEquals(server.sessions, []);
});

Deno.test("Relay.restore() assigns the sessions with one key to one peer", () => {
  const server = restored();
  const second = { ...RESTORED, serial: 40, farMac: HOST_2, tunnelId: 2, linkId: 2 };
  server.relay.restore(second, { key: "key", name: "osaka", heldSinceMs: 0 }, 1000);
  assertEquals(new Set(server.sessions.map(({ peer }) => peer)).size, 1);
  server.relay.addTunnel(1, { key: "key", name: "osaka" }, 2000);
  assertEquals(listed(server), [1, 2]);
});

Deno.test("Relay.listFromTunnel() accepts one list per tunnel, and none from a peer without a key", () => {
  const joined = withSessions();
  joined.break();
  const { relay } = joined.server;
  relay.addTunnel(5, { key: "client 1", name: "client 1" }, 0);
  const part = emitSessionList({ last: false, sessions: [] });
  const end = emitSessionList({ last: true, sessions: [] });
  assertEquals(relay.listFromTunnel(5, part, 0), true);
  assertEquals(relay.listFromTunnel(5, end, 0), true);
  assertEquals(joined.server.sessions, []);
  for (const late of [part, end]) assertEquals(relay.listFromTunnel(5, late, 0), false);
  relay.addTunnel(6, { key: undefined, name: "older" }, 0);
  assertEquals(relay.listFromTunnel(6, end, 0), false);
});

Deno.test("Relay.listFromTunnel() rejects an endless list", () => {
  const joined = withSessions();
  joined.break();
  const { relay } = joined.server;
  relay.addTunnel(5, { key: "client 1", name: "client 1" }, 0);
  const part = emitSessionList({ last: false, sessions: [] });
  let parts = 0;
  while (relay.listFromTunnel(5, part, 0)) parts++;
  assert(parts <= (1 << 18) + 1, `${parts}`);
});

Deno.test("Relay holds sessions for a maximum number of peers, and forgets the longest absent one", () => {
  const server = new RecordedRelay({ side: "server", graceMs: 20_000, maxHeld: 2 });
  const { relay } = server;
  for (const n of [1, 2, 3]) {
    relay.addTunnel(n, { key: `${n}`, name: `${n}` }, 0);
    const key = { nearMac: AC, farMac: HOST, shownMac: SERVER_LINK, tunnelId: n, linkId: n };
    relay.open({ peer: relay.peersByTunnel.get(n)!, ...key }, 0);
  }
  for (const n of [2, 1, 3]) relay.removeTunnel(n, "tunnel-lost", n);
  assertEquals(ids(server.sessions), [1, 3]);
  assertEquals(server.causes, ["peer-crowded-out"]);
});

Deno.test("Relay keeps the discoveries of a peer without sessions for only a few seconds", () => {
  const joined = new JoinedRelays({ keyed: true, graceMs: 20_000 });
  joined.hostSends(padi(HOST));
  joined.break();
  const { relay } = joined.server;
  relay.tick(4000);
  assertEquals(joined.server.forgotten.length, 0);
  relay.tick(6000);
  assertEquals(joined.server.forgotten.length, 1);
});

Deno.test("Relay does not end sessions to make room for a peer without sessions", () => {
  const server = new RecordedRelay({ side: "server", graceMs: 20_000, maxHeld: 1 });
  const { relay } = server;
  relay.addTunnel(1, { key: "1", name: "1" }, 0);
  const key = { nearMac: AC, farMac: HOST, shownMac: SERVER_LINK, tunnelId: 1, linkId: 1 };
  relay.open({ peer: relay.peersByTunnel.get(1)!, ...key }, 0);
  relay.removeTunnel(1, "tunnel-lost", 0);
  relay.addTunnel(2, { key: "2", name: "2" }, 0);
  relay.discoveryFromTunnel(2, padi(HOST_2), 0);
  relay.removeTunnel(2, "tunnel-lost", 0);
  assertEquals(ids(server.sessions), [1]);
});

Deno.test("Relay accepts the longest possible list", () => {
  const { relay } = new RecordedRelay({ side: "server", graceMs: 1000 });
  relay.addTunnel(1, { key: "key", name: "far" }, 0);
  const sessions = new Array(SESSION_LIST_MAX).fill({ ac: AC, host: HOST, sessionId: 1 });
  const parts = (1 << 18) / SESSION_LIST_MAX;
  for (let part = 1; part <= parts; part++) {
    const payload = emitSessionList({ last: part === parts, sessions });
    assertEquals([part, relay.listFromTunnel(1, payload, 0)], [part, true]);
  }
});
