// PADTs as real stations send them, with any payload or without a session, and PADIs to one station.

import { assertEquals } from "@std/assert";
import { ETH_BROADCAST, parseDiscovery, PPPOE } from "../../../src/wire/mod.ts";
import {
  AC,
  AC_2,
  answer,
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
  SERVER_LINK,
  SERVICE,
  shownMacOfAc,
  shownMacOfHost,
} from "../../support/relays.ts";

/** Payloads of a PADT that are not a list of tags, with the PPPoE length. */
const PAYLOADS: [what: string, payload: number[], length: number][] = [
  ["a cut tag", [0x02, 0x03, 0x00, 0x08, 0x62, 0x79, 0x65], 7],
  ["text", [...new TextEncoder().encode("session timed out")], 17],
  ["two bytes", [0xde, 0xad], 2],
  ["one byte", [0], 1],
  ["a length beyond the frame", [], 200],
  ["a length beyond the frame, and text", [0x62, 0x79, 0x65], 0xffff],
  ["a tag after one that is cut", [1, 3, 0, 9, 1, 1, 0, 0], 8],
];

function withPayload(padt: Uint8Array, payload: number[], length: number): Uint8Array {
  const frame = Uint8Array.of(...padt.subarray(0, PPPOE.payload), ...payload);
  frame[PPPOE.length[0]] = length >> 8;
  frame[PPPOE.length[0] + 1] = length;
  return frame;
}

for (const mode of MAC_MODES) {
  for (const [what, payload, length] of PAYLOADS) {
    Deno.test(`Relay forwards a PADT with ${what} as an empty PADT, --mac ${mode}`, () => {
      for (const from of ["host", "ac"] as const) {
        const joined = new JoinedRelays({ server: mode, clients: [mode] });
        joined.dial({ sessionId: 7 });
        const [ac, host] = [shownMacOfAc(mode, AC), shownMacOfHost(mode, HOST)];
        if (from === "host") {
          const padt = discovery("PADT", HOST, ac, [], 7);
          assertEquals(joined.hostSends(withPayload(padt, payload, length)), [
            discovery("PADT", host, AC, [], 7),
          ]);
        } else {
          const padt = discovery("PADT", AC, host, [], 7);
          assertEquals(joined.acSends(withPayload(padt, payload, length)), [
            discovery("PADT", ac, HOST, [], 7),
          ]);
        }
        for (const { sessions, drops } of [joined.server, joined.client]) {
          assertEquals([sessions, drops], [[], []]);
        }
      }
    });
  }

  Deno.test(`Relay drops other frames with such payloads as malformed, --mac ${mode}`, () => {
    const joined = new JoinedRelays({ server: mode, clients: [mode] });
    for (const [, payload, length] of PAYLOADS) {
      assertEquals(joined.hostSends(withPayload(padi(HOST, []), payload, length)), []);
    }
    assertEquals(joined.client.drops, PAYLOADS.map(() => "malformed"));
  });

  Deno.test(`Relay forwards a PADT with session id 0 to an AC that has answered, at a low rate, --mac ${mode}`, () => {
    const joined = new JoinedRelays({ server: mode, clients: [mode] });
    const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
    joined.acSends(answer(sought, AC, "PADO"));
    const hangUp = discovery("PADT", HOST, shownMacOfAc(mode, AC), [], 0);
    const passed = discovery("PADT", shownMacOfHost(mode, HOST), AC, [], 0);
    // This is long after the discovery, and the AC has been silent since.
    joined.nowMs = 1800_000;
    for (const { relay } of [joined.server, joined.client]) relay.tick(joined.nowMs);
    const all = Array.from({ length: 10 }, () => joined.hostSends(hangUp));
    assertEquals(all, [[passed], [passed], [passed], [], [], [], [], [], [], []]);
    assertEquals(joined.client.drops, new Array(7).fill("padt-rate"));
    joined.nowMs += 10_000;
    assertEquals([joined.hostSends(hangUp), joined.hostSends(hangUp)], [[passed], []]);
    // Another host has its own rate.
    assertEquals(
      joined.hostSends(discovery("PADT", HOST_2, shownMacOfAc(mode, AC), [], 0)).length,
      1,
    );
  });

  Deno.test(`Relay forwards a PADT with session id 0 to nobody else, and none from an AC, --mac ${mode}`, () => {
    const joined = new JoinedRelays({ server: mode, clients: [mode] });
    const { pads } = joined.dial({ sessionId: 7 });
    const shown = parseDiscovery(pads)!.source;
    assertEquals(joined.hostSends(discovery("PADT", HOST, mac(9), [], 0)), []);
    assertEquals(joined.client.drops, ["unknown-session"]);
    joined.server.relay.discoveryFromTunnel(1, discovery("PADT", HOST, AC_2, [], 0), 0);
    assertEquals(joined.acSends(discovery("PADT", AC, shownMacOfHost(mode, HOST), [], 0)), []);
    assertEquals(joined.server.drops, ["unknown-session", "unknown-session"]);
    assertEquals(joined.server.link, []);
    assertEquals(
      joined.hostData(data(HOST, shown, 7)),
      data(shownMacOfHost(mode, HOST), AC, 7),
    );
  });

  Deno.test(`Relay treats a PADI to an address that it shows like a broadcast, --mac ${mode}`, () => {
    const joined = new JoinedRelays({ server: mode, clients: [mode] });
    const request = (destination: Uint8Array, uniq: string) =>
      discovery("PADI", HOST, destination, [SERVICE, hostUniq(uniq)]);
    const [sought] = joined.hostSends(request(ETH_BROADCAST, "a"));
    const [offer] = joined.acSends(answer(sought, AC, "PADO"));
    const { source: shown } = parseDiscovery(offer)!;
    // The same PADI again, and a new one, both to the source address of the offer.
    assertEquals(joined.hostSends(request(shown, "a")), [sought]);
    const [another] = joined.hostSends(request(shown, "b"));
    assertEquals(parseDiscovery(another)!.destination, ETH_BROADCAST);
    const [offer2] = joined.acSends(answer(another, AC, "PADO"));
    const [asked] = joined.hostSends(padr(offer2));
    assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 3 })).length, 1);
    assertEquals(joined.client.drops, []);
    // A frame for another station on the link is ignored.
    assertEquals(joined.hostSends(request(HOST_2, "c")), []);
    assertEquals(joined.client.drops, ["bad-address"]);
  });
}

Deno.test("Relay forwards a PADT with session id 0 to each AC behind one address, up to a few", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
  for (let i = 1; i <= 6; i++) joined.acSends(answer(sought, mac(i), "PADO"));
  const hangUp = discovery("PADT", HOST, shownMacOfAc("own", AC), [], 0);
  const passed = [6, 5, 4].map((i) => discovery("PADT", SERVER_LINK, mac(i), [], 0));
  const all = Array.from({ length: 4 }, () => joined.hostSends(hangUp));
  assertEquals(all, [passed, passed, passed, []]);
});
