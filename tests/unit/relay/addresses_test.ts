// The stations that may answer a host, and the addresses that frames on the AC's link may have.

import { assert, assertEquals } from "@std/assert";
import { TAG, textTag } from "../../../src/wire/mod.ts";
import {
  AC,
  AC_2,
  answer,
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
  shownMacOfHost,
} from "../../support/relays.ts";

const UNIQ = hostUniq("h");
const ROGUE = mac(0x66);

/** Returns relays through which a PADR has gone to AC, without an answer yet. */
function asked(mode: typeof MAC_MODES[number]) {
  const joined = new JoinedRelays({ server: mode, clients: [mode, mode] });
  const [sought] = joined.hostSends(padi(HOST, [SERVICE, UNIQ]));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [request] = joined.hostSends(padr(offer));
  return { joined, sought, request };
}

for (const mode of MAC_MODES) {
  Deno.test(`Relay accepts a PADS only from the AC of the PADR, --mac ${mode}`, () => {
    const { joined, request } = asked(mode);
    // One grants, one refuses, and one comes from an AC that has also made an offer.
    assertEquals(joined.acSends(answer(request, ROGUE, "PADS", { sessionId: 666 })), []);
    assertEquals(joined.acSends(answer(request, ROGUE, "PADS")), []);
    joined.acSends(answer(request, AC_2, "PADO"));
    assertEquals(joined.acSends(answer(request, AC_2, "PADS", { sessionId: 7 })), []);
    const { server, client } = joined;
    assertEquals(server.drops, ["wrong-ac", "wrong-ac", "wrong-ac"]);
    assertEquals([server.link, server.sessions, client.sessions], [[], [], []]);
    assert(server.problems.every(({ id }) => id === "wrong-ac"));
    assert(server.problems[0].what.includes("02:00:00:00:00:66"));
    // The PADS of the right AC still counts, and this AC gets no frame because of the others.
    assertEquals(joined.acSends(answer(request, AC, "PADS", { sessionId: 7 })).length, 1);
    assertEquals([server.link, server.sessions.map(({ nearMac }) => nearMac)], [[], [AC]]);
  });

  Deno.test(`Client accepts a PADS only from the AC of the PADR, whatever its server does, --mac ${mode}`, () => {
    const { joined: { client } } = asked(mode);
    client.takeTunnel();
    const pads = discovery("PADS", ROGUE, HOST, [SERVICE, UNIQ], 666);
    client.relay.discoveryFromTunnel(1, pads, 0);
    assertEquals([client.link, client.sessions], [[], []]);
    assertEquals(client.drops, ["unknown-host-uniq"]);
    client.relay.discoveryFromTunnel(1, discovery("PADS", AC, HOST, [SERVICE, UNIQ], 7), 0);
    assertEquals(client.sessions.map(({ farMac }) => farMac), [AC]);
  });

  Deno.test(`Server sends a PADR only to an AC that has made an offer to its host, --mac ${mode}`, () => {
    const { joined, sought } = asked(mode);
    const { server } = joined;
    const send = (tunnel: number, host: Uint8Array, ac: Uint8Array) => {
      const request = discovery("PADR", host, ac, [SERVICE, UNIQ]);
      server.relay.discoveryFromTunnel(tunnel, request, 0);
      return server.takeLink();
    };
    assertEquals(send(1, HOST, AC_2), []);
    assertEquals(send(1, HOST_2, AC), []);
    if (mode !== "transparent") assertEquals(send(2, HOST, AC), []);
    assert(server.takeDrops().every((reason) => reason === "unknown-offer"));
    // A PADO with an error is not an offer.
    const error = textTag(TAG.GENERIC_ERROR, "full");
    joined.acSends(answer(sought, AC_2, "PADO", { tags: [error] }));
    assertEquals(send(1, HOST, AC_2), []);
    joined.acSends(answer(sought, AC_2, "PADO"));
    assertEquals(send(1, HOST, AC_2).length, 1);
  });
}

