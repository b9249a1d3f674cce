// Frames without an owner, each of which is dropped with a reason.

import { assert, assertEquals } from "@std/assert";
import { causeTag, DROP, DROP_REASONS, type DropReason } from "../../../src/relay/mod.ts";
import type { Side } from "../../../src/side.ts";
import { DISCOVERY_FRAME_MAX } from "../../../src/relay/discovery/check.ts";
import { ETH_BROADCAST, ETHERNET, PPPOE, TAG } from "../../../src/wire/mod.ts";
import {
  AC,
  AC_2,
  answer,
  CLIENT_LINK,
  data,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  JoinedRelays,
  mac,
  padi,
  padr,
  RecordedRelay,
  SERVER_LINK,
  SERVICE,
  token,
} from "../../support/relays.ts";

const UNIQ = hostUniq("h");
const MULTICAST = Uint8Array.of(3, 0, 0, 0, 0, 1);
const ZERO = new Uint8Array(6);

/** Returns a frame with some bytes overwritten. */
function changed(frame: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(values, at);
  return copy;
}

const etherType = (frame: Uint8Array) => changed(frame, ETHERNET.etherType[0], 0x08, 0x00);
const version = (frame: Uint8Array) => changed(frame, PPPOE.verType[0], 0x21);
const code = (frame: Uint8Array, value: number) => changed(frame, PPPOE.code[0], value);
const withId = (frame: Uint8Array) => changed(frame, PPPOE.sessionId[0], 0, 1);
const large = (bytes: number) => ({ type: TAG.VENDOR_SPECIFIC, value: new Uint8Array(bytes) });

/** Returns relays with a discovery under way, and session 7 of HOST with AC at both sides. */
function underWay(): JoinedRelays {
  const joined = new JoinedRelays({ clients: ["own", "own"] });
  joined.client.relay.addTunnel(2, { key: "another server", name: "another server" }, 0);
  joined.dial({ sessionId: 7, uniq: [UNIQ] });
  joined.hostSends(padi(HOST_2, [SERVICE, UNIQ]));
  for (const relay of [joined.server, ...joined.clients]) relay.takeTunnel();
  return joined;
}

/** Tunnel 1 is the one of HOST and HOST_2, whose tokens are 1 and 2; tunnel 2 belongs to another client. */
type Case = [
  what: string,
  side: Side,
  from: "link" | number,
  frame: Uint8Array,
  reason: DropReason,
];

