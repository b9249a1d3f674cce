// Servers and clients whose Ethernet segments are joined, so that frames of one come back through another.

import { assert, assertEquals } from "@std/assert";
import {
  CODE,
  ETH_BROADCAST,
  ETHERNET,
  parseDiscovery,
  sameMac,
  TAG,
} from "../../../src/wire/mod.ts";
import { type MacMode, type RelayOptions, Tokens } from "../../../src/relay/mod.ts";
import { Dialogue } from "../../support/dialogue.ts";
import {
  AC,
  answer,
  bytes,
  HOST,
  hostUniq,
  mac as macOf,
  MAC_MODES,
  padi,
  SERVICE,
} from "../../support/relays.ts";

/** The number of PADIs into which two pairs multiply one before they stop, if no token shows the loop. */
const MOST = 16;

const FIXED = bytes("isp-1");
const RELAYED = { type: TAG.RELAY_SESSION_ID, value: bytes("dslam") };

type Way = [what: string, tags: RelayOptions["tags"], host: ReturnType<typeof hostUniq>[]];

/** The way in which each server distinguishes answers, and the tags of the host's PADI. */
const WAYS: Way[] = [
  ["by its own Host-Uniq", undefined, [hostUniq("h")]],
  ["by its own Host-Uniq, none from the host", undefined, []],
  ["by Relay-Session-Id", { hostUniq: FIXED }, [hostUniq("h")]],
  ["by an agent's Relay-Session-Id", { hostUniq: FIXED }, [hostUniq("h"), RELAYED]],
  ["by an agent's, with the ISP's Host-Uniq", { hostUniq: FIXED }, [
    { type: TAG.HOST_UNIQ, value: FIXED },
    RELAYED,
  ]],
  ["one at a time", { hostUniq: FIXED, relayTag: false }, [hostUniq("h")]],
  ["one at a time, with the ISP's Host-Uniq", { hostUniq: FIXED, relayTag: false }, [
    { type: TAG.HOST_UNIQ, value: FIXED },
  ]],
];

/** Makes a server and its client, each with its own link. */
function pair(n: number, mac: MacMode, tags: RelayOptions["tags"]): Dialogue {
  const tokens = new Tokens(new Uint8Array(16).fill(n), n);
  return new Dialogue({
    server: { mac, tags, tokens, linkMac: macOf(0x50 + n) },
    client: { mac, linkMac: macOf(0xc0 + n) },
    names: [`client ${n}`],
  });
}

/** Returns true if an interface accepts a frame from its segment. */
function hears(mac: MacMode, linkMac: Uint8Array, frame: Uint8Array): boolean {
  return mac !== "own" || sameMac(frame, 0, ETH_BROADCAST, 0) || sameMac(frame, 0, linkMac, 0);
}

/** Passes each server's frames to a client until all are quiet, at 1 ms per hop; returns the number of PADIs. */
function circulate(
  pairs: Dialogue[],
  hearer: (index: number) => number,
  mac: MacMode,
  first: Uint8Array,
  atMs = 1000,
): number {
  for (const each of pairs) each.nowMs = atMs;
  let padis = 0;
  let frames = pairs[0].host(first).map((frame) => ({ from: 0, frame }));
  for (let hop = 0; frames.length > 0; hop++) {
    assert(hop < 100, `still ${frames.length} frames after ${padis} PADIs`);
    frames = frames.flatMap(({ from, frame }) => {
      if (parseDiscovery(frame)!.code === CODE.PADI) padis++;
      const to = hearer(from);
      const { client } = pairs[to];
      pairs[to].nowMs++;
      if (!hears(mac, client.relay.linkMac, frame)) return [];
      return pairs[to].host(frame).map((next) => ({ from: to, frame: next }));
    });
  }
  return padis;
}

