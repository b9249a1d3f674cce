// Invariants that hold for any frames of hosts, ACs, clients and servers.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { type MacMode, Relay, type RelayPorts, type Session } from "../../../src/relay/mod.ts";
import {
  CODE,
  emitSessionList,
  ETH_BROADCAST,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  ETHERNET,
  findTag,
  isUnicastMac,
  parseDiscovery,
  parseSession,
  readEtherType,
  readSessionId,
  sameMac,
  TAG,
  type Tag,
} from "../../../src/wire/mod.ts";
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
  JoinedRelays,
  mac,
  padi,
  padr,
  type RecordedRelay,
  SERVER_LINK,
  SERVICE,
  token,
} from "../../support/relays.ts";

/** Asserts that each index finds every session of the relay, and that it was opened and not closed. */
function assertConsistent({ relay, opened, closed, sessions }: RecordedRelay): void {
  relay.audit();
  const gone = new Set(closed.map(({ session }) => session));
  assertEquals(gone.size, closed.length, "a session was closed twice");
  assertEquals(new Set(opened).size, opened.length, "a session was opened twice");
  const left = opened.filter((session) => !gone.has(session));
  assertEquals(new Set(sessions), new Set(left), "opened is not closed and present");
  for (const session of sessions) {
    const { peer, tunnel, tunnelId, linkId, nearMac, farMac, shownMac } = session;
    const table = relay.sessions;
    assertStrictEquals(table.atLink(linkId, nearMac, shownMac), session);
    assertStrictEquals(table.atPeer(peer, tunnelId, farMac, nearMac), session);
    assertStrictEquals(table.findByLink(data(nearMac, shownMac, linkId), 0), session);
    if (peer.held) continue;
    assertStrictEquals(table.findByTunnel(tunnel, data(farMac, nearMac, tunnelId), 0), session);
    assertStrictEquals(relay.peersByTunnel.get(tunnel), peer, "a session is not its peer's");
  }
}

const some = <T>(...values: T[]) => fc.constantFrom(...values);
const modes = some<MacMode>("own", "per-host", "transparent");

// A few values, to make coincidences likely.
const stations = some(HOST, HOST_2, AC, AC_2, CLIENT_LINK, SERVER_LINK, ETH_BROADCAST, mac(9));
const codes = some(
  ...(Object.keys(CODE).filter((name) => name !== "SESSION") as Parameters<typeof discovery>[0][]),
);
const ids = some(0, 1, 2, 0xfffe, 0xffff);
const tags: fc.Arbitrary<Tag> = some(
  SERVICE,
  hostUniq("h"),
  hostUniq(),
  token(1),
  token(2),
  cookie("a"),
  cookie("b"),
);

/** Well-formed frames of any kind between any stations. */
const plausible = fc.oneof(
  fc.tuple(codes, stations, stations, fc.array(tags, { maxLength: 4 }), ids)
    .map((packet) => discovery(...packet)),
  fc.tuple(stations, stations, ids).map(([from, to, id]) => data(from, to, id)),
);

/** Plausible frames with some bytes changed and the end cut, and arbitrary bytes. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  plausible,
  fc.record({
    frame: plausible,
    changes: fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
    length: fc.nat(80),
  }).map(({ frame, changes, length }) => {
    const copy = frame.slice(0, length);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy;
  }),
);

/** Payloads of a SESSION_LIST frame: existing and unknown sessions, parts, and arbitrary bytes. */
const list = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.record({
    last: fc.boolean(),
    sessions: fc.array(
      fc.record({ ac: stations, host: stations, sessionId: ids }),
      { maxLength: 4 },
    ),
    length: fc.oneof({ weight: 4, arbitrary: fc.constant(Infinity) }, fc.nat(60)),
  }).map(({ length, ...list }) => emitSessionList(list).slice(0, length)),
);

const froms = some("link", "tunnel 1", "tunnel 2");
const entry = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ from: froms, what: some("data", "discovery"), frame: hostile }),
  },
  fc.record({ from: froms, what: some("list"), frame: list }),
);