const DISCOVERY: Case[] = [
  // The header and the tags.
  ["an empty frame", "client", "link", new Uint8Array(0), "not-pppoe"],
  ["another EtherType", "client", "link", etherType(padi(HOST)), "not-pppoe"],
  ["another EtherType", "client", 1, etherType(discovery("PADO", AC, HOST, [UNIQ])), "not-pppoe"],
  ["another EtherType", "server", 1, etherType(padi(HOST)), "not-pppoe"],
  ["a session frame", "server", 1, data(HOST, AC, 7), "not-pppoe"],
  ["a short frame", "server", 1, padi(HOST).subarray(0, 19), "malformed"],
  ["another version", "server", 1, version(padi(HOST)), "malformed"],
  ["a PPPoE length beyond the end", "server", 1, padi(HOST).subarray(0, 23), "malformed"],
  [
    "a tag beyond the end",
    "server",
    1,
    changed(padi(HOST, [SERVICE]), PPPOE.payload + 3, 1),
    "malformed",
  ],
  ["an unknown code", "server", 1, code(padi(HOST), 0x42), "malformed"],
  ["code 0", "client", "link", code(padi(HOST), 0), "malformed"],
  ["a PADI with a session id", "client", "link", withId(padi(HOST)), "malformed"],
  [
    "a PADO with a session id",
    "server",
    "link",
    withId(discovery("PADO", AC, SERVER_LINK, [token(2)])),
    "malformed",
  ],
  [
    "a PADR with a session id",
    "server",
    1,
    withId(discovery("PADR", HOST, AC, [UNIQ])),
    "malformed",
  ],
  [
    "a frame over Ethernet's length",
    "server",
    1,
    padi(HOST, [large(DISCOVERY_FRAME_MAX - 20 - 4 + 1)]),
    "frame-too-large",
  ],
  // Frames that only the other kind of station sends.
  ["a PADO", "client", "link", discovery("PADO", AC, HOST, [UNIQ]), "wrong-direction"],
  ["a PADS", "client", "link", discovery("PADS", AC, HOST, [UNIQ], 1), "wrong-direction"],
  ["a PADM", "client", "link", discovery("PADM", HOST, CLIENT_LINK, [], 7), "wrong-direction"],
  ["a PADI", "client", 1, padi(HOST), "wrong-direction"],
  ["a PADR", "client", 1, discovery("PADR", HOST, AC, [UNIQ]), "wrong-direction"],
  ["a PADO", "server", 1, discovery("PADO", AC, HOST, [UNIQ]), "wrong-direction"],
  ["a PADS", "server", 1, discovery("PADS", AC, HOST, [UNIQ], 1), "wrong-direction"],
  ["a PADN", "server", 1, discovery("PADN", HOST, AC, [], 7), "wrong-direction"],
  ["a PADI", "server", "link", padi(AC), "wrong-direction"],
  ["a PADR", "server", "link", discovery("PADR", AC_2, AC, [UNIQ]), "wrong-direction"],
  // Addresses.
  ["a multicast source", "client", "link", padi(MULTICAST), "bad-address"],
  ["a zero source", "server", 1, padi(ZERO), "bad-address"],
  [
    "a multicast source",
    "server",
    "link",
    discovery("PADO", MULTICAST, SERVER_LINK, [token(2)]),
    "bad-address",
  ],
  ["a PADI to one station", "client", "link", discovery("PADI", HOST, AC), "bad-address"],
  ["a PADI to one station", "server", 1, discovery("PADI", HOST, AC), "bad-address"],
  ["a PADI to a group", "server", 1, discovery("PADI", HOST, MULTICAST), "bad-address"],
  [
    "a PADR to all",
    "client",
    "link",
    discovery("PADR", HOST, ETH_BROADCAST, [UNIQ]),
    "bad-address",
  ],
  ["a PADT to all", "client", "link", discovery("PADT", HOST, ETH_BROADCAST, [], 7), "bad-address"],
  [
    "a PADO to another address than the PADI had",
    "server",
    "link",
    discovery("PADO", AC, mac(9), [token(2)]),
    "bad-address",
  ],
  // Answers to nothing.
  [
    "a PADO with an unknown token",
    "server",
    "link",
    discovery("PADO", AC, SERVER_LINK, [token(3)]),
    "unknown-host-uniq",
  ],
  [
    "a PADO with the host's own Host-Uniq",
    "server",
    "link",
    discovery("PADO", AC, SERVER_LINK, [UNIQ]),
    "unknown-host-uniq",
  ],
  [
    "a PADO without a Host-Uniq",
    "server",
    "link",
    discovery("PADO", AC, SERVER_LINK, [SERVICE]),
    "unknown-host-uniq",
  ],
  [
    "a PADO through a tunnel that is gone",
    "client",
    3,
    discovery("PADO", AC, HOST, [UNIQ]),
    "no-tunnel",
  ],
  [
    "a PADS without a PADR",
    "server",
    "link",
    discovery("PADS", AC, SERVER_LINK, [token(2)], 8),
    "unknown-host-uniq",
  ],
  [
    "a refusal without a PADR",
    "server",
    "link",
    discovery("PADS", AC, SERVER_LINK, [token(2)], 0),
    "unknown-host-uniq",
  ],
  [
    "a PADO with an unknown Host-Uniq",
    "client",
    1,
    discovery("PADO", AC, HOST, [hostUniq("?")]),
    "unknown-host-uniq",
  ],
  [
    "a PADO to a host that has not asked",
    "client",
    1,
    discovery("PADO", AC, mac(9), [UNIQ]),
    "unknown-host-uniq",
  ],
  [
    "a PADO through another tunnel than the PADI took",
    "client",
    2,
    discovery("PADO", AC, HOST, [UNIQ]),
    "unknown-host-uniq",
  ],
  [
    "a PADS with the reserved id",
    "client",
    1,
    discovery("PADS", AC, HOST, [UNIQ], 0xffff),
    "malformed",
  ],
  // Requests to nobody.
  [
    "a PADR without an offer",
    "client",
    "link",
    discovery("PADR", HOST_2, CLIENT_LINK, [UNIQ]),
    "unknown-offer",
  ],
  [
    "a PADR without a PADI",
    "client",
    "link",
    discovery("PADR", mac(9), CLIENT_LINK, [UNIQ]),
    "unknown-offer",
  ],
  ["a PADR without an offer", "server", 1, discovery("PADR", HOST_2, AC, [UNIQ]), "unknown-offer"],
  ["a PADR to another AC", "server", 1, discovery("PADR", HOST, AC_2, [UNIQ]), "unknown-offer"],
  ["a PADR of another client", "server", 2, discovery("PADR", HOST, AC, [UNIQ]), "unknown-offer"],
  [
    "a PADR to another station of the link",
    "client",
    "link",
    discovery("PADR", HOST, mac(9), [UNIQ]),
    "unknown-offer",
  ],
  // Sessions.
  [
    "a PADT with an unknown id",
    "client",
    "link",
    discovery("PADT", HOST, CLIENT_LINK, [], 8),
    "unknown-session",
  ],
  ["a PADT with id 0", "client", "link", discovery("PADT", HOST, mac(9)), "unknown-session"],
  ["a PADT with id 0", "server", 1, discovery("PADT", HOST, AC_2), "unknown-session"],
  ["a PADT with id 0", "server", "link", discovery("PADT", AC, SERVER_LINK), "unknown-session"],
  [
    "a PADT of another station",
    "server",
    "link",
    discovery("PADT", AC_2, SERVER_LINK, [], 7),
    "unknown-session",
  ],
  [
    "a PADT through another tunnel",
    "server",
    2,
    discovery("PADT", HOST, AC, [], 7),
    "unknown-session",
  ],
  ["a PADG with an unknown id", "client", 1, discovery("PADG", AC, HOST, [], 8), "unknown-session"],
];