/** Asserts that frames of a client's host with somebody else's address do not reach the AC's link. */
function assertNotShown(joined: JoinedRelays, address: Uint8Array, whose: string): void {
  const { server, clients: [, second] } = joined;
  server.takeDrops();
  assertEquals(joined.hostSends(padi(address, [SERVICE, UNIQ]), second), []);
  server.relay.discoveryFromTunnel(2, discovery("PADT", address, AC, [], 0), joined.nowMs);
  assertEquals([server.takeLink(), server.takeDrops()], [[], ["bad-address", "bad-address"]]);
  const problem = server.problems.at(-1)!;
  assertEquals(problem.id, "address-in-use");
  assert(problem.what.includes(whose) && problem.what.includes("client 2"), problem.what);
}

Deno.test("Server rejects a host with the address of an AC, the server or another client's host, --mac transparent", () => {
  const { joined } = asked("transparent");
  assertNotShown(joined, AC, "an AC");
  assertNotShown(joined, SERVER_LINK, "this machine");
  assertNotShown(joined, HOST, "a host of another client");
  const { server, clients: [first, second] } = joined;
  joined.dial({ client: first, host: HOST_2, sessionId: 9 });
  assertNotShown(joined, HOST_2, "a host of another client");
  // An AC that has fallen silent still has its session.
  joined.nowMs = 7200_000;
  server.relay.tick(joined.nowMs);
  assertNotShown(joined, AC, "an AC");
  assertNotShown(joined, HOST_2, "a host of another client");
  // An address is free once its session and discovery are over.
  joined.hostSends(discovery("PADT", HOST_2, AC, [], 9), first);
  assertEquals(joined.hostSends(padi(HOST_2, [SERVICE, UNIQ]), second).length, 1);
});

Deno.test("Server reserves an address as long as its host has a discovery or session, --mac transparent", () => {
  const joined = new JoinedRelays({ server: "transparent", clients: ["own", "own"] });
  const { server, clients: [first, second] } = joined;
  const free = () => {
    server.takeDrops();
    const passed = joined.hostSends(padi(HOST, [SERVICE, hostUniq("free?")]), second).length === 1;
    if (!passed) assertEquals(server.takeDrops(), ["bad-address"]);
    return passed;
  };
  joined.dial({ client: first, sessionId: 1 });
  joined.dial({ client: first, sessionId: 2, uniq: [hostUniq("other")] });
  joined.nowMs = 61_000;
  server.relay.tick(joined.nowMs);
  assertEquals(free(), false);
  joined.hostSends(discovery("PADT", HOST, shownMacOfHost("own", HOST), [], 1), first);
  joined.acSends(discovery("PADT", AC, HOST, [], 1), first);
  assertEquals(free(), false);
  joined.acSends(discovery("PADT", AC, HOST, [], 2), first);
  assertEquals(free(), true);
});

/** Returns a server whose first client is absent, and has a session of HOST. */
function away() {
  const server = new RecordedRelay({ side: "server", mac: "transparent", graceMs: 20_000 });
  const { relay } = server;
  const dial = (tunnel: number, sessionId: number): boolean => {
    relay.discoveryFromTunnel(tunnel, padi(HOST, [SERVICE, UNIQ]), 0);
    const [sought] = server.takeLink();
    if (sought === undefined) return false;
    relay.discoveryFromLink(answer(sought, AC, "PADO"), 0);
    relay.discoveryFromTunnel(tunnel, discovery("PADR", HOST, AC, [UNIQ]), 0);
    const [request] = server.takeLink();
    relay.discoveryFromLink(answer(request, AC, "PADS", { sessionId }), 0);
    return true;
  };
  relay.addTunnel(1, { key: "one", name: "osaka", address: "192.0.2.1" }, 0);
  assert(dial(1, 1));
  relay.removeTunnel(1, "tunnel-lost", 0);
  return { server, dial };
}

Deno.test("Server reserves the address of a host while its client is absent, --mac transparent", () => {
  const { server, dial } = away();
  server.relay.addTunnel(2, { key: "two", name: "tokyo", address: "192.0.2.2" }, 0);
  assertEquals(dial(2, 2), false);
  assertEquals(server.drops, ["bad-address"]);
  server.relay.addTunnel(3, { key: "one", name: "osaka", address: "198.51.100.7" }, 0);
  assertEquals([server.closed, server.sessions.length], [[], 1]);
});

