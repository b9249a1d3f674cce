// Discovery at the server: Host-Uniq in both directions, and the sessions that a PADS may open.

import { assertEquals, assertNotEquals } from "@std/assert";
import { Relay } from "../../../src/relay/mod.ts";
import { findTag, parseDiscovery, TAG, type Tag } from "../../../src/wire/mod.ts";
import {
  AC,
  AC_2,
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
  padi,
  padr,
  RecordedRelay,
  SERVER_LINK,
  SERVICE,
  shownMacOfHost,
  tagsOf,
  token,
} from "../../support/relays.ts";

const VENDOR: Tag = {
  type: TAG.VENDOR_SPECIFIC,
  value: bytes(0, 0, 0x0d, 0xe9, 1, 4, "eth1"),
};
const RELAY: Tag = { type: TAG.RELAY_SESSION_ID, value: bytes("dslam-7") };
const MAX_PAYLOAD: Tag = { type: TAG.PPP_MAX_PAYLOAD, value: bytes(0x05, 0xdc) };
const UNKNOWN: Tag = { type: 0x7777, value: bytes(1, 2, 3) };

for (
  const [what, length] of [["empty", 0], ["one byte", 1], ["four bytes", 4], ["200 bytes", 200]]
) {
  Deno.test(`ServerDiscovery restores a Host-Uniq of ${what}`, () => {
    const uniq: Tag = {
      type: TAG.HOST_UNIQ,
      value: new Uint8Array(length as number).map((_, i) => 255 - i),
    };
    const joined = new JoinedRelays();
    const { asked, pads } = joined.dial({ uniq: [uniq] });
    assertEquals(tagsOf(asked), [SERVICE, token(1)]);
    assertEquals(tagsOf(pads), [SERVICE, uniq]);
  });
}

Deno.test("ServerDiscovery restores the absence of a Host-Uniq", () => {
  const joined = new JoinedRelays();
  const { asked, pads } = joined.dial({ uniq: [] });
  assertEquals(tagsOf(asked), [SERVICE, token(1)]);
  assertEquals(tagsOf(pads), [SERVICE]);
});

Deno.test("ServerDiscovery accepts the answers for each host only at its own address, with --mac per-host", () => {
  const joined = new JoinedRelays({ server: "per-host", clients: ["own", "own"] });
  const [first, second] = joined.clients;
  const all = [[first, 1, HOST], [first, 1, HOST_2], [second, 2, HOST]] as const;
  for (const [client, n, host] of all) {
    const [sought] = joined.hostSends(padi(host, [SERVICE, hostUniq("h")]), client);
    const shown = shownMacOfHost("per-host", host, n);
    assertEquals(parseDiscovery(sought)!.source, shown);
    // An answer to another host's address or to the link's is not for this host.
    for (const wrong of [SERVER_LINK, host, shownMacOfHost("per-host", host, 3)]) {
      const tags = tagsOf(sought);
      assertEquals(joined.acSends(discovery("PADO", AC, wrong, tags), client), []);
    }
    assertEquals(joined.server.takeDrops(), new Array(3).fill("bad-address"));
    const [offer] = joined.acSends(answer(sought, AC, "PADO"), client);
    const [asked] = joined.hostSends(padr(offer), client);
    assertEquals(parseDiscovery(asked)!.source, shown);
    // The AC assigns the same id three times.
    const [pads] = joined.acSends(answer(asked, AC, "PADS", { sessionId: 7 }), client);
    assertEquals(parseDiscovery(pads)!.destination, host);
  }
  assertEquals(joined.server.closed, []);
  assertEquals(joined.server.sessions.length, 3);
});

Deno.test("ServerDiscovery distinguishes an absent Host-Uniq from an empty one", () => {
  const joined = new JoinedRelays();
  const [absent] = joined.hostSends(padi(HOST, [SERVICE]));
  const [empty] = joined.hostSends(padi(HOST, [SERVICE, hostUniq()]));
  assertEquals([tagsOf(absent), tagsOf(empty)], [[SERVICE, token(1)], [SERVICE, token(2)]]);
  assertEquals(joined.acSends(answer(absent, AC, "PADO")).map(tagsOf), [[SERVICE]]);
  assertEquals(joined.acSends(answer(empty, AC, "PADO")).map(tagsOf), [[SERVICE, hostUniq()]]);
});

Deno.test("ServerDiscovery replaces Host-Uniq in place, and leaves all other tags unchanged", () => {
  const joined = new JoinedRelays();
  const uniq = hostUniq("h");
  const around = (host: Tag) => [VENDOR, SERVICE, host, RELAY, MAX_PAYLOAD, UNKNOWN, VENDOR];
  const [out] = joined.hostSends(padi(HOST, around(uniq)));
  assertEquals(tagsOf(out), around(token(1)));
  const [back] = joined.acSends(discovery("PADO", AC, SERVER_LINK, around(token(1))));
  assertEquals(tagsOf(back), around(uniq));
});

