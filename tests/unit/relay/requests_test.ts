// Host-Uniq identifies one request, a PADI or a PADR (RFC 2516, appendix A), so hosts may use different values
// in the two, or have it in only one of them.

import { assert, assertEquals } from "@std/assert";
import { findTag, parseDiscovery, TAG, type Tag } from "../../../src/wire/mod.ts";
import type { MacMode, RelayOptions } from "../../../src/relay/mod.ts";
import { Dialogue } from "../../support/dialogue.ts";
import {
  AC,
  AC_2,
  answer,
  bytes,
  cookie,
  data,
  discovery,
  HOST,
  hostUniq,
  MAC_MODES,
  padi,
  RecordedRelay,
  SERVER_LINK,
  SERVICE,
  shownMacOfAc,
  tagsOf,
} from "../../support/relays.ts";
import { macFor } from "../../../src/relay/mac_for.ts";

const FIXED = bytes("isp-1");

/** The ways in which the server distinguishes answers. */
const WAYS: [way: string, tags: RelayOptions["tags"]][] = [
  ["by its own Host-Uniq", undefined],
  ["by Relay-Session-Id", { hostUniq: FIXED }],
  ["one at a time", { hostUniq: FIXED, relayTag: false }],
];

const CASES: [what: string, inPadi: Tag[], inPadr: Tag[]][] = [
  ["another one", [hostUniq(1, 0, 1)], [hostUniq(1, 0, 2)]],
  ["none", [hostUniq("h")], []],
  ["one where the PADI had none", [], [hostUniq("h")]],
  ["an empty one", [hostUniq("h")], [hostUniq()]],
  ["one where the PADI had an empty one", [hostUniq()], [hostUniq("h")]],
];

function line(mac: MacMode, tags: RelayOptions["tags"]): Dialogue {
  return new Dialogue({ server: { mac, tags }, client: { mac }, names: ["c", "d"] });
}

/** Makes the PADR of a host that accepts an offer, with its own tags. */
function take(pado: Uint8Array, tags: Tag[]): Uint8Array {
  const { source, destination } = parseDiscovery(pado)!;
  const returned = tagsOf(pado).filter(({ type }) => type === TAG.AC_COOKIE);
  return discovery("PADR", destination, source, [SERVICE, ...returned, ...tags]);
}

function relaySessionId(frame: Uint8Array): Tag | undefined {
  return findTag(tagsOf(frame), TAG.RELAY_SESSION_ID);
}

function uniqOf(frame: Uint8Array): Tag[] {
  return tagsOf(frame).filter(({ type }) => type === TAG.HOST_UNIQ);
}

