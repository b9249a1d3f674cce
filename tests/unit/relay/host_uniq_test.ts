// A fixed Host-Uniq, with answers that are matched by Relay-Session-Id, or with one discovery at a time.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import type { DropReason, MacMode, RelayOptions } from "../../../src/relay/mod.ts";
import {
  CODE,
  ETH_BROADCAST,
  findTag,
  parseDiscovery,
  TAG,
  type Tag,
  tagsLength,
  textTag,
} from "../../../src/wire/mod.ts";
import { Dialogue, makeEnd } from "../../support/dialogue.ts";
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
  padi,
  padr,
  SERVER_LINK,
  SERVICE,
  tagsOf,
  token,
} from "../../support/relays.ts";

const FIXED = hostUniq("isp-1");
const UNIQ = hostUniq("h");
const relayId = (text: string): Tag => ({ type: TAG.RELAY_SESSION_ID, value: bytes(text) });
/** Returns the Relay-Session-Id of discovery `n`, counted from 1. */
const given = (n: number): Tag => ({ type: TAG.RELAY_SESSION_ID, value: token(n).value });

function fixed(options: { server?: Partial<RelayOptions>; mac?: MacMode; names?: string[] } = {}) {
  const { mac = "own", names, server } = options;
  const tags = { hostUniq: FIXED.value };
  return new Dialogue({ server: { tags, mac, ...server }, client: { mac }, names });
}

function inTurn(options: { mac?: MacMode; names?: string[] } = {}) {
  const { mac = "own", names } = options;
  const tags = { hostUniq: FIXED.value, relayTag: false };
  return new Dialogue({ server: { tags, mac }, client: { mac }, names });
}

function drops(line: Dialogue): DropReason[] {
  return [line.server, ...line.clients].flatMap(({ drops }) => drops.splice(0));
}

for (const uniq of [[], [hostUniq()], [UNIQ]]) {
  const what = uniq.length === 0 ? "no Host-Uniq" : `one of ${uniq[0].value.length} bytes`;
  Deno.test(`Relay sends the fixed Host-Uniq and a Relay-Session-Id for a host with ${what}, which sees neither`, () => {
    const line = fixed();
    const { sought, offer, asked, pads } = line.dial({ sessionId: 7, tags: uniq });
    const seen = [SERVICE, FIXED, given(1)];
    assertEquals([tagsOf(sought), tagsOf(asked)], [seen, seen]);
    assertEquals([tagsOf(offer), tagsOf(pads)], [[SERVICE, ...uniq], [SERVICE, ...uniq]]);
    assertEquals(line.acData(data(AC, SERVER_LINK, 7)), data(CLIENT_LINK, HOST, 7));
    assertEquals(drops(line), []);
  });
}

Deno.test("Relay makes a different Relay-Session-Id of 12 bytes for each discovery by default", () => {
  const tags = { hostUniq: FIXED.value };
  const end = makeEnd({ side: "server", linkMac: SERVER_LINK, tags }, () => {});
  end.relay.addTunnel(1, { key: undefined, name: "c" }, 0);
  end.relay.discoveryFromTunnel(1, padi(HOST, [UNIQ]), 0);
  end.relay.discoveryFromTunnel(1, padi(HOST_2, [UNIQ]), 0);
  const [one, two] = end.link.map((frame) => findTag(tagsOf(frame), TAG.RELAY_SESSION_ID)!.value);
  assertEquals([one.length, two.length], [12, 12]);
  assertNotEquals(one, two);
});

for (const mac of ["own", "transparent"] as const) {
  for (const [mode, make] of [["a Relay-Session-Id", fixed], ["one at a time", inTurn]] as const) {
    Deno.test(`Relay changes neither tags nor address between PADI and PADR, nor in repeats, with ${mode} and --mac ${mac}`, () => {
      const line = make({ mac });
      const request = padi(HOST, [SERVICE, UNIQ]);
      const [sought] = line.host(request);
      assertEquals(line.host(request), [sought]);
      const [offer] = line.ac(answer(sought, AC, "PADO", { tags: [cookie("c")] }));
      const [asked] = line.host(padr(offer));
      assertEquals(line.host(padr(offer)), [asked]);
      const [first, last] = [sought, asked].map((frame) => parseDiscovery(frame)!);
      assertEquals(last.source, first.source);
      assertEquals(last.tags.filter(({ type }) => type !== TAG.AC_COOKIE), first.tags);
    });
  }
}

