// Finding sessions from either side.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvariantError } from "../../../src/assert.ts";
import { isSessionId, type Session, type SessionKey } from "../../../src/relay/session.ts";
import { SessionTable } from "../../../src/relay/session_table.ts";
import { Peer } from "../../../src/relay/peer.ts";
import { AC, AC_2, CLIENT_LINK, data, HOST, HOST_2, mac } from "../../support/relays.ts";

/** The peers of tunnels 1 and 2. */
const PEERS = [1, 2].map((tunnel) => {
  const peer = new Peer(undefined, "peer", 0);
  peer.tunnel = tunnel;
  return peer;
});

/** Makes an empty table, and peers without sessions. */
function newTable(): SessionTable {
  for (const { sessions } of PEERS) sessions.clear();
  return new SessionTable();
}

function key(over: Partial<SessionKey> = {}): SessionKey {
  return {
    peer: PEERS[0],
    nearMac: HOST,
    farMac: AC,
    shownMac: CLIENT_LINK,
    tunnelId: 7,
    linkId: 7,
    ...over,
  };
}

/** Asserts that every index finds a session. */
function assertFound(table: SessionTable, session: Session): void {
  const { peer, tunnel, nearMac, farMac, shownMac, tunnelId, linkId } = session;
  assertStrictEquals(table.atLink(linkId, nearMac, shownMac), session);
  assertStrictEquals(table.atPeer(peer, tunnelId, farMac, nearMac), session);
  assertStrictEquals(table.findByLink(data(nearMac, shownMac, linkId), 0), session);
  assertStrictEquals(table.findByTunnel(tunnel, data(farMac, nearMac, tunnelId), 0), session);
}

function assertLost(table: SessionTable, session: Session): void {
  const { peer, tunnel, nearMac, farMac, shownMac, tunnelId, linkId } = session;
  assertEquals(table.atLink(linkId, nearMac, shownMac), undefined);
  assertEquals(table.atPeer(peer, tunnelId, farMac, nearMac), undefined);
  assertEquals(table.findByLink(data(nearMac, shownMac, linkId), 0), undefined);
  assertEquals(table.findByTunnel(tunnel, data(farMac, nearMac, tunnelId), 0), undefined);
}

// All have the id 7 on at least one side, so that they share a chain.
const SHARED = [
  key(),
  key({ nearMac: HOST_2 }),
  key({ farMac: AC_2, linkId: 8 }),
  key({ peer: PEERS[1], nearMac: mac(0x13) }),
  key({ tunnelId: 8, nearMac: mac(0x14) }),
  key({ shownMac: mac(0xc1), farMac: mac(0xa3) }),
];