Deno.test("Server lets the hosts of a client that was restarted without its state dial again, --mac transparent", () => {
  const { server, dial } = away();
  // Without a state directory it is a different client at the same IP address.
  server.relay.addTunnel(2, { key: "two", name: "osaka", address: "192.0.2.1" }, 0);
  assertEquals(dial(2, 2), true);
  // If the earlier one returns after all, one of the two sessions must end.
  server.relay.addTunnel(3, { key: "one", name: "osaka", address: "192.0.2.1" }, 0);
  assertEquals(server.causes, [
    "host-has-address",
  ]);
  assertEquals(server.takeLink(), [discovery("PADT", HOST, AC, [], 1)]);
  assertEquals(server.sessions.map(({ tunnelId }) => tunnelId), [2]);
});

Deno.test("Server soon allows a host an address with which somebody has made an offer", () => {
  const joined = new JoinedRelays({ server: "transparent" });
  const [sought] = joined.hostSends(padi(HOST, [SERVICE, UNIQ]));
  // Any station that hears a PADI can answer it, with any address.
  joined.acSends(answer(sought, HOST_2, "PADO"));
  assertEquals(joined.hostSends(padi(HOST_2, [SERVICE, UNIQ])), []);
  joined.nowMs = 60_000;
  assertEquals(joined.hostSends(padi(HOST_2, [SERVICE, UNIQ])).length, 1);
});

Deno.test("Server ignores offers with the address of a host that has a session", () => {
  const { joined, request } = asked("transparent");
  const { clients: [first] } = joined;
  assertEquals(joined.acSends(answer(request, AC, "PADS", { sessionId: 7 }), first).length, 1);
  const [sought] = joined.hostSends(padi(HOST_2, [SERVICE, UNIQ]), first);
  joined.acSends(answer(sought, HOST, "PADO"), first);
  assertEquals(joined.hostSends(padi(HOST, [SERVICE, UNIQ]), first).length, 1);
});

for (const mode of ["per-host", "transparent"] as const) {
  Deno.test(`Server rejects a host with an AC's address once the AC is heard, --mac ${mode}`, () => {
    const joined = new JoinedRelays({ server: mode, clients: [mode] });
    const { server, client } = joined;
    const shown = shownMacOfHost(mode, HOST);
    // The PADI goes out, because the AC has not been heard yet.
    const [sought] = joined.hostSends(padi(HOST, [SERVICE, UNIQ]));
    joined.acSends(answer(sought, AC, "PADO"));
    const [other] = joined.hostSends(padi(HOST_2, [SERVICE, UNIQ]));
    const [offer] = joined.acSends(answer(other, shown, "PADO"));
    assertEquals(joined.hostSends(padi(HOST, [SERVICE, UNIQ])), []);
    assertEquals(server.takeDrops(), ["bad-address"]);
    // Even a session of the host ends once the AC has granted one.
    const session = server.relay.open({
      peer: server.relay.peersByTunnel.get(1)!,
      nearMac: AC,
      farMac: HOST,
      shownMac: shown,
      tunnelId: 5,
      linkId: 5,
    }, 0);
    const [request] = joined.hostSends(padr(offer));
    joined.acSends(answer(request, shown, "PADS", { sessionId: 6 }));
    assertEquals(server.closed, [{ session, end: { cause: "ac-has-address" } }]);
    assertEquals(client.sessions.map(({ nearMac }) => nearMac), [HOST_2]);
  });
}

Deno.test("Server lets a host that has hung up dial behind another client at once, --mac transparent", () => {
  const joined = new JoinedRelays({
    server: "transparent",
    clients: ["transparent", "transparent"],
  });
  const { server, clients: [first, second] } = joined;
  joined.dial({ client: first, sessionId: 1 });
  assertEquals(joined.hostSends(padi(HOST, [SERVICE, UNIQ]), second), []);
  joined.hostSends(discovery("PADT", HOST, AC, [], 1), first);
  joined.dial({ client: second, sessionId: 2 });
  assertEquals(server.sessions.map(({ tunnel }) => tunnel), [2]);
  // A host that was refused may do the same.
  const [sought] = joined.hostSends(padi(HOST_2, [SERVICE, UNIQ]), first);
  const [offer] = joined.acSends(answer(sought, AC, "PADO"), first);
  const [request] = joined.hostSends(padr(offer), first);
  joined.acSends(answer(request, AC, "PADS"), first);
  assertEquals(joined.hostSends(padi(HOST_2, [SERVICE, UNIQ]), second).length, 1);
});
