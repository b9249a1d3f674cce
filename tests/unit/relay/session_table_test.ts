// The sessions, found from either side.

import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import {
  isSessionId,
  type Session,
  type SessionKey,
  SessionTable,
} from "../../../src/relay/session_table.ts";
import { Remote } from "../../../src/relay/remote.ts";
import { AC, AC_2, CLIENT_LINK, data, HOST, HOST_2, mac } from "../../support/relays.ts";

/** The programs at the far ends of tunnels 1 and 2. */
const REMOTES = [1, 2].map((tunnel) => {
  const remote = new Remote(undefined, "far", 0);
  remote.tunnel = tunnel;
  return remote;
});

function key(over: Partial<SessionKey> = {}): SessionKey {
  return {
    remote: REMOTES[0],
    peerMac: HOST,
    farMac: AC,
    facingMac: CLIENT_LINK,
    tunnelId: 7,
    linkId: 7,
    ...over,
  };
}

/** Whether every way to a session leads to it. */
function assertFound(table: SessionTable, session: Session): void {
  const { remote, tunnel, peerMac, farMac, facingMac, tunnelId, linkId } = session;
  assertStrictEquals(table.atLink(linkId, peerMac, facingMac), session);
  assertStrictEquals(table.atRemote(remote, tunnelId, farMac, peerMac), session);
  assertStrictEquals(table.findByLink(data(peerMac, facingMac, linkId), 0), session);
  assertStrictEquals(table.findByTunnel(tunnel, data(farMac, peerMac, tunnelId), 0), session);
}

function assertLost(table: SessionTable, session: Session): void {
  const { remote, tunnel, peerMac, farMac, facingMac, tunnelId, linkId } = session;
  assertEquals(table.atLink(linkId, peerMac, facingMac), undefined);
  assertEquals(table.atRemote(remote, tunnelId, farMac, peerMac), undefined);
  assertEquals(table.findByLink(data(peerMac, facingMac, linkId), 0), undefined);
  assertEquals(table.findByTunnel(tunnel, data(farMac, peerMac, tunnelId), 0), undefined);
}

// All with the id 7 on one side at least, so that they share a chain.
const SHARED = [
  key(),
  key({ peerMac: HOST_2 }),
  key({ farMac: AC_2, linkId: 8 }),
  key({ remote: REMOTES[1], peerMac: mac(0x13) }),
  key({ tunnelId: 8, peerMac: mac(0x14) }),
  key({ facingMac: mac(0xc1), farMac: mac(0xa3) }),
];

Deno.test("SessionTable tells sessions of one id apart by addresses and remote, closed in any order", () => {
  const order = fc.shuffledSubarray(SHARED.map((_, index) => index), { minLength: SHARED.length });
  fc.assert(
    fc.property(order, (order) => {
      const table = new SessionTable();
      const sessions = SHARED.map((each) => table.open(each, 0));
      assertEquals(table.size, sessions.length);
      const gone = new Set<Session>();
      for (const index of order) {
        assert(table.close(sessions[index]));
        assertFalse(table.close(sessions[index]));
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
    remote: fc.constantFrom(...REMOTES),
    peer: few(1, 2, 3),
    far: few(4, 5),
    tunnelId: few(1, 2, 0xfffe),
    linkId: few(1, 2, 0xfffe),
    close: fc.option(fc.nat(), { freq: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new SessionTable();
      const open: Session[] = [];
      for (const { remote, peer, far, tunnelId, linkId, close } of steps) {
        if (close !== null) {
          if (open.length === 0) continue;
          const [session] = open.splice(close % open.length, 1);
          assert(table.close(session));
          assertLost(table, session);
        } else {
          const added = key({ remote, peerMac: mac(peer), farMac: mac(far), tunnelId, linkId });
          if (
            table.atLink(linkId, added.peerMac, added.facingMac) !== undefined ||
            table.atRemote(remote, tunnelId, added.farMac, added.peerMac) !== undefined
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
  const session = table.open(key({ peerMac: frame.subarray(6, 12) }), 3);
  frame.fill(0xee);
  assertEquals(session.peerMac, HOST);
  assertEquals([session.openedMs, session.linkMs, session.tunnelMs], [3, 3, 3]);
});

Deno.test("SessionTable.freeLinkId() gives the id that is wanted when the addresses do not use it", () => {
  const table = new SessionTable();
  table.open(key({ peerMac: HOST_2 }), 0);
  table.open(key({ facingMac: AC_2 }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 7);
});

Deno.test("SessionTable.freeLinkId() counts down from the top when the wanted id is taken", () => {
  const table = new SessionTable();
  table.open(key({ linkId: 7 }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0xfffe);
  table.open(key({ linkId: 0xfffe }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0xfffd);
  assertEquals(table.freeLinkId(0xfffe, HOST, CLIENT_LINK), 0xfffd);
});

Deno.test("SessionTable.freeLinkId() finds the last free id, whichever that is", () => {
  const table = new SessionTable();
  for (let id = 1; id < 0xffff; id++) table.open(key({ tunnelId: id, linkId: id }), 0);
  assertEquals(table.freeLinkId(7, HOST, CLIENT_LINK), 0);
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
