// The owner of each frame, from PADI to PADT, and the bytes on each link.

import { assert, assertEquals } from "@std/assert";
import { causeTag, DROP, type MacMode } from "../../../src/relay/mod.ts";
import { TAG, type Tag } from "../../../src/wire/mod.ts";
import {
  AC,
  answer,
  bytes,
  CLIENT_LINK,
  cookie,
  data,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  JoinedRelays,
  mac,
  MODES,
  padi,
  padr,
  RecordedRelay,
  SERVER_LINK,
  SERVICE,
  shownMacOfAc,
  shownMacOfHost,
  token,
} from "../../support/relays.ts";

const AC_NAME: Tag = { type: TAG.AC_NAME, value: bytes("bras1") };
const UNIQ = hostUniq(1, 2);

/** Returns the address by which the AC knows the host, and the one by which the host knows the AC. */
function shownMacs({ server, client }: { server: MacMode; client: MacMode }) {
  return { shownHost: shownMacOfHost(server, HOST), shownAc: shownMacOfAc(client, AC) };
}

for (const mode of MODES) {
  for (const ending of ["host", "AC"] as const) {
    Deno.test(`Relay carries a session, server ${mode.server}, client ${mode.client}, until the ${ending} ends it`, () => {
      const { shownHost, shownAc } = shownMacs(mode);
      const joined = new JoinedRelays({ server: mode.server, clients: [mode.client] });
      const { client, server } = joined;

      assertEquals(joined.hostSends(padi(HOST, [SERVICE, UNIQ])), [
        padi(shownHost, [SERVICE, token(1)]),
      ]);
      assertEquals(
        joined.acSends(discovery("PADO", AC, shownHost, [AC_NAME, token(1), cookie("c")])),
        [discovery("PADO", shownAc, HOST, [AC_NAME, UNIQ, cookie("c")])],
      );
      assertEquals(
        joined.hostSends(discovery("PADR", HOST, shownAc, [SERVICE, cookie("c"), UNIQ])),
        [discovery("PADR", shownHost, AC, [SERVICE, cookie("c"), token(1)])],
      );
      assertEquals([server.sessions.length, client.sessions.length], [0, 0]);
      assertEquals(joined.acSends(discovery("PADS", AC, shownHost, [SERVICE, token(1)], 7)), [
        discovery("PADS", shownAc, HOST, [SERVICE, UNIQ], 7),
      ]);
      assertEquals([server.opened, client.opened], [server.sessions, client.sessions]);

      assertEquals(joined.hostData(data(HOST, shownAc, 7, "up")), data(shownHost, AC, 7, "up"));
      assertEquals(
        joined.acData(data(AC, shownHost, 7, "down"))?.frame,
        data(shownAc, HOST, 7, "down"),
      );

      const error: Tag = { type: TAG.GENERIC_ERROR, value: bytes("bye") };
      if (ending === "host") {
        assertEquals(joined.hostSends(discovery("PADT", HOST, shownAc, [error], 7)), [
          discovery("PADT", shownHost, AC, [error], 7),
        ]);
      } else {
        assertEquals(joined.acSends(discovery("PADT", AC, shownHost, [error], 7)), [
          discovery("PADT", shownAc, HOST, [error], 7),
        ]);
      }
      for (const side of [server, client]) {
        assertEquals(side.closed, [{
          session: side.opened[0],
          end: { cause: ending === "host" ? "host-padt" : "ac-padt" },
        }]);
        assertEquals(side.sessions, []);
        assertEquals(side.drops, []);
      }
      assertEquals(joined.hostData(data(HOST, shownAc, 7)), undefined);
      assertEquals(joined.acData(data(AC, shownHost, 7)), undefined);
    });
  }
}

