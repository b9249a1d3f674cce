// The bounded records for frames that belong to no discovery.

import { assertEquals } from "@std/assert";
import { HangUpRate } from "../../../src/relay/discovery/hang_up_rate.ts";
import { KNOWN_AC_MS, KNOWN_ACS, KnownAcs } from "../../../src/relay/discovery/known_acs.ts";
import { Peer } from "../../../src/relay/peer.ts";
import { AC, CLIENT_LINK, HOST } from "../../support/relays.ts";

const station = (n: number) => Uint8Array.of(2, 1, 0, 0, n >> 8, n);

Deno.test("KnownAcs forgets the least recently heard AC when there are too many", () => {
  const acs = new KnownAcs();
  for (let n = 0; n < KNOWN_ACS; n++) acs.heard(station(n), CLIENT_LINK, n);
  acs.heard(station(0), CLIENT_LINK, KNOWN_ACS);
  acs.heard(AC, CLIENT_LINK, KNOWN_ACS + 1);
  assertEquals([0, 1, 2].map((n) => acs.has(station(n), KNOWN_ACS + 1)), [true, false, true]);
  assertEquals(acs.shownAs(CLIENT_LINK, KNOWN_ACS + 1).length, KNOWN_ACS);
  assertEquals(acs.shownAs(CLIENT_LINK, KNOWN_ACS + 1).slice(0, 2), [AC, station(0)]);
});

Deno.test("KnownAcs remembers an AC for an hour after it was heard", () => {
  const acs = new KnownAcs();
  acs.heard(AC, CLIENT_LINK, 5);
  assertEquals([acs.has(AC, KNOWN_AC_MS + 4), acs.has(AC, KNOWN_AC_MS + 5)], [true, false]);
  assertEquals(acs.shownAs(CLIENT_LINK, KNOWN_AC_MS + 5), []);
});

Deno.test("HangUpRate limits all hosts of one client together", () => {
  const rate = new HangUpRate();
  const peer = new Peer("key", "osaka", 0);
  const allowed = (nowMs: number) =>
    Array.from({ length: 100 }, (_, n) => rate.allows(peer, station(n), AC, nowMs))
      .filter((allowed) => allowed).length;
  assertEquals([allowed(0), allowed(0), allowed(5000)], [20, 0, 5]);
  const another = new Peer("another", "tokyo", 0);
  another.address = "192.0.2.1";
  assertEquals(rate.allows(another, HOST, AC, 5000), true);
});
