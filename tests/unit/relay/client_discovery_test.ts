// Discovery at the client: several ACs behind one address, and session ids that would collide.

import { assertEquals } from "@std/assert";
import { OFFERS, OFFERS_BYTES } from "../../../src/relay/discovery/offers.ts";
import { findTag, parseDiscovery, readSessionId, TAG, type Tag } from "../../../src/wire/mod.ts";
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
  MAC_MODES,
  padi,
  padr,
  RecordedRelay,
  SERVER_LINK,
  SERVICE,
  tagsOf,
  token,
} from "../../support/relays.ts";

function cookieOf(frame: Uint8Array): Tag | undefined {
  return findTag(tagsOf(frame), TAG.AC_COOKIE);
}

/** Makes offers of two ACs, and lets the host accept each in turn. */
function twoOffers(joined: JoinedRelays, first: Tag[], second: Tag[]) {
  const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
  const [offer] = joined.acSends(answer(sought, AC, "PADO", { tags: first }));
  const [offer2] = joined.acSends(answer(sought, AC_2, "PADO", { tags: second }));
  return { sought, offer, offer2 };
}

const COOKIES: [what: string, first: Tag[], second: Tag[]][] = [
  ["with different cookies", [cookie("one")], [cookie("two")]],
  ["with the same cookie", [cookie("same")], [cookie("same")]],
  ["without cookies", [], []],
  ["the second without a cookie", [cookie("one")], []],
  ["the first without a cookie", [], [cookie("two")]],
  ["with empty cookies", [cookie("")], [cookie("")]],
  ["with an empty cookie and none", [cookie("")], []],
];

for (const [what, first, second] of COOKIES) {
  for (const mode of MAC_MODES) {
    Deno.test(`ClientDiscovery forwards a PADR to the chosen one of two ACs, ${what}, ${mode}`, () => {
      const joined = new JoinedRelays({ clients: [mode] });
      const { offer, offer2 } = twoOffers(joined, first, second);
      const [asked] = joined.hostSends(padr(offer));
      assertEquals(asked.subarray(0, 6), AC);
      assertEquals(cookieOf(asked), first[0]);
      const [asked2] = joined.hostSends(padr(offer2));
      assertEquals(asked2.subarray(0, 6), AC_2);
      assertEquals(cookieOf(asked2), second[0]);
    });
  }
}

Deno.test("ClientDiscovery shows a host each AC's own cookie if it is unambiguous", () => {
  const joined = new JoinedRelays();
  const { offer, offer2 } = twoOffers(joined, [cookie("one")], [cookie("two")]);
  assertEquals([cookieOf(offer), cookieOf(offer2)], [cookie("one"), cookie("two")]);
});

for (const mode of ["per-host", "transparent"] as const) {
  Deno.test(`ClientDiscovery changes no cookie with --mac ${mode}`, () => {
    const joined = new JoinedRelays({ clients: [mode] });
    const { offer, offer2 } = twoOffers(joined, [cookie("same")], [cookie("same")]);
    assertEquals([cookieOf(offer), cookieOf(offer2)], [cookie("same"), cookie("same")]);
  });
}

Deno.test("ClientDiscovery does not change a repeated offer", () => {
  const joined = new JoinedRelays();
  const { sought, offer, offer2 } = twoOffers(joined, [], []);
  assertEquals(joined.acSends(answer(sought, AC, "PADO")), [offer]);
  assertEquals(joined.acSends(answer(sought, AC_2, "PADO")), [offer2]);
});

Deno.test("ClientDiscovery accepts each cookie of an AC that changes it with every offer", () => {
  const joined = new JoinedRelays();
  const { sought, offer2 } = twoOffers(joined, [], []);
  for (const text of ["a", "b", "a", "c"]) {
    const [offer] = joined.acSends(answer(sought, AC, "PADO", { tags: [cookie(text)] }));
    const [asked] = joined.hostSends(padr(offer));
    assertEquals([asked.subarray(0, 6), cookieOf(asked)], [AC, cookie(text)]);
  }
  const [asked] = joined.hostSends(padr(offer2));
  assertEquals([asked.subarray(0, 6), cookieOf(asked)], [AC_2, undefined]);
});

Deno.test("ClientDiscovery keeps the offers of two hosts separate", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST));
  const [sought2] = joined.hostSends(padi(HOST_2));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [offer2] = joined.acSends(answer(sought2, AC_2, "PADO"));
  assertEquals(joined.hostSends(padr(offer))[0].subarray(0, 6), AC);
  assertEquals(joined.hostSends(padr(offer2))[0].subarray(0, 6), AC_2);
});