for (const mac of MAC_MODES) {
  for (const [way, serverTags] of WAYS) {
    for (const [what, inPadi, inPadr] of CASES) {
      Deno.test(`Relay opens a session for a host whose PADR has ${what}, ${way}, --mac ${mac}`, () => {
        const joined = line(mac, serverTags);
        const [sought] = joined.host(padi(HOST, [SERVICE, ...inPadi]));
        const pado = answer(sought, AC, "PADO", { tags: [cookie("c")] });
        const [offer] = joined.ac(pado);
        assertEquals(uniqOf(offer), inPadi);
        const [asked] = joined.host(take(offer, inPadr));
        const [first, second] = [sought, asked].map((frame) => parseDiscovery(frame)!);
        assertEquals(second.source, first.source);
        assertEquals(relaySessionId(asked), relaySessionId(sought));
        assertEquals(second.destination, AC);
        // A late offer still answers the PADI.
        assertEquals(joined.ac(pado).map(uniqOf), [inPadi]);

        const granted = answer(asked, AC, "PADS", { sessionId: 7 });
        const [pads] = joined.ac(granted);
        assertEquals(uniqOf(pads), inPadr);
        // A repeated PADR gets an answer too, which opens no other session.
        assertEquals(joined.host(take(offer, inPadr)), [asked]);
        assertEquals(joined.ac(granted), [pads]);
        const shown = parseDiscovery(offer)!.source;
        assertEquals(shown, shownMacOfAc(mac, AC));
        assertEquals(joined.hostData(data(HOST, shown, 7)), data(first.source, AC, 7));
        assertEquals(joined.acData(data(AC, first.source, 7)), data(shown, HOST, 7));
        for (const { relay, drops, closed } of [joined.server, joined.client]) {
          assertEquals([relay.sessions.size, drops, closed], [1, [], []]);
        }
      });
    }
  }

  Deno.test(`Relay gives each PADR of a host its own answer, --mac ${mac}`, () => {
    const joined = line(mac, undefined);
    const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq(0)]));
    const [offer] = joined.ac(answer(sought, AC, "PADO", { tags: [cookie("c")] }));
    const asked = [1, 2, 3].map((n) => joined.host(take(offer, [hostUniq(n)]))[0]);
    const answers = [2, 0, 1].map((at) =>
      joined.ac(answer(asked[at], AC, "PADS", { sessionId: 1 + at }))
    );
    assertEquals(answers.map(([pads]) => uniqOf(pads)), [
      [hostUniq(3)],
      [hostUniq(1)],
      [hostUniq(2)],
    ]);
    assertEquals(joined.server.relay.sessions.size, 3);
  });

  Deno.test(`Relay finds the discovery of a PADR by the offer with its cookie, --mac ${mac}`, () => {
    // accel-ppp's cookie covers the Relay-Session-Id, so it differs for each discovery.
    const joined = line(mac, { hostUniq: FIXED });
    const all = [1, 2, 3].map((n) => {
      const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq(n)]));
      const [offer] = joined.ac(answer(sought, AC, "PADO", { tags: [cookie(`cookie ${n}`)] }));
      return { sought, offer };
    });
    for (const { sought, offer } of [all[1], all[2], all[0]]) {
      const [asked] = joined.host(take(offer, [hostUniq("new")]));
      assertEquals(relaySessionId(asked), relaySessionId(sought));
      assertEquals(findTag(tagsOf(asked), TAG.AC_COOKIE), findTag(tagsOf(offer), TAG.AC_COOKIE));
    }
  });

  Deno.test(`Relay accepts no PADR for the discovery of another client or host, --mac ${mac}`, () => {
    const joined = line(mac, undefined);
    const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq("h")]));
    const [offer] = joined.ac(answer(sought, AC, "PADO", { tags: [cookie("c")] }));
    assertEquals(joined.host(take(offer, [hostUniq("other")]), 1), []);
    const another = take(offer, [hostUniq("other")]);
    another[11]++;
    assertEquals(joined.host(another), []);
  });
}

Deno.test("Relay forwards a PADR with another Host-Uniq to the AC of its offer, among ACs without cookies", () => {
  const joined = line("own", undefined);
  const offers = [[hostUniq("one"), AC], [hostUniq("two"), AC_2]] as const;
  const seen = offers.map(([uniq, ac]) => {
    const [sought] = joined.host(padi(HOST, [SERVICE, uniq]));
    return joined.ac(answer(sought, ac, "PADO"))[0];
  });
  const asked = seen.map((offer) => joined.host(take(offer, [hostUniq("new")]))[0]);
  assertEquals(asked.map((frame) => parseDiscovery(frame)!.destination), [AC, AC_2]);
  assertEquals(asked.map((frame) => findTag(tagsOf(frame), TAG.AC_COOKIE)), [undefined, undefined]);
  assertEquals(asked.map((frame) => parseDiscovery(frame)!.source), [SERVER_LINK, SERVER_LINK]);
});

Deno.test("Relay keeps a host's made-up address for a PADR with another Host-Uniq", () => {
  const joined = line("per-host", undefined);
  const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq("h")]));
  const [offer] = joined.ac(answer(sought, AC, "PADO"));
  const [asked] = joined.host(take(offer, [hostUniq("other")]));
  assertEquals(parseDiscovery(asked)!.source, macFor("c", HOST));
});

Deno.test("Relay keeps only the last few Host-Uniqs of a discovery's PADRs, however many there are", () => {
  const joined = line("own", undefined);
  const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq("h")]));
  const [offer] = joined.ac(answer(sought, AC, "PADO", { tags: [cookie("c")] }));
  const asked = Array.from({ length: 20 }, (_, n) => joined.host(take(offer, [hostUniq(n)]))[0]);
  const answered = asked.map((request, n) =>
    joined.ac(answer(request, AC, "PADS", { sessionId: 1 + n })).length
  );
  assertEquals(answered, asked.map((_, n) => n < 12 ? 0 : 1));
});