Deno.test("ServerDiscovery removes a Host-Uniq that it has added, at any place", () => {
  const joined = new JoinedRelays();
  joined.hostSends(padi(HOST, [VENDOR]));
  const [back] = joined.acSends(
    discovery("PADO", AC, SERVER_LINK, [token(1), VENDOR, SERVICE, cookie("c")]),
  );
  assertEquals(tagsOf(back), [VENDOR, SERVICE, cookie("c")]);
});

Deno.test("ServerDiscovery uses one token for a whole discovery, including repeats", () => {
  const joined = new JoinedRelays();
  const request = padi(HOST, [hostUniq("h")]);
  const [first] = joined.hostSends(request);
  const [again] = joined.hostSends(request);
  assertEquals(again, first);
  const [offer] = joined.acSends(answer(first, AC, "PADO"));
  assertEquals(joined.acSends(answer(again, AC, "PADO")), [offer]);
  const [asked] = joined.hostSends(padr(offer));
  assertEquals(joined.hostSends(padr(offer)), [asked]);
  assertEquals(findTag(tagsOf(asked), TAG.HOST_UNIQ), token(1));
});

Deno.test("ServerDiscovery makes a different token of 12 bytes for each discovery by default", () => {
  const frames: Uint8Array[] = [];
  const relay = new Relay(
    { side: "server", mac: "own", linkMac: SERVER_LINK, idleMs: 0, deadMs: 0, graceMs: 0 },
    {
      problemBegun() {},
      problemEnded() {},
      dialFailed() {},
      toLink: (frame) => frames.push(frame.slice()),
      toTunnel() {},
      listToTunnel: () => true,
      drop() {},
      problem() {},
      opened() {},
      closed() {},
      forgotten() {},
    },
  );
  relay.addTunnel(1, { key: undefined, name: "client" }, 0);
  relay.discoveryFromTunnel(1, padi(HOST, []), 0);
  relay.discoveryFromTunnel(1, padi(HOST_2, []), 0);
  const [one, two] = frames.map((frame) => findTag(tagsOf(frame), TAG.HOST_UNIQ)!.value);
  assertEquals([one.length, two.length], [12, 12]);
  assertNotEquals(one, two);
});

Deno.test("ServerDiscovery drops a PADR without a PADI", () => {
  const server = new RecordedRelay({ side: "server" });
  server.relay.addTunnel(1, { key: undefined, name: "client" }, 0);
  server.relay.discoveryFromTunnel(1, discovery("PADR", HOST, AC, [SERVICE, hostUniq("h")]), 0);
  assertEquals([server.link, server.drops], [[], ["unknown-offer"]]);
});

Deno.test("ServerDiscovery opens one session for a PADS and its repeats", () => {
  const joined = new JoinedRelays();
  const { asked, pads } = joined.dial({ sessionId: 7 });
  for (let i = 0; i < 3; i++) {
    assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 7 })), [pads]);
  }
  for (const { opened, closed, sessions } of [joined.server, joined.client]) {
    assertEquals([opened, closed], [sessions, []]);
    assertEquals(sessions.length, 1);
  }
});

Deno.test("ServerDiscovery forwards a repeated PADI and PADR while the session is open", () => {
  const joined = new JoinedRelays();
  const { asked } = joined.dial({ sessionId: 7 });
  assertEquals(joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")])).length, 1);
  assertEquals(joined.hostSends(padr(discovery("PADO", CLIENT_LINK, HOST, [hostUniq("h")]))), [
    asked,
  ]);
  assertEquals([joined.server.closed, joined.client.closed], [[], []]);
  assertEquals(joined.hostData(data(HOST, CLIENT_LINK, 7)), data(SERVER_LINK, AC, 7));
});

Deno.test("ServerDiscovery forwards a refusal to the host, and opens no session", () => {
  for (
    const type of [TAG.SERVICE_NAME_ERROR, TAG.AC_SYSTEM_ERROR, TAG.GENERIC_ERROR]
  ) {
    const joined = new JoinedRelays();
    const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
    const [offer] = joined.acSends(answer(sought, AC, "PADO"));
    const [asked] = joined.hostSends(padr(offer));
    const error: Tag = { type, value: bytes("no more sessions") };
    assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 0, tags: [error] })), [
      discovery("PADS", CLIENT_LINK, HOST, [SERVICE, hostUniq("h"), error], 0),
    ]);
    assertEquals([joined.server.opened, joined.client.opened], [[], []]);
    // The host may ask again at once, and get a session.
    assertEquals(joined.hostSends(padr(offer)), [asked]);
    assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 5 })).length, 1);
    assertEquals(joined.client.sessions.map((session) => session.linkId), [5]);
  }
});

Deno.test("ServerDiscovery drops a PADS with the reserved id 0xffff", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 0xffff })), []);
  assertEquals(joined.server.drops, ["malformed"]);
  assertEquals(joined.server.opened, []);
  assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 0xfffe })).length, 1);
  assertEquals(joined.server.opened.length, 1);
});