function hex(frame: Uint8Array): string {
  return [...frame].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("Relay writes the bytes that RFC 2516 defines", () => {
  const joined = new JoinedRelays();
  const [padiOut] = joined.hostSends(padi(HOST, [SERVICE, hostUniq(0xab)]));
  assertEquals(
    hex(padiOut),
    "ffffffffffff020000000050886311090000" + "0010" + "01010000" + "01030008746f6b656e000001",
  );
  const [padoOut] = joined.acSends(answer(padiOut, AC, "PADO"));
  assertEquals(
    hex(padoOut),
    "0200000000110200000000c0886311070000" + "0009" + "01010000" + "01030001ab",
  );
  const [padrOut] = joined.hostSends(padr(padoOut));
  const [padsOut] = joined.acSends(answer(padrOut, AC, "PADS", { sessionId: 0x1234 }));
  assertEquals(
    hex(padsOut),
    "0200000000110200000000c0886311651234" + "0009" + "01010000" + "01030001ab",
  );
  assertEquals(
    hex(joined.hostData(data(HOST, CLIENT_LINK, 0x1234, "A"))!),
    "0200000000a1020000000050886411001234" + "0003" + "002141",
  );
  joined.server.relay.closeAll("shutdown");
  joined.settle();
  assertEquals(
    joined.server.takeLink().map(hex),
    ["0200000000a10200000000508863" + "11a71234" + "0000"],
  );
  assertEquals(
    joined.client.takeLink().map(hex),
    ["0200000000110200000000c0886311a71234" + "0000"],
  );
});

Deno.test("Relay opens each side's session with the addresses of that side", () => {
  const joined = new JoinedRelays();
  joined.nowMs = 5;
  joined.dial({ sessionId: 9 });
  const view = (
    { tunnel, nearMac, farMac, shownMac, tunnelId, linkId, openedMs }:
      typeof joined.client.opened[0],
  ) => ({ tunnel, nearMac, farMac, shownMac, tunnelId, linkId, openedMs });
  assertEquals(joined.server.opened.map(view), [{
    tunnel: 1,
    nearMac: AC,
    farMac: HOST,
    shownMac: SERVER_LINK,
    tunnelId: 9,
    linkId: 9,
    openedMs: 5,
  }]);
  assertEquals(joined.client.opened.map(view), [{
    tunnel: 1,
    nearMac: HOST,
    farMac: AC,
    shownMac: CLIENT_LINK,
    tunnelId: 9,
    linkId: 9,
    openedMs: 5,
  }]);
});

Deno.test("Relay finds a session frame anywhere in a buffer, and touches only its addresses", () => {
  const joined = new JoinedRelays();
  joined.dial({ sessionId: 9 });
  const frame = data(HOST, CLIENT_LINK, 9);
  const buffer = new Uint8Array(frame.length + 20).fill(0xee);
  buffer.set(frame, 10);
  assertEquals(joined.client.relay.sessionFromLink(buffer, 10, 0), joined.client.sessions[0]);
  const expected = new Uint8Array(buffer.length).fill(0xee);
  expected.set(data(HOST, AC, 9), 10);
  assertEquals(buffer, expected);
});

for (const code of ["PADG", "PADC", "PADQ"] as const) {
  Deno.test(`Relay carries ${code} within a session in both directions`, () => {
    const joined = new JoinedRelays();
    joined.dial({ sessionId: 9 });
    const tags = [{ type: TAG.SEQUENCE_NUMBER, value: bytes(0, 1) }];
    assertEquals(joined.hostSends(discovery(code, HOST, CLIENT_LINK, tags, 9)), [
      discovery(code, SERVER_LINK, AC, tags, 9),
    ]);
    assertEquals(joined.acSends(discovery(code, AC, SERVER_LINK, tags, 9)), [
      discovery(code, CLIENT_LINK, HOST, tags, 9),
    ]);
    assertEquals([joined.server.sessions.length, joined.client.sessions.length], [1, 1]);
  });
}

Deno.test("Relay removes Host-Uniq from a frame within a session, because it differs between the links", () => {
  for (const mode of MODES) {
    const { shownHost, shownAc } = shownMacs(mode);
    const joined = new JoinedRelays({ server: mode.server, clients: [mode.client] });
    joined.dial({ sessionId: 9 });
    const error: Tag = { type: TAG.GENERIC_ERROR, value: bytes("bye") };
    assertEquals(joined.acSends(discovery("PADQ", AC, shownHost, [token(1), error, SERVICE], 9)), [
      discovery("PADQ", shownAc, HOST, [error, SERVICE], 9),
    ]);
    assertEquals(joined.hostSends(discovery("PADT", HOST, shownAc, [error, hostUniq("h")], 9)), [
      discovery("PADT", shownHost, AC, [error], 9),
    ]);
    assertEquals([joined.server.sessions, joined.client.sessions], [[], []]);
  }
});

for (const code of ["PADM", "PADN"] as const) {
  Deno.test(`Relay carries ${code} within a session only from the AC`, () => {
    const joined = new JoinedRelays();
    joined.dial({ sessionId: 9 });
    const tags = [{ type: TAG.HURL, value: bytes("http://192.0.2.1/") }];
    assertEquals(joined.acSends(discovery(code, AC, SERVER_LINK, tags, 9)), [
      discovery(code, CLIENT_LINK, HOST, tags, 9),
    ]);
    assertEquals(joined.hostSends(discovery(code, HOST, CLIENT_LINK, tags, 9)), []);
    assertEquals(joined.client.drops, ["wrong-direction"]);
  });
}

Deno.test("Relay gives each of two clients with the same host and Host-Uniq only its own answers", () => {
  const joined = new JoinedRelays({ clients: ["own", "own"] });
  const [first, second] = joined.clients;
  const request = padi(HOST, [SERVICE, UNIQ]);
  const [one] = joined.hostSends(request, first);
  const [two] = joined.hostSends(request, second);

  const [offer] = joined.acSends(answer(one, AC, "PADO"), first);
  assertEquals(second.takeLink(), []);
  const [offer2] = joined.acSends(answer(two, AC, "PADO"), second);
  assertEquals(first.takeLink(), []);

  const [asked] = joined.hostSends(padr(offer), first);
  const [asked2] = joined.hostSends(padr(offer2), second);
  assertEquals(joined.acSends(answer(asked2, AC, "PADS", { sessionId: 2 }), second).length, 1);
  assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 1 }), first).length, 1);
  assertEquals([first.link, second.link], [[], []]);

  assert(joined.acData(data(AC, SERVER_LINK, 1))?.client === first);
  assert(joined.acData(data(AC, SERVER_LINK, 2))?.client === second);

  assertEquals(joined.acSends(discovery("PADT", AC, SERVER_LINK, [], 1), first).length, 1);
  assertEquals([first.sessions.length, second.sessions.length], [0, 1]);
  assertEquals(second.link, []);
});

