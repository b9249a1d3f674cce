// Servers and clients whose Ethernet segments are joined: what one sends out comes back through the other.

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

/** The number of PADIs that two pairs make of one before they stop, if no token shows the loop. */
const MOST = 16;

const FIXED = bytes("isp-1");
const RELAYED = { type: TAG.RELAY_SESSION_ID, value: bytes("dslam") };

type Way = [what: string, tags: RelayOptions["tags"], host: ReturnType<typeof hostUniq>[]];

/** The way in which each server tells answers apart, and the tags of the host's PADI. */
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

/** A server and its client, each with links of their own. */
function pair(n: number, mac: MacMode, tags: RelayOptions["tags"]): Dialogue {
  const tokens = new Tokens(new Uint8Array(16).fill(n), n);
  return new Dialogue({
    server: { mac, tags, tokens, linkMac: macOf(0x50 + n) },
    client: { mac, linkMac: macOf(0xc0 + n) },
    names: [`client ${n}`],
  });
}

/** Tells if an interface takes a frame off its segment. */
function hears(mac: MacMode, linkMac: Uint8Array, frame: Uint8Array): boolean {
  return mac !== "own" || sameMac(frame, 0, ETH_BROADCAST, 0) || sameMac(frame, 0, linkMac, 0);
}

/** Has each server's frames heard by a client, and counts the PADIs until all is quiet, 1 ms a hop. */
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
    Deno.test(`Relay stops a PADI that circles where client and server share a segment, ${what}, --mac ${mac}`, () => {
      const one = pair(1, mac, tags);
      const padis = circulate([one], () => 0, mac, padi(HOST, [SERVICE, ...uniq]));
      assert(padis <= 2, `${padis} PADIs`);
      // The next one, and that of another host, have no way round either, and go out.
      for (const [host, atMs] of [[HOST, 6000], [macOf(0x99), 20_000]] as const) {
        const again = circulate([one], () => 0, mac, padi(host, [SERVICE, ...uniq]), atMs);
        assert(again >= 1 && again <= 2, `${again} PADIs`);
      }
    });

    Deno.test(`Relay stops a PADI that circles between two pairs crosswise, ${what}, --mac ${mac}`, () => {
      const pairs = [pair(1, mac, tags), pair(2, mac, tags)];
      const padis = circulate(pairs, (from) => 1 - from, mac, padi(HOST, [SERVICE, ...uniq]));
      assert(padis >= 1 && padis <= MOST, `${padis} PADIs`);
      const stopped = pairs.flatMap(({ server }) => server.drops);
      assertEquals(stopped.length, 1);
      assert(["loop", "discovery-busy"].includes(stopped[0]), stopped[0]);
    });

    Deno.test(`Relay stops a PADI that circles between two pairs with Host-Uniqs of their own, ${what}, --mac ${mac}`, () => {
      const other = tags && { ...tags, hostUniq: bytes("isp-2") };
      const hosts = [uniq, uniq.map((tag) => ({ ...tag, value: bytes("isp-2") }))];
      for (const [n, host] of hosts.entries()) {
        const pairs = [pair(1, mac, tags), pair(2, mac, other)];
        const padis = circulate(pairs, (from) => 1 - from, mac, padi(HOST, [SERVICE, ...host]));
        assert(padis >= 1 && padis <= MOST, `${padis} PADIs, ${n}`);
      }
    });

    Deno.test(`Relay stops a PADI that circles between two pairs of other kinds, ${what}, --mac ${mac}`, () => {
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

  Deno.test(`Relay names the loop, and the client that it goes through, --mac ${mac}`, () => {
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

Deno.test("Relay takes what its own interface sent for a loop where nothing else tells, with --mac own", () => {
  const one = pair(1, "own", { hostUniq: FIXED, relayTag: false });
  const [sought] = one.host(padi(HOST, [SERVICE, hostUniq("h")]));
  one.nowMs = 60_000;
  assertEquals(one.host(sought), []);
  assertEquals(one.server.drops, ["loop"]);
  assertEquals(sought.subarray(...ETHERNET.source), one.server.relay.linkMac);
  // Where a token shows it, a host may have that address: another interface of the same card.
  const two = pair(2, "own", undefined);
  assertEquals(two.host(padi(two.server.relay.linkMac, [SERVICE, hostUniq("h")])).length, 1);
});

Deno.test("Relay takes two hosts behind another server for two, one at a time", () => {
  const first = pair(1, "own", undefined);
  const second = pair(2, "own", { hostUniq: FIXED, relayTag: false });
  const seen = [HOST, macOf(0x99)].map((host) => {
    const [sought] = first.host(padi(host, [SERVICE, hostUniq("h")]));
    return second.host(sought).length;
  });
  assertEquals([seen, second.server.drops], [[1, 0], ["discovery-busy"]]);
});

for (const mac of MAC_MODES) {
  Deno.test(`Relay knows its own PADI again behind any other server, however long the way, --mac ${mac}`, () => {
    // Both on one segment, so that each client hears both servers.
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

Deno.test("Relay looks at no more than two tags of a PADI for tokens", () => {
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
  Deno.test(`Relay names a loop between two pairs crosswise, one at a time, and leaves hosts their turns, --mac ${mac}`, () => {
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
    // The other host has its turn, as without a loop.
    assertEquals(dial(other, 30_000), true);
  });
}