Deno.test("Server forgets discoveries whose requests are too large", () => {
  const server = new RecordedRelay({ side: "server" });
  const { relay } = server;
  relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
  relay.setLimits({ padiPerHost: 0, padiPerClient: 0 });
  const host = (n: number) => Uint8Array.of(2, 0, 0, 1, n >> 8, n);
  const long = (n: number, i: number): Tag => {
    const value = new Uint8Array(1400).fill(i);
    value.set([n >> 8, n]);
    return { type: TAG.HOST_UNIQ, value };
  };
  const ask = (n: number, i: number) => {
    server.drops = [];
    relay.discoveryFromTunnel(1, discovery("PADR", host(n), AC, [long(n, i)]), 0);
    return server.drops.length === 0;
  };
  for (let n = 0; n < 300; n++) {
    relay.discoveryFromTunnel(1, padi(host(n), [hostUniq(n >> 8, n)]), 0);
    relay.discoveryFromLink(answer(server.takeLink()[0], AC, "PADO"), 0);
    for (let i = 0; i < 16; i++) ask(n, i);
    server.takeLink();
    server.takeTunnel();
  }
  // Each takes 16 times 5 KB of the 16 MiB.
  const kept = Array.from({ length: 300 }, (_, n) => ask(n, 0)).filter((known) => known).length;
  assert(kept > 180 && kept < 220, `${kept} kept`);
});

for (const [way, serverTags] of WAYS.slice(0, 2)) {
  Deno.test(`Relay forwards a repeated PADR as before, whatever its host dials meanwhile, ${way}`, () => {
    const joined = line("own", serverTags);
    const offered = (uniq: Tag) => {
      const [sought] = joined.host(padi(HOST, [SERVICE, uniq]));
      // Many ACs use the same cookie for all requests from one address.
      return joined.ac(answer(sought, AC, "PADO", { tags: [cookie("c")] }))[0];
    };
    const offer = offered(hostUniq("a"));
    const [asked] = joined.host(take(offer, [hostUniq("x")]));
    offered(hostUniq("b"));
    assertEquals(joined.host(take(offer, [hostUniq("x")])), [asked]);
  });

  Deno.test(`Relay trusts the cookie if a PADR has the Host-Uniq of another PADI, ${way}`, () => {
    const joined = line("own", serverTags);
    const all = [1, 2].map((n) => {
      const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq(n)]));
      const tags = [cookie(`cookie ${n}`)];
      return { sought, offer: joined.ac(answer(sought, AC, "PADO", { tags }))[0] };
    });
    const [asked] = joined.host(take(all[0].offer, [hostUniq(2)]));
    assertEquals(relaySessionId(asked), relaySessionId(all[0].sought));
    assertEquals(findTag(tagsOf(asked), TAG.AC_COOKIE), cookie("cookie 1"));
    const [pads] = joined.ac(answer(asked, AC, "PADS", { sessionId: 7 }));
    assertEquals(uniqOf(pads), [hostUniq(2)]);
  });
}

Deno.test("Relay does not treat the answer to a later PADR as a repeat, even if the AC gives the same id", () => {
  const joined = line("own", { hostUniq: FIXED });
  const [sought] = joined.host(padi(HOST, [SERVICE, hostUniq("a")]));
  const [offer] = joined.ac(answer(sought, AC, "PADO"));
  const dial = (uniq: Tag) => {
    const [asked] = joined.host(take(offer, [uniq]));
    return joined.ac(answer(asked, AC, "PADS", { sessionId: 1 })).at(-1)!;
  };
  assertEquals(uniqOf(dial(hostUniq("x"))), [hostUniq("x")]);
  // The AC was restarted, and another program on the same host dials.
  joined.nowMs = 5000;
  assertEquals(uniqOf(dial(hostUniq("y"))), [hostUniq("y")]);
  assertEquals(joined.server.closed, ["id-reused"]);
});