for (const mac of MAC_MODES) {
  for (const [what, tags, uniq] of WAYS) {
    Deno.test(`Relay stops a PADI that circulates if client and server share a segment, ${what}, --mac ${mac}`, () => {
      const one = pair(1, mac, tags);
      const padis = circulate([one], () => 0, mac, padi(HOST, [SERVICE, ...uniq]));
      assert(padis <= 2, `${padis} PADIs`);
      // The next PADI, and that of another host, go out, and do not circulate either.
      for (const [host, atMs] of [[HOST, 6000], [macOf(0x99), 20_000]] as const) {
        const again = circulate([one], () => 0, mac, padi(host, [SERVICE, ...uniq]), atMs);
        assert(again >= 1 && again <= 2, `${again} PADIs`);
      }
    });

    Deno.test(`Relay stops a PADI that circulates between two crossed pairs, ${what}, --mac ${mac}`, () => {
      const pairs = [pair(1, mac, tags), pair(2, mac, tags)];
      const padis = circulate(pairs, (from) => 1 - from, mac, padi(HOST, [SERVICE, ...uniq]));
      assert(padis >= 1 && padis <= MOST, `${padis} PADIs`);
      const stopped = pairs.flatMap(({ server }) => server.drops);
      assertEquals(stopped.length, 1);
      assert(["loop", "discovery-busy"].includes(stopped[0]), stopped[0]);
    });

    Deno.test(`Relay stops a PADI that circulates between two pairs with different Host-Uniqs, ${what}, --mac ${mac}`, () => {
      const other = tags && { ...tags, hostUniq: bytes("isp-2") };
      const hosts = [uniq, uniq.map((tag) => ({ ...tag, value: bytes("isp-2") }))];
      for (const [n, host] of hosts.entries()) {
        const pairs = [pair(1, mac, tags), pair(2, mac, other)];
        const padis = circulate(pairs, (from) => 1 - from, mac, padi(HOST, [SERVICE, ...host]));
        assert(padis >= 1 && padis <= MOST, `${padis} PADIs, ${n}`);
      }
    });

    Deno.test(`Relay stops a PADI that circulates between two pairs of different kinds, ${what}, --mac ${mac}`, () => {
      const pairs = [pair(1, mac, tags), pair(2, mac, undefined)];
      const first = padi(HOST, [SERVICE, ...uniq]);
      for (const [order, atMs] of [[pairs, 1000], [pairs.toReversed(), 20_000]] as const) {
        const padis = circulate(order, (from) => 1 - from, mac, first, atMs);
        assert(padis >= 1 && padis <= MOST, `${padis} PADIs`);
        const stopped = pairs.flatMap(({ server }) => server.drops.splice(0));
        assertEquals(stopped.length, 1);
        assert(["loop", "discovery-busy"].includes(stopped[0]), stopped[0]);
      }
    });
  }

  Deno.test(`Relay reports the loop, and the client through which it goes, --mac ${mac}`, () => {
    const one = pair(1, mac, undefined);
    assertEquals(circulate([one], () => 0, mac, padi(HOST, [SERVICE, hostUniq("h")])), 1);
    assertEquals(one.server.drops, ["loop"]);
    assertEquals(one.server.problems.map(({ id }) => id), ["loop"]);
    assert(one.server.problems[0].what.includes("client 1"));
  });

  Deno.test(`Relay carries a discovery through three pairs in a row, --mac ${mac}`, () => {
    const pairs = [1, 2, 3].map((n) => pair(n, mac, undefined));
    let frame = padi(HOST, [SERVICE, hostUniq("h")]);
    for (const each of pairs) [frame] = each.host(frame);
    let offer = answer(frame, AC, "PADO");
    for (const each of pairs.toReversed()) [offer] = each.ac(offer);
    assertEquals(parseDiscovery(offer)!.destination, HOST);
    assertEquals(parseDiscovery(offer)!.tags.at(-1), hostUniq("h"));
    assertEquals(pairs.flatMap(({ server, client }) => [...server.drops, ...client.drops]), []);
  });
}

