// Session ids that rest after the end of their sessions.

import { assertEquals } from "@std/assert";
import { Peer, Session } from "../../../src/relay/mod.ts";
import { REST_MS, RESTING_IDS, RestingIds } from "../../../src/relay/discovery/resting_ids.ts";
import { AC, AC_2, CLIENT_LINK, HOST, HOST_2, mac } from "../../support/relays.ts";

const PEER = new Peer("a", "a", 0);
const OTHER = new Peer("b", "b", 0);

function key(over: Partial<ConstructorParameters<typeof Session>[1]> = {}) {
  const key = { peer: PEER, nearMac: HOST, farMac: AC, shownMac: CLIENT_LINK };
  return { ...key, tunnelId: 7, linkId: 7, ...over };
}

function resting(over = {}): RestingIds {
  const ids = new RestingIds();
  ids.add(new Session(1, key(over), 0), 100);
  return ids;
}

Deno.test("RestingIds vetoes an id for another AC, another peer, and another session of the AC", () => {
  const ids = resting({ linkId: 0xfffe });
  assertEquals(ids.keeps(0xfffe, key({ farMac: AC_2 }), 100), true);
  assertEquals(ids.keeps(0xfffe, key({ peer: OTHER }), 100), true);
  assertEquals(ids.keeps(0xfffe, key({ tunnelId: 8 }), 100), true);
});

Deno.test("RestingIds allows the id for a session that the AC knows by the same id", () => {
  assertEquals(resting({ linkId: 0xfffe }).keeps(0xfffe, key(), 100), false);
});

Deno.test("RestingIds vetoes no other id, and not the id for another host or shown address", () => {
  const other = { farMac: AC_2 };
  assertEquals(resting().keeps(7, key({ ...other, nearMac: HOST_2 }), 100), false);
  assertEquals(resting().keeps(7, key({ ...other, shownMac: mac(9) }), 100), false);
  assertEquals(resting().keeps(8, key(other), 100), false);
});

Deno.test("RestingIds vetoes an id for a limited time, then forgets it", () => {
  const ids = resting();
  const other = key({ farMac: AC_2 });
  assertEquals(ids.keeps(7, other, 100 + REST_MS - 1), true);
  assertEquals(ids.keeps(7, other, 100 + REST_MS), false);
  ids.expire(100 + REST_MS - 1);
  assertEquals(ids.size, 1);
  ids.expire(100 + REST_MS);
  assertEquals(ids.size, 0);
});

Deno.test("RestingIds restarts the rest when the id was used again", () => {
  const ids = resting();
  ids.add(new Session(2, key({ farMac: AC_2 }), 0), 200);
  assertEquals(ids.size, 1);
  assertEquals(ids.keeps(7, key({ farMac: AC_2 }), 200), false);
  assertEquals(ids.keeps(7, key(), 100 + REST_MS), true);
  ids.expire(100 + REST_MS);
  assertEquals(ids.size, 1);
});

Deno.test("RestingIds is bounded, and forgets the oldest first", () => {
  const ids = new RestingIds();
  for (let n = 0; n <= RESTING_IDS; n++) {
    const nearMac = Uint8Array.of(2, 0, 0, 0, n >>> 8, n);
    ids.add(new Session(n, key({ nearMac }), 0), 0);
  }
  assertEquals(ids.size, RESTING_IDS);
  const keeps = (n: number) => {
    const nearMac = Uint8Array.of(2, 0, 0, 0, n >>> 8, n);
    return ids.keeps(7, key({ nearMac, farMac: AC_2 }), 0);
  };
  assertEquals([keeps(0), keeps(1), keeps(RESTING_IDS)], [false, true, true]);
});