Deno.test("Relay keeps an existing Relay-Session-Id, adds none, and returns it", () => {
  const line = fixed();
  const own = [UNIQ, relayId("dslam-7")];
  const { sought, offer, asked, pads } = line.dial({ sessionId: 7, tags: own });
  const seen = [SERVICE, FIXED, relayId("dslam-7")];
  assertEquals([tagsOf(sought), tagsOf(asked)], [seen, seen]);
  assertEquals([tagsOf(offer), tagsOf(pads)], [[SERVICE, ...own], [SERVICE, ...own]]);
  assertEquals(drops(line), []);
});

Deno.test("Relay keeps one of two Relay-Session-Ids, and the order of the tags", () => {
  const line = fixed();
  const [sought] = line.host(
    padi(HOST, [relayId("a"), cookie("x"), UNIQ, relayId("b"), SERVICE]),
  );
  assertEquals(tagsOf(sought), [relayId("a"), cookie("x"), FIXED, SERVICE]);
});

Deno.test("Relay forwards a host's Relay-Session-Id, and adds none, without a fixed Host-Uniq", () => {
  const line = new Dialogue();
  const own = [UNIQ, relayId("dslam-7")];
  const { sought, pads } = line.dial({ tags: own });
  assertEquals(tagsOf(sought), [SERVICE, token(1), relayId("dslam-7")]);
  assertEquals(tagsOf(pads), [SERVICE, ...own]);
  assertEquals(tagsOf(line.dial({ host: HOST_2 }).sought), [SERVICE, token(2)]);
});

Deno.test("Relay forwards concurrent answers to the host and the client of their Relay-Session-Id", () => {
  const line = fixed({ names: ["a", "b"] });
  const all = [[0, HOST, UNIQ], [0, HOST, hostUniq("2")], [0, HOST_2, UNIQ], [
    1,
    HOST,
    UNIQ,
  ]] as const;
  const sought = all.map(([at, host, uniq]) => line.host(padi(host, [SERVICE, uniq]), at)[0]);
  assertEquals(sought.map((frame) => tagsOf(frame)[2]), [1, 2, 3, 4].map(given));
  const asked = [...all.entries()].reverse().map(([n, [at, host, uniq]]) => {
    const offers = line.ac(answer(sought[n], AC, "PADO"), at);
    assertEquals(offers, [discovery("PADO", CLIENT_LINK, host, [SERVICE, uniq])]);
    return { n, frame: line.host(padr(offers[0]), at)[0] };
  });
  for (const { n, frame } of asked) {
    const [at, host, uniq] = all[n];
    assertEquals(line.ac(answer(frame, AC, "PADS", { sessionId: n + 1 }), at), [
      discovery("PADS", CLIENT_LINK, host, [SERVICE, uniq], n + 1),
    ]);
  }
  assertEquals(line.server.relay.sessions.size, 4);
  assertEquals(drops(line), []);
});

Deno.test("Relay drops an answer with no or another Relay-Session-Id, or with another Host-Uniq", () => {
  const line = fixed();
  line.host(padi(HOST, [SERVICE, UNIQ]));
  for (const tags of [[FIXED], [FIXED, given(2)], [UNIQ, given(1)], [given(1)]]) {
    assertEquals(line.ac(discovery("PADO", AC, SERVER_LINK, tags)), []);
    assertEquals(drops(line), ["unknown-host-uniq"]);
  }
  assertEquals(line.ac(discovery("PADO", AC, SERVER_LINK, [FIXED, given(1)])).length, 1);
});