Deno.test("Relay treats a PADI from its own interface's address as a loop if there is no token, with --mac own", () => {
  const one = pair(1, "own", { hostUniq: FIXED, relayTag: false });
  const [sought] = one.host(padi(HOST, [SERVICE, hostUniq("h")]));
  one.nowMs = 60_000;
  assertEquals(one.host(sought), []);
  assertEquals(one.server.drops, ["loop"]);
  assertEquals(sought.subarray(...ETHERNET.source), one.server.relay.linkMac);
  // With tokens, a host may have that address, such as another interface of the same card.
  const two = pair(2, "own", undefined);
  assertEquals(two.host(padi(two.server.relay.linkMac, [SERVICE, hostUniq("h")])).length, 1);
});

Deno.test("Relay distinguishes two hosts behind another server, with one discovery at a time", () => {
  const first = pair(1, "own", undefined);
  const second = pair(2, "own", { hostUniq: FIXED, relayTag: false });
  const seen = [HOST, macOf(0x99)].map((host) => {
    const [sought] = first.host(padi(host, [SERVICE, hostUniq("h")]));
    return second.host(sought).length;
  });
  assertEquals([seen, second.server.drops], [[1, 0], ["discovery-busy"]]);
});

for (const mac of MAC_MODES) {
  Deno.test(`Relay recognizes its own PADI behind any other server, however long the way, --mac ${mac}`, () => {
    // Both servers are on one segment, so each client hears both.
    const pairs = [1, 2].map((n) => pair(n, mac, { hostUniq: bytes(`isp-${n}`) }));
    let frames = pairs[0].host(padi(HOST, [SERVICE, hostUniq("h")]));
    let padis = frames.length;
    for (let hop = 0; frames.length > 0 && hop < 20; hop++) {
      frames = frames.flatMap((frame) =>
        pairs.flatMap((each) => {
          each.nowMs += 5000;
          return each.host(frame);
        })
      );
      padis += frames.length;
    }
    assertEquals(frames, []);
    assert(padis <= MOST, `${padis} PADIs`);
  });
}

Deno.test("Relay checks at most two tags of a PADI for tokens", () => {
  let asked = 0;
  const tokens = new Tokens(new Uint8Array(16), 1);
  const one = new Dialogue({
    server: {
      tokens: {
        next: (passes) => tokens.next(passes),
        made: (token) => {
          asked++;
          return tokens.made(token);
        },
      },
    },
  });
  const made = Array.from({ length: 90 }, () => tokens.next(0));
  const uniqs = made.map((value) => ({ type: TAG.HOST_UNIQ, value }));
  one.host(padi(HOST, [SERVICE, hostUniq("not one of them", 1), ...uniqs]));
  assertEquals(asked, 0);
  one.host(padi(HOST, [SERVICE, ...uniqs]));
  assertEquals([asked, one.server.drops], [1, ["loop"]]);
});

for (const mac of ["own", "per-host"] as const) {
  Deno.test(`Relay reports a loop between two crossed pairs, and still gives hosts their turns, --mac ${mac}`, () => {
    const tags = { hostUniq: FIXED, relayTag: false };
    const pairs = [pair(1, mac, tags), pair(2, mac, tags)];
    const [{ server }] = pairs;
    const host = padi(HOST, [SERVICE, hostUniq("h")]);
    const other = padi(macOf(0x99), [SERVICE, hostUniq("h")]);
    const dial = (frame: Uint8Array, atMs: number) =>
      circulate(pairs, (from) => 1 - from, mac, frame, atMs) > 0;
    // Two hosts dial at once, like pppd, and the first gives up.
    const out = [0, 5000, 15_000].map((atMs) => [dial(host, atMs), dial(other, atMs + 200)]);
    assertEquals(out[0], [true, false]);
    assert(server.drops.includes("loop"), `${server.drops}`);
    assertEquals(server.problems[0]?.id, "loop");
    // The other host gets its turn, as without a loop.
    assertEquals(dial(other, 30_000), true);
  });
}