Deno.test("Relay lets no client send in another client's session, or end it", () => {
  const joined = new JoinedRelays({ clients: ["own", "own"] });
  const [first] = joined.clients;
  joined.dial({ client: first, sessionId: 1 });
  const up = data(HOST, AC, 1);
  assertEquals(
    joined.server.relay.sessionFromTunnel(2, up.slice(), 0, 0),
    DROP["unknown-session"],
  );
  joined.server.relay.discoveryFromTunnel(2, discovery("PADT", HOST, AC, [], 1), 0);
  assertEquals(joined.server.takeLink(), []);
  assertEquals(joined.server.drops, ["unknown-session"]);
  assertEquals(joined.server.relay.sessionFromTunnel(1, up, 0, 0), joined.server.sessions[0]);
});

Deno.test("Relay distinguishes two hosts of one client to which the AC gives the same id in turn", () => {
  const joined = new JoinedRelays({ server: "transparent" });
  joined.dial({ host: HOST, sessionId: 1 });
  joined.dial({ host: HOST_2, sessionId: 1 });
  assertEquals(joined.server.closed, []);
  assertEquals(joined.acData(data(AC, HOST, 1))?.frame, data(CLIENT_LINK, HOST, 1));
  assertEquals(joined.acData(data(AC, HOST_2, 1))?.frame, data(CLIENT_LINK, HOST_2, 1));
  assertEquals(joined.hostData(data(HOST_2, CLIENT_LINK, 1)), data(HOST_2, AC, 1));
});

Deno.test("Relay.removeTunnel() sends the link a PADT for each session, and forgets the tunnel's discoveries", () => {
  const joined = new JoinedRelays({ clients: ["own", "own"] });
  const { server, clients: [first, second] } = joined;
  joined.dial({ client: first, sessionId: 1 });
  joined.dial({ client: second, sessionId: 2 });
  joined.dial({ client: first, host: HOST_2, sessionId: 3 });
  const [sought] = joined.hostSends(padi(HOST, [hostUniq("late")]), first);
  server.takeTunnel();

  server.relay.removeTunnel(1, "tunnel-lost", 0);
  assertEquals(server.takeLink(), [
    discovery("PADT", SERVER_LINK, AC, [], 1),
    discovery("PADT", SERVER_LINK, AC, [], 3),
  ]);
  assertEquals(server.takeTunnel(), []);
  assertEquals(server.closed.map(({ session, end }) => [session.tunnelId, end.cause]), [
    [1, "tunnel-lost"],
    [3, "tunnel-lost"],
  ]);
  assertEquals(server.sessions.map((session) => session.tunnelId), [2]);
  assertEquals([...server.relay.peersByTunnel.keys()], [2]);

  server.relay.discoveryFromLink(answer(sought, AC, "PADO"), 0);
  assertEquals(server.takeDrops(), ["unknown-host-uniq"]);
  assertEquals(server.takeTunnel(), []);
});