for (
  const [who, at, host] of [["another host", 0, HOST_2], [
    "a host of another client",
    1,
    HOST,
  ]] as const
) {
  Deno.test(`Relay drops the discovery of ${who} with a Relay-Session-Id that is in use`, () => {
    const line = fixed({ names: ["a", "b"] });
    const request = (host: Uint8Array) => padi(host, [SERVICE, hostUniq("2"), relayId("x")]);
    const [sought] = line.host(padi(HOST, [SERVICE, UNIQ, relayId("x")]));
    assertEquals(line.host(request(host), at), []);
    assertEquals(drops(line), ["discovery-busy"]);
    // The first discovery continues undisturbed.
    const [offer] = line.ac(answer(sought, AC, "PADO"));
    assertEquals(tagsOf(offer), [SERVICE, UNIQ, relayId("x")]);
    const [asked] = line.host(padr(offer));
    assertEquals(line.host(request(host), at), []);
    assertEquals(drops(line), ["discovery-busy"]);
    assertEquals(line.ac(answer(asked, AC, "PADS", { sessionId: 7 })).length, 1);
    // It is over, so the other one may begin.
    assertEquals(line.host(request(host), at).length, 1);
    assertEquals(drops(line), []);
  });
}

Deno.test("Relay gives another host a Relay-Session-Id 10 s after a failed discovery", () => {
  const line = fixed();
  line.host(padi(HOST, [SERVICE, relayId("x")]));
  line.nowMs = 9_999;
  assertEquals(line.host(padi(HOST_2, [SERVICE, relayId("x")])), []);
  line.nowMs = 10_000;
  assertEquals(line.host(padi(HOST_2, [SERVICE, relayId("x")])).length, 1);
});

Deno.test("Relay lets a host start over with its Relay-Session-Id and another Host-Uniq", () => {
  const line = fixed();
  line.host(padi(HOST, [SERVICE, hostUniq("1"), relayId("x")]));
  const { pads } = line.dial({ tags: [hostUniq("2"), relayId("x")] });
  assertEquals(tagsOf(pads), [SERVICE, hostUniq("2"), relayId("x")]);
  assertEquals(drops(line), []);
});

Deno.test("Relay forwards the repeat of a PADS to its session's host when another host has its Relay-Session-Id", () => {
  const line = fixed({ names: ["a", "b"] });
  const { asked } = line.dial({ sessionId: 7, tags: [UNIQ, relayId("x")] });
  const other = line.host(padi(HOST, [SERVICE, hostUniq("2"), relayId("x")]), 1);
  const [offer] = line.ac(answer(other[0], AC, "PADO"), 1);
  line.host(padr(offer), 1);
  const again = line.ac(answer(asked, AC, "PADS", { sessionId: 7 }));
  assertEquals(again.map(tagsOf), [[SERVICE, UNIQ, relayId("x")]]);
  assertEquals(line.clients[1].link, []);
  assertEquals([...line.server.relay.sessions].map(({ peer }) => peer.name), ["a"]);
});

Deno.test("Relay lets an AC reuse an id at once, if the Relay-Session-Id differs", () => {
  const line = fixed({ names: ["a", "b"] });
  line.dial({ sessionId: 7 });
  line.dial({ at: 1, sessionId: 7 });
  assertEquals([...line.server.relay.sessions].map(({ peer }) => peer.name), ["b"]);
  assertEquals(line.server.closed, ["id-reused"]);
});

// One discovery at a time.

Deno.test("Relay adds no Relay-Session-Id if relayTag is false, and forwards a host's own", () => {
  const line = inTurn();
  const { sought, asked, offer, pads } = line.dial({ tags: [UNIQ] });
  assertEquals([tagsOf(sought), tagsOf(asked)], [[SERVICE, FIXED], [SERVICE, FIXED]]);
  assertEquals([tagsOf(offer), tagsOf(pads)], [[SERVICE, UNIQ], [SERVICE, UNIQ]]);
  const own = line.dial({ host: HOST_2, sessionId: 2, tags: [relayId("x"), UNIQ] });
  assertEquals(tagsOf(own.sought), [SERVICE, relayId("x"), FIXED]);
  assertEquals(findTag(tagsOf(own.pads), TAG.RELAY_SESSION_ID), relayId("x"));
  assertEquals(drops(line), []);
});