Deno.test("ClientDiscovery lets the only AC decide about a wrong cookie", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST));
  joined.acSends(answer(sought, AC, "PADO", { tags: [cookie("right")] }));
  const asked = joined.hostSends(
    discovery("PADR", HOST, CLIENT_LINK, [SERVICE, cookie("wrong")]),
  );
  assertEquals(asked.map((frame) => [frame.subarray(0, 6), cookieOf(frame)]), [
    [AC, cookie("wrong")],
  ]);
});

Deno.test("ClientDiscovery drops a PADR with a wrong cookie if two ACs are possible", () => {
  const joined = new JoinedRelays();
  twoOffers(joined, [cookie("one")], [cookie("two")]);
  assertEquals(
    joined.hostSends(discovery("PADR", HOST, CLIENT_LINK, [hostUniq("h"), cookie("wrong")])),
    [],
  );
  assertEquals(joined.client.drops, ["unknown-offer"]);
});

for (const mode of MAC_MODES) {
  for (const cookies of ["of their own", "alike", "absent"]) {
    Deno.test(`ClientDiscovery forwards a PADR to each of 128 ACs, and to none that it has forgotten, ${mode}, cookies ${cookies}`, () => {
      const joined = new JoinedRelays({ clients: [mode] });
      const [sought] = joined.hostSends(padi(HOST));
      const acs = Array.from({ length: OFFERS + 10 }, (_, i) => Uint8Array.of(2, 0, 0, 0, 1, i));
      const offers = acs.map((ac) => {
        const text = cookies === "alike" ? "same" : `${ac}`;
        const tags = cookies === "absent" ? [] : [cookie(text)];
        return joined.acSends(answer(sought, ac, "PADO", { tags }))[0];
      });
      offers.forEach((offer, i) => {
        const asked = joined.hostSends(padr(offer)).map((frame) => frame.subarray(0, 6));
        assertEquals(asked, i < 10 ? [] : [acs[i]]);
      });
      assertEquals(joined.client.drops, new Array(10).fill("unknown-offer"));
    });
  }
}

Deno.test("ClientDiscovery forgets offers whose cookies are too large", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST));
  const acs = Array.from({ length: 40 }, (_, i) => mac(i));
  const offers = acs.map((ac, i) => {
    const value = new Uint8Array(1300).fill(i);
    const tags = [{ type: TAG.AC_COOKIE, value }];
    return joined.acSends(answer(sought, ac, "PADO", { tags }))[0];
  });
  const kept = Math.floor(OFFERS_BYTES / 1300);
  offers.forEach((offer, i) => {
    assertEquals(joined.hostSends(padr(offer)).length, i < 40 - kept ? 0 : 1, `${i}`);
  });
});

Deno.test("ClientDiscovery forwards a PADI unchanged, and drops frames without a tunnel", () => {
  const client = new RecordedRelay({ side: "client" });
  const request = padi(HOST, [SERVICE, hostUniq("h")]);
  client.relay.discoveryFromLink(request.slice(), 0);
  assertEquals([client.drops, client.tunnel], [["no-tunnel"], []]);
  client.relay.addTunnel(4, { key: undefined, name: "server" }, 0);
  client.relay.discoveryFromLink(request.slice(), 0);
  assertEquals(client.tunnel, [{ tunnel: 4, frame: request }]);
});

Deno.test("ClientDiscovery forgets an offer 60 s after the discovery's last frame", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  joined.nowMs = 59_999;
  joined.client.relay.tick(joined.nowMs);
  assertEquals(joined.hostSends(padr(offer)).length, 1);
  joined.nowMs = 119_999;
  joined.client.relay.tick(joined.nowMs);
  assertEquals(joined.hostSends(padr(offer)), []);
  assertEquals(joined.client.drops, ["unknown-offer"]);
});

/** Returns a host with two sessions with the same id, at two ACs. */
function meeting() {
  const joined = new JoinedRelays();
  joined.dial({ ac: AC, sessionId: 7, uniq: [hostUniq("one")] });
  const { pads, asked } = joined.dial({ ac: AC_2, sessionId: 7, uniq: [hostUniq("two")] });
  return { joined, pads, asked, id: readSessionId(pads) };
}