Deno.test("ServerDiscovery sends the old host one PADT when its id is given to a host of another client", () => {
  const joined = new JoinedRelays({ clients: ["own", "own"] });
  const { server, clients: [first, second] } = joined;
  joined.dial({ client: first, sessionId: 7 });
  const { asked, pads } = joined.dial({ client: second, sessionId: 7 });
  assertEquals(first.takeLink(), [discovery("PADT", CLIENT_LINK, HOST, [], 7)]);
  assertEquals(server.closed, [
    { session: server.opened[0], end: { cause: "id-reused" } },
  ]);
  assertEquals(first.closed, [{
    session: first.opened[0],
    end: { cause: "id-reused", byPeer: true },
  }]);
  assertEquals(server.sessions.map((session) => session.tunnel), [2]);
  // For the AC the new session is valid, so it gets no frame.
  assertEquals(server.link, []);

  assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 7 }), second), [pads]);
  assertEquals(first.link, []);
  assertEquals(server.closed.length, 1);
  assertEquals(joined.acData(data(AC, SERVER_LINK, 7))?.client, second);
});

Deno.test("ServerDiscovery sends the old host a PADT when its id is given to another host of the same client", () => {
  const joined = new JoinedRelays();
  joined.dial({ host: HOST, sessionId: 7 });
  const [sought] = joined.hostSends(padi(HOST_2));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  assertEquals(joined.acSends(answer(asked, AC, "PADS", { sessionId: 7 })), [
    discovery("PADT", CLIENT_LINK, HOST, [], 7),
    discovery("PADS", CLIENT_LINK, HOST_2, [SERVICE], 7),
  ]);
  assertEquals(joined.client.sessions.map(({ nearMac }) => nearMac), [HOST_2]);
  assertEquals(joined.acData(data(AC, SERVER_LINK, 7))?.frame, data(CLIENT_LINK, HOST_2, 7));
});

Deno.test("ServerDiscovery sends no PADT to a host that dialled again and got its old id", () => {
  const joined = new JoinedRelays();
  joined.dial({ sessionId: 7, uniq: [hostUniq("before")] });
  const { pads } = joined.dial({ sessionId: 7, uniq: [hostUniq("after")] });
  assertEquals(pads, discovery("PADS", CLIENT_LINK, HOST, [SERVICE, hostUniq("after")], 7));
  assertEquals(joined.client.link, []);
  for (const { opened, closed, sessions } of [joined.server, joined.client]) {
    assertEquals([opened.length, closed.length], [2, 1]);
    assertEquals(sessions, [opened[1]]);
  }
});

Deno.test("ServerDiscovery distinguishes the same id of two ACs", () => {
  const joined = new JoinedRelays({ clients: ["own", "own"] });
  const [first, second] = joined.clients;
  joined.dial({ client: first, ac: AC, sessionId: 7 });
  joined.dial({ client: second, ac: AC_2, sessionId: 7 });
  assertEquals(joined.server.closed, []);
  assertEquals(joined.acData(data(AC, SERVER_LINK, 7))?.client, first);
  assertEquals(joined.acData(data(AC_2, SERVER_LINK, 7))?.client, second);
});

Deno.test("ServerDiscovery keeps a discovery for 60 s after its last frame", () => {
  const joined = new JoinedRelays();
  const server = joined.server.relay;
  const [sought] = joined.hostSends(padi(HOST));
  joined.nowMs = 59_999;
  server.tick(joined.nowMs);
  assertEquals(joined.acSends(answer(sought, AC, "PADO")).length, 1);
  joined.nowMs = 119_998;
  server.tick(joined.nowMs);
  assertEquals(joined.acSends(answer(sought, AC, "PADO")).length, 1);
  joined.nowMs = 179_998;
  server.tick(joined.nowMs);
  assertEquals(joined.acSends(answer(sought, AC, "PADO")), []);
  assertEquals(joined.server.drops, ["unknown-host-uniq"]);
});

Deno.test("ServerDiscovery keeps the destination that the host used", () => {
  const joined = new JoinedRelays({ server: "transparent" });
  const [sought] = joined.hostSends(padi(HOST));
  const [offer] = joined.acSends(answer(sought, AC_2, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  const { source, destination } = parseDiscovery(asked)!;
  assertEquals([source, destination], [HOST, AC_2]);
});

Deno.test("ServerDiscovery ends a host's session when its AC gives the id to the same host at another address", () => {
  const joined = new JoinedRelays({ server: "per-host" });
  const { server, client } = joined;
  joined.dial({ sessionId: 7, uniq: [hostUniq("a")] });
  const [{ shownMac }] = server.sessions;
  // The host's address on the AC's link is made from the client's name.
  server.relay.peersByTunnel.get(1)!.name = "kyoto";
  joined.dial({ sessionId: 7, uniq: [hostUniq("b")] });
  assertEquals(server.causes, ["id-reused"]);
  assertEquals(client.causes, ["id-reused"]);
  // For the AC these are two sessions.
  assertEquals(server.link, [discovery("PADT", shownMac, AC, [], 7)]);
  assertEquals([server.sessions.length, client.sessions.length], [1, 1]);
  server.relay.audit();
});