Deno.test("Relay.removeTunnel() at the client ends its hosts' sessions and offers", () => {
  const joined = new JoinedRelays();
  joined.dial({ sessionId: 1 });
  const [sought] = joined.hostSends(padi(HOST_2));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const { client } = joined;
  client.takeTunnel();
  client.relay.removeTunnel(1, "tunnel-lost", 0);
  assertEquals(client.takeLink(), [discovery("PADT", CLIENT_LINK, HOST, [], 1)]);
  client.relay.addTunnel(2, { key: undefined, name: "server" }, 0);
  client.relay.discoveryFromLink(padr(offer), 0);
  assertEquals(client.drops, ["unknown-offer"]);
  assertEquals(client.takeTunnel(), []);
});

Deno.test("Relay.closeAll() sends a PADT to both stations of each session", () => {
  const joined = new JoinedRelays();
  joined.dial({ host: HOST, sessionId: 1 });
  joined.dial({ host: HOST_2, sessionId: 2 });
  joined.client.takeTunnel();
  joined.client.relay.closeAll("shutdown");
  assertEquals(joined.client.takeLink(), [
    discovery("PADT", CLIENT_LINK, HOST, [], 1),
    discovery("PADT", CLIENT_LINK, HOST_2, [], 2),
  ]);
  assertEquals(joined.client.takeTunnel().map(({ frame }) => frame), [
    discovery("PADT", HOST, AC, [causeTag("shutdown")], 1),
    discovery("PADT", HOST_2, AC, [causeTag("shutdown")], 2),
  ]);
  joined.settle();
  assertEquals(joined.server.takeLink(), [
    discovery("PADT", SERVER_LINK, AC, [], 1),
    discovery("PADT", SERVER_LINK, AC, [], 2),
  ]);
  assertEquals([joined.client.sessions, joined.server.sessions], [[], []]);
  assertEquals(joined.client.causes, ["shutdown", "shutdown"]);
  joined.client.relay.closeAll("shutdown");
  assertEquals(joined.client.closed.length, 2);
});

Deno.test("Relay.setLinkMac() ends the sessions of the old address with PADTs from that address, with --mac own", () => {
  const joined = new JoinedRelays();
  joined.dial({ sessionId: 1 });
  joined.server.relay.setLinkMac(mac(0x51));
  joined.settle();
  assertEquals(joined.server.takeLink(), [discovery("PADT", SERVER_LINK, AC, [], 1)]);
  assertEquals(joined.client.takeLink(), [discovery("PADT", CLIENT_LINK, HOST, [], 1)]);
  assertEquals([joined.server.sessions, joined.client.sessions], [[], []]);

  const { asked } = joined.dial({ sessionId: 2 });
  assertEquals(asked, discovery("PADR", mac(0x51), AC, [SERVICE, token(1)]));
  assertEquals(joined.acData(data(AC, mac(0x51), 2))?.frame, data(CLIENT_LINK, HOST, 2));
});

Deno.test("Relay.setLinkMac() changes nothing if the address is the same, or with --mac transparent", () => {
  const joined = new JoinedRelays({ clients: ["transparent"] });
  joined.dial({ sessionId: 1 });
  joined.server.relay.setLinkMac(SERVER_LINK.slice());
  joined.client.relay.setLinkMac(mac(0xc1));
  joined.settle();
  assertEquals([joined.server.link, joined.client.link], [[], []]);
  assertEquals([joined.server.sessions.length, joined.client.sessions.length], [1, 1]);
});

Deno.test("Relay copies the link's address", () => {
  const address = SERVER_LINK.slice();
  const server = new RecordedRelay({ side: "server", linkMac: address });
  server.relay.addTunnel(1, { key: undefined, name: "client" }, 0);
  address.fill(0xee);
  server.relay.discoveryFromTunnel(1, padi(HOST, []), 0);
  assertEquals(server.takeLink(), [padi(SERVER_LINK, [token(1)])]);

  const changed = mac(0x51);
  server.relay.setLinkMac(changed);
  changed.fill(0xee);
  server.relay.discoveryFromTunnel(1, padi(HOST, []), 0);
  assertEquals(server.takeLink(), [padi(mac(0x51), [token(1)])]);
});

Deno.test("Relay.close() sends nothing into a tunnel that is gone", () => {
  const joined = new JoinedRelays();
  joined.dial({ sessionId: 1 });
  const { client } = joined;
  const [session] = client.sessions;
  client.takeTunnel();
  client.relay.removeTunnel(1, "tunnel-lost", 0);
  client.relay.close(session, "shutdown", { link: false, tunnel: true });
  assertEquals(client.takeTunnel(), []);
  assertEquals(client.closed.length, 1);
});