for (
  const [who, at, host] of [["another host", 0, HOST_2], [
    "a host of another client",
    1,
    HOST,
  ]] as const
) {
  Deno.test(`Relay makes ${who} wait until the discovery under way has its PADS`, () => {
    const line = inTurn({ names: ["a", "b"] });
    const other = padi(host, [SERVICE, hostUniq("2")]);
    const waits = () => {
      assertEquals(line.host(other, at), []);
      assertEquals(drops(line), ["discovery-busy"]);
    };
    const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
    waits();
    line.nowMs = 1000;
    const [offer] = line.ac(answer(sought, AC, "PADO"));
    line.nowMs = 2999;
    const [asked] = line.host(padr(offer));
    waits();
    assertEquals(line.ac(answer(asked, AC, "PADS", { sessionId: 7 })).length, 1);
    assertEquals(line.host(other, at).length, 1);
  });

  Deno.test(`Relay admits ${who} 3 s after the last frame of the discovery under way`, () => {
    const line = inTurn({ names: ["a", "b"] });
    const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
    line.nowMs = 2000;
    const [offer] = line.ac(answer(sought, AC, "PADO"));
    line.nowMs = 4999;
    assertEquals(line.host(padi(host, [SERVICE, hostUniq("2")]), at), []);
    assertEquals(drops(line), ["discovery-busy"]);
    line.nowMs = 5000;
    assertEquals(line.host(padi(host, [SERVICE, hostUniq("2")]), at).length, 1);
    // Now the first one must wait.
    assertEquals(line.host(padr(offer)), []);
    assertEquals(drops(line), ["discovery-busy"]);
  });
}

const WAYS = [["a Relay-Session-Id", fixed, [relayId("x")], 10_000], [
  "one at a time",
  inTurn,
  [],
  3000,
]] as const;
const HOST_3 = Uint8Array.of(2, 0, 0, 0, 0, 0x13);