for (const [what, side, from, frame, reason] of DISCOVERY) {
  const where = from === "link" ? "link" : `tunnel ${from}`;
  Deno.test(`Relay drops ${what} from the ${side}'s ${where}: ${reason}`, () => {
    const joined = underWay();
    const dropping = side === "server" ? joined.server : joined.client;
    const { relay, sessions } = dropping;
    if (from === "link") relay.discoveryFromLink(frame.slice(), 0);
    else relay.discoveryFromTunnel(from, frame.slice(), 0);
    assertEquals(dropping.drops, [reason]);
    assertEquals(dropping.dropsFrom, [from === "link" ? "link" : "tunnel"]);
    assertEquals([dropping.link, dropping.tunnel], [[], []]);
    assertEquals([dropping.sessions, dropping.closed], [sessions, []]);
  });
}

Deno.test("Relay drops a PADS without a PADR from the client's tunnel, and closes its session at the AC", () => {
  const { client } = underWay();
  client.relay.discoveryFromTunnel(1, discovery("PADS", AC, HOST_2, [UNIQ], 8), 0);
  assertEquals(client.drops, ["unknown-host-uniq"]);
  assertEquals(client.link, []);
  const padt = discovery("PADT", HOST_2, AC, [causeTag("unclaimed")], 8);
  assertEquals(client.tunnel, [{ tunnel: 1, frame: padt }]);
});