/** Passes a frame or list to a relay; returns true if a session frame was accepted. */
function enter(
  relay: Relay,
  { from, what, frame }: { from: string; what: string; frame: Uint8Array },
  nowMs: number,
): boolean {
  const tunnel = from === "tunnel 2" ? 2 : 1;
  // A link has no lists.
  if (what === "list") relay.listFromTunnel(tunnel, frame, nowMs);
  else if (what === "discovery" && from === "link") relay.discoveryFromLink(frame, nowMs);
  else if (what === "discovery") relay.discoveryFromTunnel(tunnel, frame, nowMs);
  else if (from === "link") relay.sessionFromLink(frame, 0, nowMs);
  else return typeof relay.sessionFromTunnel(tunnel, frame, 0, nowMs) !== "number";
  return false;
}

for (const side of ["server", "client"] as const) {
  Deno.test(`Relay at the ${side} accepts any bytes without throwing, and stays consistent`, () => {
    fc.assert(
      fc.property(modes, fc.array(entry, { maxLength: 60 }), (mode, entries) => {
        const joined = new JoinedRelays({ server: mode, clients: [mode, mode] });
        const recorded = side === "server" ? joined.server : joined.client;
        const { relay } = recorded;
        joined.dial({ sessionId: 1 });
        for (const [nowMs, entry] of entries.entries()) {
          const sessions = new Set(recorded.sessions);
          enter(relay, { ...entry, frame: entry.frame.slice() }, nowMs);
          assertConsistent(recorded);
          if (entry.what !== "list") continue;
          // A list can end sessions of its own tunnel, but opens none.
          const left = recorded.sessions;
          assert(left.every((session) => sessions.has(session)));
          const tunnel = entry.from === "tunnel 2" ? 2 : 1;
          for (const session of sessions.difference(new Set(left))) {
            assertEquals(session.tunnel, tunnel);
          }
        }
        // Only discovery frames leave through the ports, and only those that this side may send.
        const mine = side === "server" ? [CODE.PADI, CODE.PADR] : [CODE.PADO, CODE.PADS];
        const theirs = side === "server" ? [CODE.PADO, CODE.PADS] : [CODE.PADI, CODE.PADR];
        for (const frame of recorded.link) {
          assert(!(theirs as number[]).includes(parseDiscovery(frame)!.code));
        }
        for (const { frame } of recorded.tunnel) {
          assert(!(mine as number[]).includes(parseDiscovery(frame)!.code));
        }
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("Relay shows its link no address from beyond the tunnel with --mac own and per-host", () => {
  fc.assert(
    fc.property(
      some<MacMode>("own", "per-host"),
      fc.array(entry, { maxLength: 40 }),
      (mode, entries) => {
        const joined = new JoinedRelays({ server: mode, clients: ["own", "own"] });
        const { server } = joined;
        joined.dial({ sessionId: 1 });
        for (const entry of entries) {
          const frame = entry.frame.slice();
          if (enter(server.relay, { ...entry, frame }, 0)) server.link.push(frame);
        }
        for (const frame of server.link) {
          const source = frame.subarray(...ETHERNET.source);
          if (mode === "own") assertEquals(source, SERVER_LINK);
          else {
            // Made-up addresses have random bits that are zero in all addresses of stations here.
            assert(isUnicastMac(source) && source.subarray(1, 5).some((byte) => byte > 0));
          }
          assert([ETH_P_PPP_DISC, ETH_P_PPP_SES].includes(readEtherType(frame)));
        }
      },
    ),
    { numRuns: 200 },
  );
});

/** A session as the stations know it. */
interface Known {
  client: RecordedRelay;
  host: Uint8Array;
  ac: Uint8Array;
  shown: Uint8Array;
  id: number;
  /** The address and the id on the host's link. */
  linkShown: Uint8Array;
  linkId: number;
  /** True if its host has ended it while there was no tunnel, so that the AC does not know yet. */
  ended: boolean;
}

/**
 * Hosts and ACs around a server and three clients, whose tunnels break and return. It knows the owner of each session
 * only from the dialogues, without looking into a relay, and checks where each frame arrives.
 */
class World {
  readonly joined: JoinedRelays;
  /** The offers that hosts have got. */
  readonly offers: { client: RecordedRelay; frame: Uint8Array }[] = [];
  /** The requests that an AC has got, with their senders. */
  readonly requests: { frame: Uint8Array; client: RecordedRelay; host: Uint8Array }[] = [];
  /** The sessions as the AC knows them: by its address, the host's address and the id. */
  readonly sessions = new Map<string, Known>();
  /** The sessions that are over for the AC, but whose hosts do not know that yet. */
  readonly orphans = new Set<Known>();
  /** The number of sessions that have survived a break. */
  resumed = 0;
  /** True if no hosts of different clients share an address, as on one Ethernet. */
  readonly #apart: boolean;

  constructor(server: MacMode, clients: MacMode[]) {
    this.#apart = server === "transparent";
    this.joined = new JoinedRelays({ server, clients, graceMs: 1000 });
  }

  client(index: number): RecordedRelay {
    return this.joined.clients[index % this.joined.clients.length];
  }

  seek(client: RecordedRelay, station: Uint8Array, uniq: Tag[]): void {
    const host = station.slice();
    if (this.#apart) host[4] = this.joined.clients.indexOf(client);
    this.#ask(client, host, padi(host, [SERVICE, ...uniq]));
  }

  take(which: number): void {
    if (this.offers.length === 0) return;
    const { client, frame } = this.offers[which % this.offers.length];
    const { destination: host } = parseDiscovery(frame)!;
    this.#ask(client, host, padr(frame));
  }

  /** Performs a complete dialogue. */
  dial(client: RecordedRelay, host: Uint8Array, ac: Uint8Array, id: number): void {
    this.seek(client, host, [hostUniq("h")]);
    this.offer(this.requests.length - 1, ac, []);
    this.take(this.offers.length - 1);
    const asked = this.requests.filter(({ frame }) => parseDiscovery(frame)!.code === CODE.PADR);
    this.grant(asked.length - 1, id);
  }

  #ask(client: RecordedRelay, host: Uint8Array, request: Uint8Array): void {
    for (const frame of this.joined.hostSends(request, client)) {
      this.requests.push({ frame, client, host });
    }
  }

  offer(which: number, ac: Uint8Array, tags: Tag[]): void {
    if (this.requests.length === 0) return;
    const { frame, client, host } = this.requests[which % this.requests.length];
    if (!this.joined.joined(client)) return;
    for (const offer of this.#answers(answer(frame, ac, "PADO", { tags }), client)) {
      const packet = parseDiscovery(offer)!;
      assertEquals([packet.code, packet.destination], [CODE.PADO, host]);
      this.offers.push({ client, frame: offer });
    }
  }

  grant(which: number, id: number): void {
    const asked = this.requests.filter(({ frame }) => parseDiscovery(frame)!.code === CODE.PADR);
    if (asked.length === 0) return;
    const { frame, client, host } = asked[which % asked.length];
    if (!this.joined.joined(client)) return;
    const { destination: ac, source: shown } = parseDiscovery(frame)!;
    const answers = this.#answers(answer(frame, ac, "PADS", { sessionId: id }), client, true);
    // A host that has hung up meanwhile no longer wants the session, so the client sends the AC a PADT.
    for (const padt of this.joined.server.takeLink()) {
      assertEquals(padt, discovery("PADT", shown, ac, [], id));
      const at = key(ac, shown, id);
      this.#over(this.sessions.get(at));
      this.sessions.delete(at);
    }
    for (const pads of answers) {
      const packet = parseDiscovery(pads)!;
      if (packet.code !== CODE.PADS) continue;
      assertEquals(packet.destination, host);
      if (id === 0) assertEquals(packet.sessionId, 0);
      else {
        const { source: linkShown, sessionId: linkId } = packet;
        const at = key(ac, shown, id);
        this.#over(this.sessions.get(at));
        const ended = false;
        this.sessions.set(at, { client, host, ac, shown, id, linkShown, linkId, ended });
      }
    }
  }

  // Returns the frames on the owner's link. Other clients' links must have none, except for an old owner of the id.
  #answers(frame: Uint8Array, owner: RecordedRelay, granting = false): Uint8Array[] {
    const seen = this.joined.acSends(frame, owner);
    for (const client of this.joined.clients) {
      if (client === owner) continue;
      for (const other of client.takeLink()) {
        assert(granting && parseDiscovery(other)!.code === CODE.PADT, "another client's frame");
      }
    }
    return seen;
  }

  // Notes that a session has ended at the AC. The host learns of it at once if possible.
  #over(session: Known | undefined): void {
    if (session === undefined || session.ended || this.joined.joined(session.client)) return;
    this.orphans.add(session);
  }

  /** Breaks a client's tunnel, which one side or both notice. */
  break(client: RecordedRelay, ...sides: ("server" | "client")[]): void {
    this.joined.break(client, ...sides);
  }

  /** Gives a client a new tunnel, which may replace an existing one. */
  rejoin(client: RecordedRelay): void {
    if (!this.joined.joined(client)) this.resumed += client.sessions.length;
    this.joined.rejoin(client);
    this.joined.settle();
    const hosts: Uint8Array[] = [];
    for (const orphan of this.orphans) {
      if (orphan.client !== client) continue;
      const { linkShown, host, linkId } = orphan;
      hosts.push(discovery("PADT", linkShown, host, [], linkId));
      this.orphans.delete(orphan);
    }
    const acs: Uint8Array[] = [];
    for (const [at, { client: owner, ended, shown, ac, id }] of this.sessions) {
      if (owner !== client || !ended) continue;
      acs.push(discovery("PADT", shown, ac, [], id));
      this.sessions.delete(at);
    }
    assertEquals(client.takeLink().map(String).sort(), hosts.map(String).sort());
    assertEquals(this.joined.server.takeLink().map(String).sort(), acs.map(String).sort());
  }

  #pick(which: number) {
    const all = [...this.sessions.values()];
    return all.length === 0 ? undefined : all[which % all.length];
  }

  fromAc(which: number): void {
    const session = this.#pick(which);
    if (session === undefined) return;
    const { ac, shown, id, client, host, linkShown, linkId } = session;
    const arrived = this.joined.acData(data(ac, shown, id));
    if (!this.joined.joined(client)) return assertEquals(arrived, undefined);
    assert(arrived !== undefined, "the owner's frame is lost");
    assertStrictEquals(arrived.client, client);
    assertEquals(arrived.frame, data(linkShown, host, linkId));
  }

  fromHost(which: number): void {
    const session = this.#pick(which);
    if (session === undefined) return;
    const { ac, shown, id, client, host, linkShown, linkId } = session;
    assertEquals(
      this.joined.hostData(data(host, linkShown, linkId), client),
      this.joined.joined(client) ? data(shown, ac, id) : undefined,
    );
    for (const other of this.joined.clients) {
      if (other === client) continue;
      // The same frame behind another client belongs to that client or to nobody.
      const seen = this.joined.hostData(data(host, linkShown, linkId), other);
      const at = seen && this.sessions.get(
        key(
          seen.subarray(...ETHERNET.destination),
          seen.subarray(...ETHERNET.source),
          parseSession(seen)!.sessionId,
        ),
      );
      assert(at === undefined || at.client === other, "a frame got into another's session");
    }
  }

  endByAc(which: number): void {
    const session = this.#pick(which);
    if (session === undefined) return;
    const { ac, shown, id, client, host, linkShown, linkId } = session;
    assertEquals(
      this.#answers(discovery("PADT", ac, shown, [], id), client),
      this.joined.joined(client) ? [discovery("PADT", linkShown, host, [], linkId)] : [],
    );
    this.#over(session);
    this.sessions.delete(key(ac, shown, id));
  }

  endByHost(which: number): void {
    const session = this.#pick(which);
    if (session === undefined) return;
    const { ac, shown, id, client, host, linkShown, linkId } = session;
    const joined = this.joined.joined(client);
    assertEquals(
      this.joined.hostSends(discovery("PADT", host, linkShown, [], linkId), client),
      joined ? [discovery("PADT", shown, ac, [], id)] : [],
    );
    if (joined) this.sessions.delete(key(ac, shown, id));
    else session.ended = true;
  }

  check(): void {
    for (const relay of [this.joined.server, ...this.joined.clients]) assertConsistent(relay);
    const { server, clients } = this.joined;
    assertEquals(
      new Set(server.sessions.map((s) => key(s.nearMac, s.shownMac, s.tunnelId))),
      new Set(this.sessions.keys()),
    );
    // Each session of the server is also one of its client, and the other way around, except for sessions
    // that have ended while the sides could not tell each other.
    const pairs = (session: Session, client: string) =>
      `${client} ${session.tunnelId} ${[session.nearMac, session.farMac].map(String).sort()}`;
    for (const [index, client] of clients.entries()) {
      if (!this.joined.joined(client)) continue;
      const name = `client ${index + 1}`;
      assertEquals(
        server.sessions.filter(({ peer }) => peer.name === name)
          .map((session) => pairs(session, name)).sort(),
        client.sessions.map((session) => pairs(session, name)).sort(),
      );
    }
    for (const { session } of server.closed) {
      assert(
        !server.sessions.includes(session) &&
          server.opened.some((opened) => sameMac(opened.nearMac, 0, session.nearMac, 0)),
      );
    }
  }
}

function key(ac: Uint8Array, shown: Uint8Array, id: number): string {
  return `${ac} ${shown} ${id}`;
}

const dial = fc.tuple(fc.nat(2), some(HOST, HOST_2), some(AC, AC_2), some(1, 2, 3))
  .map(([client, host, ac, id]) => (world: World) =>
    world.dial(world.client(client), host, ac, id)
  );

const step: fc.Arbitrary<(world: World) => void> = fc.oneof(
  { weight: 4, arbitrary: dial },
  fc.tuple(fc.nat(2), some(HOST, HOST_2), some([], [hostUniq()], [hostUniq("h")]))
    .map(([client, host, uniq]) => (world: World) => world.seek(world.client(client), host, uniq)),
  fc.tuple(fc.nat(), some(AC, AC_2), some([], [cookie("a")], [cookie("b")]))
    .map(([which, ac, tags]) => (world: World) => world.offer(which, ac, tags)),
  fc.nat().map((which) => (world: World) => world.take(which)),
  fc.tuple(fc.nat(), some(0, 1, 2, 3)).map(([which, id]) => (world: World) =>
    world.grant(which, id)
  ),
  fc.nat().map((which) => (world: World) => world.fromAc(which)),
  fc.nat().map((which) => (world: World) => world.fromHost(which)),
  fc.nat().map((which) => (world: World) => world.endByAc(which)),
  fc.nat().map((which) => (world: World) => world.endByHost(which)),
  fc.tuple(fc.nat(2), some([], ["server"], ["client"]))
    .map(([client, sides]) => (world: World) =>
      world.break(world.client(client), ...sides as ("server" | "client")[])
    ),
  fc.nat(2).map((client) => (world: World) => world.rejoin(world.client(client))),
);

Deno.test("Relay gives each session one owner, for any dialogues and breaks of several clients, hosts and ACs", () => {
  let granted = 0;
  let resumed = 0;
  fc.assert(
    fc.property(
      modes,
      fc.tuple(modes, modes, modes),
      fc.array(step, { maxLength: 120, size: "max" }),
      (server, clients, steps) => {
        const world = new World(server, clients);
        for (const step of steps) {
          step(world);
          world.check();
        }
        resumed += world.resumed;
        granted += world.joined.server.opened.length;
      },
    ),
    { numRuns: 400 },
  );
  // The test is meaningful only if the schedules open sessions.
  assert(granted > 1000, `${granted} sessions`);
  assert(resumed > 200, `${resumed} sessions that were held`);
});

Deno.test("Relay reports an opening before the PADS leaves, and a closing after the PADTs have left", () => {
  const seen: string[] = [];
  const ports: RelayPorts = {
    problemBegun() {},
    problemEnded() {},
    dialFailed() {},
    toLink: (frame) => seen.push(`link ${readSessionId(frame)} of ${relay.sessions.size}`),
    toTunnel: (_tunnel, frame) =>
      seen.push(
        `tunnel ${findTag(parseDiscovery(frame)!.tags, TAG.HOST_UNIQ) ? "with" : "without"}`,
      ),
    listToTunnel: () => true,
    drop: (reason) => seen.push(`drop ${reason}`),
    problem() {},
    opened: () => seen.push(`opened, of ${relay.sessions.size}`),
    closed: (_session, { cause }) => seen.push(`closed ${cause}, of ${relay.sessions.size}`),
    forgotten: () => {},
  };
  const relay = new Relay(
    { side: "client", mac: "own", linkMac: CLIENT_LINK, idleMs: 0, deadMs: 0, graceMs: 0 },
    ports,
  );
  relay.addTunnel(1, { key: undefined, name: "server" }, 0);
  relay.discoveryFromLink(padi(HOST, [hostUniq("h")]), 0);
  relay.discoveryFromTunnel(1, discovery("PADO", AC, HOST, [hostUniq("h")]), 0);
  relay.discoveryFromLink(discovery("PADR", HOST, CLIENT_LINK, [hostUniq("h")]), 0);
  relay.discoveryFromTunnel(1, discovery("PADS", AC, HOST, [hostUniq("h")], 3), 0);
  relay.closeAll("shutdown");
  assertEquals(seen, [
    "tunnel with",
    "link 0 of 0",
    "tunnel with",
    "opened, of 1",
    "link 3 of 1",
    "link 3 of 1",
    "tunnel without",
    "closed shutdown, of 0",
  ]);
});