for (const [mode, make, tags, turnMs] of WAYS) {
  /** Lets hosts ask repeatedly at their own intervals; returns the hosts that were admitted, and the times. */
  const ask = (line: Dialogue, everyMs: Map<Uint8Array, number>, forMs: number) => {
    const passed = new Map<Uint8Array, number>();
    for (const endMs = line.nowMs + forMs; line.nowMs < endMs; line.nowMs += 500) {
      for (const [host, ms] of everyMs) {
        // No two hosts ask at the same time.
        if ((line.nowMs - 500 * host[5]) % ms !== 0) continue;
        const sent = line.host(padi(host, [SERVICE, ...tags]));
        if (sent.length > 0 && !passed.has(host)) passed.set(host, line.nowMs);
      }
    }
    return passed;
  };

  Deno.test(`Relay gives another host its turn when one asks repeatedly without an answer, with ${mode}`, () => {
    const line = make();
    ask(line, new Map([[HOST, 2000]]), 30_000);
    const sinceMs = line.nowMs;
    const passed = ask(line, new Map([[HOST, 2000], [HOST_2, 5000]]), 30_000);
    // It is admitted from its second frame on, as soon as the turn is over.
    assert(passed.get(HOST_2)! - sinceMs <= Math.max(turnMs, 5000) + 5000);
  });

  Deno.test(`Relay lets the waiting host dial while the other one keeps asking, with ${mode}`, () => {
    const line = make();
    const other = padi(HOST, [SERVICE, ...tags]);
    const mine = padi(HOST_2, [SERVICE, UNIQ, ...tags]);
    line.host(other);
    line.nowMs = turnMs - 1;
    assertEquals(line.host(mine), []);
    // It asked last, and is the first to ask again, but must wait for the other one.
    for (line.nowMs = turnMs; line.nowMs < turnMs + 11_998; line.nowMs += 1000) {
      assertEquals(line.host(other), []);
    }
    line.nowMs = turnMs + 11_998;
    const [sought] = line.host(mine);
    assertEquals(line.host(other), []);
    const [offer] = line.ac(answer(sought, AC, "PADO"));
    line.nowMs += 1000;
    assertEquals(line.host(other), []);
    const [asked] = line.host(padr(offer));
    assertEquals(line.host(other), []);
    line.nowMs += 1000;
    assertEquals(line.ac(answer(asked, AC, "PADS", { sessionId: 7 })).length, 1);
    assertEquals(line.host(other).length, 1);
  });

  Deno.test(`Relay stops reserving the place when the waiting host has been silent for 12 s, with ${mode}`, () => {
    const line = make();
    const request = padi(HOST, [SERVICE, ...tags]);
    line.host(request);
    line.nowMs = 1000;
    line.host(padi(HOST_2, [SERVICE, ...tags]));
    line.nowMs = 12_999;
    assertEquals(line.host(request), []);
    line.nowMs = 13_000;
    assertEquals(line.host(request).length, 1);
  });

  Deno.test(`Relay gives a third host its turn when two ask repeatedly without an answer, with ${mode}`, () => {
    const line = make();
    const both = new Map([[HOST, 2000], [HOST_2, 2000]]);
    assertEquals(ask(line, both, 60_000).size, 2);
    const sinceMs = line.nowMs;
    const passed = ask(line, new Map([...both, [HOST_3, 5000]]), 60_000);
    assert(passed.get(HOST_3)! - sinceMs <= 2 * turnMs + 5000);
  });

  Deno.test(`Relay lets a dial last longer than a turn while nobody else asks, with ${mode}`, () => {
    const line = make();
    const [sought] = line.host(padi(HOST, [SERVICE, UNIQ, ...tags]));
    line.nowMs += turnMs - 100;
    const [offer] = line.ac(answer(sought, AC, "PADO"));
    line.nowMs += turnMs - 100;
    const [asked] = line.host(padr(offer));
    line.nowMs += turnMs - 100;
    // The first one to ask must wait nevertheless.
    assertEquals(line.host(padi(HOST_2, [SERVICE, ...tags])), []);
    assertEquals(line.ac(answer(asked, AC, "PADS", { sessionId: 7 })).length, 1);
    assertEquals(line.server.relay.sessions.size, 1);
  });
}

Deno.test("Relay frees the place for the next host when the AC refuses", () => {
  const line = inTurn();
  line.dial({ sessionId: 0 });
  assertEquals(line.host(padi(HOST_2, [SERVICE])).length, 1);
});

Deno.test("Relay frees the place when the client of the discovery under way is gone", () => {
  const line = inTurn({ names: ["a", "b"] });
  line.host(padi(HOST, [SERVICE, UNIQ]));
  line.server.relay.removeTunnel(1, "tunnel-lost", 0);
  assertEquals(line.host(padi(HOST, [SERVICE, UNIQ]), 1).length, 1);
});

Deno.test("Relay delivers a late answer while nobody else has the place", () => {
  const line = inTurn();
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
  line.nowMs = 10_000;
  assertEquals(line.ac(answer(sought, AC, "PADO")).length, 1);
});