const SESSION: Case[] = [
  ["an empty frame", "client", "link", new Uint8Array(0), "not-pppoe"],
  ["a discovery frame", "client", "link", padi(HOST), "not-pppoe"],
  ["a discovery frame", "server", 1, discovery("PADT", HOST, AC, [], 7), "not-pppoe"],
  ["another EtherType", "server", 1, etherType(data(HOST, AC, 7)), "not-pppoe"],
  [
    "another code",
    "client",
    "link",
    code(data(HOST, CLIENT_LINK, 7), 0xa7),
    "malformed",
  ],
  ["another code", "server", 1, code(data(HOST, AC, 7), 0x09), "malformed"],
  ["an unknown id", "client", "link", data(HOST, CLIENT_LINK, 8), "unknown-session"],
  ["id 0", "client", "link", data(HOST, CLIENT_LINK, 0), "unknown-session"],
  ["id 0xffff", "server", "link", data(AC, SERVER_LINK, 0xffff), "unknown-session"],
  ["another source", "client", "link", data(HOST_2, CLIENT_LINK, 7), "unknown-session"],
  ["another destination", "client", "link", data(HOST, AC, 7), "unknown-session"],
  ["another source", "server", "link", data(AC_2, SERVER_LINK, 7), "unknown-session"],
  ["another destination", "server", "link", data(AC, HOST, 7), "unknown-session"],
  ["another source", "server", 1, data(HOST_2, AC, 7), "unknown-session"],
  ["another destination", "server", 1, data(HOST, AC_2, 7), "unknown-session"],
  ["another client's session", "server", 2, data(HOST, AC, 7), "unknown-session"],
  ["an unknown id", "client", 1, data(AC, HOST, 8), "unknown-session"],
  ["the direction of the other side", "client", 1, data(HOST, AC, 7), "unknown-session"],
];

for (const [what, side, from, frame, reason] of SESSION) {
  const where = from === "link" ? "link" : `tunnel ${from}`;
  Deno.test(`Relay drops a session frame with ${what} from the ${side}'s ${where}: ${reason}`, () => {
    const { server, client } = underWay();
    const { relay } = side === "server" ? server : client;
    const copy = frame.slice();
    const result = from === "link"
      ? relay.sessionFromLink(copy, 0, 0)
      : relay.sessionFromTunnel(from, copy, 0, 0);
    assertEquals(result, DROP[reason]);
    assertEquals(copy, frame);
  });
}

Deno.test("Relay accepts a discovery frame with Ethernet's full length", () => {
  const server = new RecordedRelay({ side: "server" });
  server.relay.addTunnel(1, { key: undefined, name: "client" }, 0);
  const uniq = hostUniq("12345678");
  const room = DISCOVERY_FRAME_MAX - padi(HOST, [uniq, large(0)]).length;
  const frame = padi(HOST, [uniq, large(room)]);
  assertEquals(frame.length, DISCOVERY_FRAME_MAX);
  server.relay.discoveryFromTunnel(1, frame, 0);
  assertEquals(server.link.map(({ length }) => length), [DISCOVERY_FRAME_MAX]);
});

Deno.test("Relay does not change its state when it drops a frame: the discovery under way continues", () => {
  const joined = underWay();
  for (const [, side, from, frame] of DISCOVERY) {
    const { relay } = side === "server" ? joined.server : joined.client;
    if (from === "link") relay.discoveryFromLink(frame.slice(), 0);
    else relay.discoveryFromTunnel(from, frame.slice(), 0);
  }
  joined.settle();
  const sought = padi(SERVER_LINK, [SERVICE, token(2)]);
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 8 })), [
    discovery("PADS", CLIENT_LINK, HOST_2, [SERVICE, UNIQ], 8),
  ]);
  assertEquals(joined.hostData(data(HOST, CLIENT_LINK, 7)), data(SERVER_LINK, AC, 7));
});

Deno.test("DROP has the index of each reason, once", () => {
  assertEquals(Object.keys(DROP), [...DROP_REASONS]);
  assertEquals(Object.values(DROP), DROP_REASONS.map((_, index) => index));
  for (const reason of DROP_REASONS) assert(/^[a-z-]+$/.test(reason));
});