Deno.test("SessionTable distinguishes sessions with one id by addresses and peer, closed in any order", () => {
  const order = fc.shuffledSubarray(SHARED.map((_, index) => index), { minLength: SHARED.length });
  fc.assert(
    fc.property(order, (order) => {
      const table = newTable();
      const sessions = SHARED.map((each) => table.open(each, 0));
      assertEquals(table.size, sessions.length);
      const gone = new Set<Session>();
      for (const index of order) {
        table.close(sessions[index]);
        gone.add(sessions[index]);
        for (const session of sessions) {
          if (gone.has(session)) assertLost(table, session);
          else assertFound(table, session);
        }
        assertEquals(table.size, sessions.length - gone.size);
        table.audit();
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("SessionTable agrees with a plain list for random openings and closings", () => {
  const few = (...values: number[]) => fc.constantFrom(...values);
  const step = fc.record({
    peer: fc.constantFrom(...PEERS),
    near: few(1, 2, 3),
    far: few(4, 5),
    tunnelId: few(1, 2, 0xfffe),
    linkId: few(1, 2, 0xfffe),
    close: fc.option(fc.nat(), { freq: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = newTable();
      const open: Session[] = [];
      for (const { peer, near, far, tunnelId, linkId, close } of steps) {
        if (close !== null) {
          if (open.length === 0) continue;
          const [session] = open.splice(close % open.length, 1);
          table.close(session);
          assertLost(table, session);
        } else {
          const added = key({ peer, nearMac: mac(near), farMac: mac(far), tunnelId, linkId });
          if (
            table.atLink(linkId, added.nearMac, added.shownMac) !== undefined ||
            table.atPeer(peer, tunnelId, added.farMac, added.nearMac) !== undefined
          ) continue;
          open.push(table.open(added, 0));
        }
        assertEquals(new Set(table), new Set(open));
        for (const session of open) assertFound(table, session);
        table.audit();
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("SessionTable finds no session for truncated frames", () => {
  const table = newTable();
  table.open(key(), 0);
  const frame = data(HOST, CLIENT_LINK, 7);
  for (let length = 0; length < 18; length++) {
    assertEquals(table.findByLink(frame.subarray(0, length), 0), undefined);
  }
});

Deno.test("SessionTable.open() copies the key", () => {
  const table = newTable();
  const frame = data(HOST, CLIENT_LINK, 7);
  const session = table.open(key({ nearMac: frame.subarray(6, 12) }), 3);
  frame.fill(0xee);
  assertEquals(session.nearMac, HOST);
  assertEquals([session.openedMs, session.linkMs, session.tunnelMs], [3, 3, 3]);
});

Deno.test("SessionTable.open() throws if a station could not distinguish two sessions", () => {
  for (const other of [key({ farMac: AC_2, tunnelId: 8 }), key({ shownMac: mac(9), linkId: 8 })]) {
    const table = newTable();
    const session = table.open(key(), 0);
    assertThrows(() => table.open(other, 0), InvariantError, "the same addresses and id");
    assertEquals([...table], [session]);
    table.audit();
    table.close(session);
  }
});

Deno.test("SessionTable.close() throws if the session is not in the table", () => {
  const table = newTable();
  const session = table.open(key(), 0);
  table.close(session);
  assertThrows(() => table.close(session), InvariantError, "not in the table");
});

/** Faults of a table with two sessions that share ids. */
const FAULTS: [what: string, plant: (first: Session, second: Session) => void][] = [
  ["a session that its peer lacks", (first) => first.peer.sessions.delete(first)],
  ["a session that is closed", (first) => first.state = "closed"],
  ["a session that is held while its peer has a tunnel", (first) => first.state = "held"],
  ["a session that the link's index lacks", (_first, second) => second.nextByLink = undefined],
  ["a session that the tunnels' index lacks", (_first, second) => second.nextByTunnel = undefined],
];

for (const [what, plant] of FAULTS) {
  Deno.test(`SessionTable.audit() throws for ${what}`, () => {
    const peer = new Peer(undefined, "far", 0);
    peer.tunnel = 1;
    const table = newTable();
    const sessions = [key({ peer }), key({ peer, nearMac: HOST_2 })].map((key) =>
      table.open(key, 0)
    );
    table.audit();
    plant(sessions[0], sessions[1]);
    assertThrows(() => table.audit(), InvariantError);
  });
}

Deno.test("SessionTable.freeLinkId() returns the wanted id if the addresses do not use it", () => {
  const table = newTable();
  table.open(key({ nearMac: HOST_2 }), 0);
  table.open(key({ shownMac: AC_2 }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 7);
});

Deno.test("SessionTable.freeLinkId() counts down from the top if the wanted id is used", () => {
  const table = newTable();
  table.open(key({ linkId: 7 }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0xfffe);
  table.open(key({ tunnelId: 8, linkId: 0xfffe }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0xfffd);
  assertEquals(table.freeLinkId(0xfffe, HOST, CLIENT_LINK), 0xfffd);
});

Deno.test("SessionTable.freeLinkId() finds the last free id", () => {
  const table = newTable();
  for (let id = 1; id < 0xffff; id++) table.open(key({ tunnelId: id, linkId: id }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), undefined);
  for (const last of [1, 2, 7, 0x8000, 0xfffe]) {
    const session = table.atLink(last, HOST, CLIENT_LINK)!;
    table.close(session);
    for (const wanted of [1, 7, 0xfffe]) {
      assertEquals(table.freeLinkId(wanted, HOST, CLIENT_LINK), last);
    }
    table.open(key({ tunnelId: last, linkId: last }), 0);
  }
});

Deno.test("isSessionId() rejects the two ids that no session has", () => {
  assertEquals([0, 1, 0xfffe, 0xffff].map(isSessionId), [false, true, true, false]);
});