for (const mac of ["own", "transparent"] as const) {
  Deno.test(`Relay treats a PADS of a recent session as a repeat, not as one for the current host, with --mac ${mac}`, () => {
    const line = inTurn({ mac, names: ["a", "b"] });
    const host = mac === "own" ? HOST : HOST_2;
    const first = line.dial({ sessionId: 7, tags: [UNIQ] });
    const repeat = answer(first.asked, AC, "PADS", { sessionId: 7 });
    const [sought] = line.host(padi(host, [SERVICE, hostUniq("2")]), 1);
    const [offer] = line.ac(answer(sought, AC, "PADO"), 1);
    const [asked] = line.host(padr(offer), 1);
    line.nowMs = 1000;
    assertEquals(line.ac(repeat).map(tagsOf), [[SERVICE, UNIQ]]);
    assertEquals(line.clients[1].link, []);
    // It neither frees the place nor answers the PADR.
    assertEquals(line.host(padi(Uint8Array.of(2, 0, 0, 0, 0, 0x33), [SERVICE]), 1), []);
    const [pads] = line.ac(answer(asked, AC, "PADS", { sessionId: 8 }), 1);
    assertEquals(tagsOf(pads), [SERVICE, hostUniq("2")]);
    assertEquals(
      [...line.server.relay.sessions].map(({ peer, tunnelId }) => [peer.name, tunnelId]),
      [["a", 7], ["b", 8]],
    );
    assertEquals(line.server.closed, []);
  });
}

Deno.test("Relay treats the PADS of an older session as a grant, because the AC has reused the id", () => {
  const line = inTurn({ names: ["a", "b"] });
  line.dial({ sessionId: 7 });
  line.nowMs = 60_000;
  const { pads } = line.dial({ at: 1, sessionId: 7 });
  assertEquals(parseDiscovery(pads)!.sessionId, 7);
  assertEquals([...line.server.relay.sessions].map(({ peer }) => peer.name), ["b"]);
});

Deno.test("Relay gives the same id of another AC to the current host", () => {
  const line = inTurn({ names: ["a", "b"] });
  line.dial({ ac: AC, sessionId: 7 });
  const { pads } = line.dial({ at: 1, ac: AC_2, sessionId: 7 });
  assertEquals(parseDiscovery(pads)!.sessionId, 7);
  assertEquals(line.server.relay.sessions.size, 2);
});

Deno.test("Relay forwards the PADS of a recent session with a forgotten discovery to nobody", () => {
  const line = inTurn();
  const { relay } = line.server;
  const key = { nearMac: AC, farMac: HOST, shownMac: SERVER_LINK, tunnelId: 7, linkId: 7 };
  relay.restore({ ...key, serial: 1, openedMs: 0 }, { key: "k", name: "k", heldSinceMs: 0 }, 0);
  const [sought] = line.host(padi(HOST_2, [SERVICE]));
  const [offer] = line.ac(answer(sought, AC, "PADO"));
  const [asked] = line.host(padr(offer));
  assertEquals(line.ac(answer(asked, AC, "PADS", { sessionId: 7 })), []);
  assertEquals(drops(line), ["unknown-host-uniq"]);
});

// RFC 2516, section 5.1.

const padding = (bytes: number): Tag => ({ type: 0x7777, value: new Uint8Array(bytes) });
/** Returns the length of a frame from its PPPoE header on. */
const lengthOf = (frame: Uint8Array) => 6 + tagsLength(tagsOf(frame));
const room = (most: number) =>
  textTag(
    TAG.GENERIC_ERROR,
    `pppoe-proxy: with the added tags, this would be longer than ${most} bytes`,
  );