Deno.test("ClientDiscovery translates an id that another AC has given the same host, only on the host's link", () => {
  const { joined, id } = meeting();
  assertEquals(id, 0xfffe);
  assertEquals(joined.client.sessions.map(({ tunnelId, linkId }) => [tunnelId, linkId]), [
    [7, 7],
    [7, id],
  ]);
  assertEquals(joined.server.sessions.map(({ tunnelId, linkId }) => [tunnelId, linkId]), [
    [7, 7],
    [7, 7],
  ]);
  assertEquals(joined.hostData(data(HOST, CLIENT_LINK, 7, "a")), data(SERVER_LINK, AC, 7, "a"));
  assertEquals(joined.hostData(data(HOST, CLIENT_LINK, id, "b")), data(SERVER_LINK, AC_2, 7, "b"));
  assertEquals(
    joined.acData(data(AC, SERVER_LINK, 7, "c"))?.frame,
    data(CLIENT_LINK, HOST, 7, "c"),
  );
  assertEquals(
    joined.acData(data(AC_2, SERVER_LINK, 7, "d"))?.frame,
    data(CLIENT_LINK, HOST, id, "d"),
  );
});

Deno.test("ClientDiscovery translates the id of a PADT from the host", () => {
  const { joined, id } = meeting();
  assertEquals(joined.hostSends(discovery("PADT", HOST, CLIENT_LINK, [], id)), [
    discovery("PADT", SERVER_LINK, AC_2, [], 7),
  ]);
  assertEquals(joined.client.sessions.map(({ farMac }) => farMac), [AC]);
  assertEquals(joined.server.sessions.map(({ nearMac }) => nearMac), [AC]);
});

Deno.test("ClientDiscovery translates the id of a PADT from the AC", () => {
  const { joined, id } = meeting();
  assertEquals(joined.acSends(discovery("PADT", AC_2, SERVER_LINK, [token(2), SERVICE], 7)), [
    discovery("PADT", CLIENT_LINK, HOST, [SERVICE], id),
  ]);
  assertEquals(joined.client.sessions.map(({ farMac }) => farMac), [AC]);
});

Deno.test("ClientDiscovery translates the id of the PADTs that it sends itself", () => {
  const { joined, id } = meeting();
  joined.client.relay.closeAll("shutdown");
  joined.settle();
  assertEquals(joined.client.takeLink(), [
    discovery("PADT", CLIENT_LINK, HOST, [], 7),
    discovery("PADT", CLIENT_LINK, HOST, [], id),
  ]);
  assertEquals(joined.server.takeLink(), [
    discovery("PADT", SERVER_LINK, AC, [], 7),
    discovery("PADT", SERVER_LINK, AC_2, [], 7),
  ]);
});

Deno.test("ClientDiscovery gives the repeat of a PADS the same translated id", () => {
  const { joined, pads, asked } = meeting();
  assertEquals(joined.acSends(answer(asked, AC_2, "PADS", { sessionId: 7 })), [pads]);
  assertEquals([joined.client.opened.length, joined.client.closed], [2, []]);
});

Deno.test("ClientDiscovery translates no id of another host, and none with --mac transparent", () => {
  const joined = new JoinedRelays({ clients: ["transparent"] });
  joined.dial({ ac: AC, sessionId: 7, uniq: [hostUniq("one")] });
  joined.dial({ ac: AC_2, sessionId: 7, uniq: [hostUniq("two")] });
  joined.dial({ ac: AC_2, sessionId: 8, host: HOST_2 });
  joined.dial({ ac: AC, sessionId: 8, host: HOST });
  assertEquals(joined.client.sessions.map(({ linkId }) => linkId), [7, 7, 8, 8]);
});

Deno.test("ClientDiscovery closes a session at the AC if the link has no id left", () => {
  const joined = new JoinedRelays();
  const { client, server } = joined;
  const peer = client.relay.peersByTunnel.get(1)!;
  for (let id = 1; id < 0xffff; id++) {
    client.relay.sessions.open({
      peer,
      nearMac: HOST,
      farMac: AC_2,
      shownMac: CLIENT_LINK,
      tunnelId: id,
      linkId: id,
    }, 0);
  }
  const [sought] = joined.hostSends(padi(HOST));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  const [refused] = joined.acSends(answer(asked, AC, "PADS", { sessionId: 7 }));
  const { sessionId, source, tags } = parseDiscovery(refused)!;
  assertEquals([sessionId, source], [0, CLIENT_LINK]);
  assertEquals(tags.map(({ type }) => type), [TAG.SERVICE_NAME, TAG.GENERIC_ERROR]);
  assertEquals(client.drops, ["session-limit"]);
  assertEquals(server.takeLink(), [discovery("PADT", SERVER_LINK, AC, [], 7)]);
  assertEquals(server.sessions, []);
});
