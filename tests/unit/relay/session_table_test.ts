// The sessions, found from either side.

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { isSessionId, type Session, type SessionKey } from "../../../src/relay/session.ts";
import { SessionTable } from "../../../src/relay/session_table.ts";
import { Peer } from "../../../src/relay/peer.ts";
import { AC, AC_2, CLIENT_LINK, data, HOST, HOST_2, mac } from "../../support/relays.ts";

/** The programs at the far ends of tunnels 1 and 2. */
const REMOTES = [1, 2].map((tunnel) => {
  const peer = new Peer(undefined, "far", 0);
  peer.tunnel = tunnel;
  return peer;
});

function key(over: Partial<SessionKey> = {}): SessionKey {
  return {
    peer: REMOTES[0],
    nearMac: HOST,
    farMac: AC,
    shownMac: CLIENT_LINK,
    tunnelId: 7,
    linkId: 7,
    ...over,
  };
}

/** Whether every way to a session leads to it. */
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

// All with the id 7 on one side at least, so that they share a chain.
const SHARED = [
  key(),
  key({ nearMac: HOST_2 }),
  key({ farMac: AC_2, linkId: 8 }),
  key({ peer: REMOTES[1], nearMac: mac(0x13) }),
  key({ tunnelId: 8, nearMac: mac(0x14) }),
  key({ shownMac: mac(0xc1), farMac: mac(0xa3) }),
];

Deno.test("SessionTable tells sessions of one id apart by addresses and peer, closed in any order", () => {
  const order = fc.shuffledSubarray(SHARED.map((_, index) => index), { minLength: SHARED.length });
  fc.assert(
    fc.property(order, (order) => {
      const table = new SessionTable();
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
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("SessionTable agrees with a plain list over random openings and closings", () => {
  const few = (...values: number[]) => fc.constantFrom(...values);
  const step = fc.record({
    peer: fc.constantFrom(...REMOTES),
    near: few(1, 2, 3),
    far: few(4, 5),
    tunnelId: few(1, 2, 0xfffe),
    linkId: few(1, 2, 0xfffe),
    close: fc.option(fc.nat(), { freq: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new SessionTable();
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
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("SessionTable finds nothing in frames that end early", () => {
  const table = new SessionTable();
  table.open(key(), 0);
  const frame = data(HOST, CLIENT_LINK, 7);
  for (let length = 0; length < 18; length++) {
    assertEquals(table.findByLink(frame.subarray(0, length), 0), undefined);
  }
});

Deno.test("SessionTable.open() keeps the key, not the caller's buffers", () => {
  const table = new SessionTable();
  const frame = data(HOST, CLIENT_LINK, 7);
  const session = table.open(key({ nearMac: frame.subarray(6, 12) }), 3);
  frame.fill(0xee);
  assertEquals(session.nearMac, HOST);
  assertEquals([session.openedMs, session.linkMs, session.tunnelMs], [3, 3, 3]);
});

Deno.test("SessionTable.freeLinkId() gives the id that is wanted when the addresses do not use it", () => {
  const table = new SessionTable();
  table.open(key({ nearMac: HOST_2 }), 0);
  table.open(key({ shownMac: AC_2 }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 7);
});

Deno.test("SessionTable.freeLinkId() counts down from the top when the wanted id is taken", () => {
  const table = new SessionTable();
  table.open(key({ linkId: 7 }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0xfffe);
  table.open(key({ tunnelId: 8, linkId: 0xfffe }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0xfffd);
  assertEquals(table.freeLinkId(0xfffe, HOST, CLIENT_LINK), 0xfffd);
});

Deno.test("SessionTable.freeLinkId() finds the last free id, whichever that is", () => {
  const table = new SessionTable();
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

Deno.test("isSessionId() refuses the two ids that name no session", () => {
  assertEquals([0, 1, 0xfffe, 0xffff].map(isSessionId), [false, true, true, false]);
});