for (const mac of ["own", "transparent"] as const) {
  const shown = mac === "own" ? [CLIENT_LINK, CLIENT_LINK] : [SERVER_LINK, AC];
  Deno.test(`Relay answers a PADI that would be too long with the added tags, with --mac ${mac}`, () => {
    const line = fixed({ mac });
    const filled = (bytes: number) => padi(HOST, [SERVICE, UNIQ, padding(bytes)]);
    // The Host-Uniq is four bytes longer, and a Relay-Session-Id is added.
    const most = 1484 - lengthOf(filled(0)) - 4 - 12;
    const [sought] = line.host(filled(most));
    assertEquals(lengthOf(sought), 1484);
    assertEquals(line.host(filled(most + 1)), []);
    assertEquals(line.client.link.splice(0), [
      discovery("PADO", shown[0], HOST, [SERVICE, UNIQ, room(1484)]),
    ]);
    assertEquals(drops(line), ["frame-too-large"]);
    // No host can treat the answer as an offer, and the AC gets no frame.
    assertEquals(line.host(discovery("PADR", HOST, shown[0], [SERVICE, hostUniq("h")])), []);
    assertEquals(drops(line), ["unknown-offer"]);
  });

  Deno.test(`Relay answers a PADR that would exceed Ethernet's length with the added tags, with --mac ${mac}`, () => {
    const line = fixed({ mac });
    const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
    const [offer] = line.ac(answer(sought, AC, "PADO", { tags: [padding(1400)] }));
    const long = discovery("PADR", HOST, parseDiscovery(offer)!.source, [
      SERVICE,
      UNIQ,
      padding(1470),
    ]);
    assertEquals(line.host(long), []);
    assertEquals(line.client.link, [
      discovery("PADS", shown[1], HOST, [SERVICE, UNIQ, room(1500)], 0),
    ]);
    assertEquals(drops(line), ["frame-too-large"]);
    assertEquals(line.server.relay.sessions.size, 0);
  });
}

Deno.test("Relay forwards a long PADI to which it adds nothing", () => {
  const uniq = hostUniq("12345678");
  const line = new Dialogue();
  assertEquals(line.host(padi(HOST, [SERVICE, uniq, padding(1450)])).length, 1);
  // A token for a host without Host-Uniq would be an addition.
  assertEquals(line.host(padi(HOST, [SERVICE, padding(1465)])), []);
  assertEquals(line.client.link.map(tagsOf), [[SERVICE, room(1484)]]);
  assert(drops(line).includes("frame-too-large"));
});

for (const relayTag of [true, false]) {
  Deno.test(`Relay shows the AC only the fixed Host-Uniq, whatever arrives, with relayTag ${relayTag}`, () => {
    const some = <T>(...values: T[]) => fc.constantFrom(...values);
    const tag = some(
      SERVICE,
      UNIQ,
      hostUniq(),
      FIXED,
      given(1),
      given(2),
      relayId("x"),
      cookie("c"),
    );
    const frame = fc.tuple(
      some(...(["PADI", "PADO", "PADR", "PADS", "PADT"] as const)),
      some(HOST, HOST_2, AC, AC_2),
      some(HOST, AC, SERVER_LINK, ETH_BROADCAST),
      fc.array(tag, { maxLength: 5 }),
      some(0, 0, 0, 1, 2, 0xfffe, 0xffff),
    ).map((packet) => discovery(...packet));
    const step = fc.record({ from: some(0, 1, 2), frame, afterMs: fc.nat(2000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const back: Uint8Array[] = [];
        const tags = { hostUniq: FIXED.value, relayTag };
        const end = makeEnd(
          { side: "server", linkMac: SERVER_LINK, tags },
          (_, frame) => back.push(frame),
        );
        for (const tunnel of [1, 2]) {
          end.relay.addTunnel(tunnel, { key: undefined, name: "c" }, 0);
        }
        let nowMs = 0;
        for (const { from, frame, afterMs } of steps) {
          nowMs += afterMs;
          end.relay.tick(nowMs);
          if (from === 0) end.relay.discoveryFromLink(frame.slice(), nowMs);
          else end.relay.discoveryFromTunnel(from, frame.slice(), nowMs);
        }
        for (const { code, source, tags } of end.link.map((frame) => parseDiscovery(frame)!)) {
          const count = (type: number) => tags.filter((tag) => tag.type === type).length;
          assertEquals(source, SERVER_LINK);
          if (code === CODE.PADT) continue;
          assertEquals(tags.filter(({ type }) => type === TAG.HOST_UNIQ), [FIXED]);
          if (relayTag) assertEquals(count(TAG.RELAY_SESSION_ID), 1);
        }
        for (const { code, destination } of back.map((frame) => parseDiscovery(frame)!)) {
          assert(code !== CODE.PADI && code !== CODE.PADR);
          assertNotEquals(destination, SERVER_LINK);
        }
      }),
      { numRuns: 300 },
    );
  });
}
