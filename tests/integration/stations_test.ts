// Hosts, ACs and segments that do things RFC 2516 does not foresee, with real processes between real
// interfaces.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { SimulatedHost } from "../../src/lab/mod.ts";
import {
  CODE,
  emitDiscovery,
  ETH_BROADCAST,
  ETH_P_PPP_DISC,
  findTag,
  formatMac,
  parseDiscovery,
  parseMac,
  PPPOE,
  readEtherType,
  sameMac,
  TAG,
} from "../../src/wire/mod.ts";
import { type Sites, variantName, variantOptions, VARIANTS, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const ROGUE = parseMac("02:66:66:66:66:66");

/** Returns the discovery frames with a certain code on the AC's segment. */
function atAcs(sites: Sites, code: number) {
  return sites.acs.log.frames
    .filter(({ direction, bytes }) => direction === "in" && readEtherType(bytes) === ETH_P_PPP_DISC)
    .map(({ bytes }) => parseDiscovery(bytes)!)
    .filter((packet) => packet.code === code);
}

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `Server and Client open sessions ${
      variantName(variant)
    } for hosts whose PADR has another Host-Uniq`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        sites.ac();
        const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
        const cases = [
          { hostUniq: one, padrHostUniq: two },
          { hostUniq: one, padrHostUniq: null },
          { padrHostUniq: two },
        ];
        for (const [n, uniqs] of cases.entries()) {
          const host = sites.host({ mac: parseMac(`02:00:00:00:cc:1${n}`), ...uniqs });
          await host.dial();
          assertEquals((await host.exchange({ frames: 20 })).returned, 20);
          assertEquals(host.protocol.mismatches, 0);
          const [padi, padr] = [CODE.PADI, CODE.PADR].map((code) => atAcs(sites, code).at(-1)!);
          assertEquals(padr.source, padi.source);
        }
        assertEquals([await sites.server.drops(), await sites.client.drops()], [{}, {}]);
      }),
  );

  testUnless(
    skipped,
    `Server and Client end a session ${variantName(variant)} for any content of the PADT`,
    () =>
      withSites({ ...variantOptions(variant), padding: true }, async (sites) => {
        const ac = sites.ac();
        const payloads: [payload: number[], length: number][] = [
          [[0x02, 0x03, 0x00, 0x08, 0x62, 0x79, 0x65], 7],
          [[...new TextEncoder().encode("session timed out")], 17],
          [[0xde, 0xad], 2],
          [[], 1400],
        ];
        for (const [n, [payload, length]] of payloads.entries()) {
          for (const by of ["host", "ac"] as const) {
            const host = sites.host({ mac: parseMac(`02:00:00:00:cc:2${n}`) });
            const { sessionId, ac: acMac } = await host.dial();
            const { host: shown } = ac.sessions.get(sessionId)!;
            const [station, source, destination] = by === "host"
              ? [sites.hosts, host.mac, acMac] as const
              : [sites.acs, ac.mac, shown] as const;
            const padt = emitDiscovery({
              destination,
              source,
              code: CODE.PADT,
              sessionId,
              tags: [],
            });
            const frame = Uint8Array.of(...padt, ...payload);
            frame.set([length >> 8, length & 0xff], PPPOE.length[0]);
            station.send(frame);
            if (by === "host") await until("the AC knows", () => ac.sessions.size === 0);
            else {
              assertEquals(await host.closed(), "ac");
              // The AC has closed its own session, so it does not wait for a PADT.
              ac.hangUp(sessionId);
            }
            host.close();
          }
        }
        // The PADT arrives without its payload.
        const passed = atAcs(sites, CODE.PADT);
        assertEquals(passed.map(({ tags }) => tags), payloads.map(() => []));
        for (const { drops } of [await sites.client.status(), await sites.server.status()]) {
          assertEquals(drops.malformed, 0);
        }
      }),
  );

  testUnless(
    skipped,
    `Server and Client pass what a host ${
      variantName(variant)
    } sends to one AC that is meant for all`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const ac = sites.ac();
        const host = sites.host();
        const { ac: shown } = await host.dial();
        const count = atAcs(sites, CODE.PADI).length;
        const source = parseMac("02:00:00:00:cc:31");
        const packet = { destination: shown, source, sessionId: 0, tags: [] };
        sites.hosts.send(emitDiscovery({ ...packet, code: CODE.PADI }));
        await until("a PADI arrives", () => atAcs(sites, CODE.PADI).length > count);
        assertEquals(atAcs(sites, CODE.PADI).at(-1)!.destination, ETH_BROADCAST);

        sites.hosts.send(emitDiscovery({ ...packet, code: CODE.PADT }));
        await until("a PADT arrives", () => atAcs(sites, CODE.PADT).length > 0);
        const [padt] = atAcs(sites, CODE.PADT);
        assertEquals([padt.destination, padt.sessionId], [ac.mac, 0]);
        assertEquals(padt.source, atAcs(sites, CODE.PADI).at(-1)!.source);
      }),
  );

  testUnless(
    skipped,
    `Server drops a PADI ${variantName(variant)} that comes back, and warns of the loop`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        // A cable connects the two segments, so broadcasts on one reach the other.
        const deafen = sites.acs.listen((frame) => {
          if (sameMac(frame, 0, ETH_BROADCAST, 0)) sites.hosts.send(frame);
        });
        const host = sites.host();
        host.dial().catch(() => {});
        await sites.server.untilLine(/WARN.*PADI loop: .* client/);
        await sites.settled(sites.acs);
        await sites.settled(sites.hosts);
        deafen();
        assertEquals(atAcs(sites, CODE.PADI).length, 1);
        const { drops, problems } = await sites.server.status();
        assertEquals([drops.loop, problems.map(({ id }) => id)], [1, ["loop"]]);
        assertMatch(problems[0].since, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        assertMatch(problems[0].advice, /separate/);
        // The loop does not prevent the next dial.
        sites.ac();
        await sites.host({ mac: parseMac("02:00:00:00:cc:41") }).dial();
      }),
  );

  testUnless(
    skipped,
    `Server ignores a PADS ${variantName(variant)} from a station that was not asked`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const ac = sites.ac();
        // The other station answers before the AC, with its own session id.
        ac.onFrame = (frame) => {
          const packet = parseDiscovery(frame);
          if (packet?.code !== CODE.PADR) return;
          const uniq = findTag(packet.tags, TAG.HOST_UNIQ)!;
          const { source: destination } = packet;
          const pads = { destination, source: ROGUE, code: CODE.PADS, tags: [uniq] };
          for (const sessionId of [666, 0]) sites.acs.send(emitDiscovery({ ...pads, sessionId }));
        };
        const { sessionId } = await sites.host().dial();
        assertEquals([...ac.sessions.keys()], [sessionId]);
        const { sessions, drops, problems } = await sites.server.status();
        assertEquals(sessions.map((session) => session.ac), [formatMac(ac.mac)]);
        assert(drops["wrong-ac"] >= 2);
        assertEquals(problems.map(({ id }) => id), ["wrong-ac"]);
        assertEquals(atAcs(sites, CODE.PADT), []);
      }),
  );
}

testUnless(
  skipped,
  "Server connects hosts that dial at once to an AC that answers one PADI per second and address",
  () =>
    withSites({ flags: ["--mac", "own"] }, async (sites) => {
      let takenMs = -Infinity;
      const ac = sites.ac({
        ignore: ({ code }) => {
          if (code !== CODE.PADI) return false;
          const nowMs = performance.now();
          const ignored = nowMs - takenMs <= 1000;
          if (!ignored) takenMs = nowMs;
          return ignored;
        },
      });
      // Each host sends one PADI, and waits as long as pppd would after its last one.
      const hosts: SimulatedHost[] = [1, 2, 3, 4].map((n) =>
        sites.host({ mac: parseMac(`02:00:00:00:cc:0${n}`), retryMs: 20_000 })
      );
      await Promise.all(hosts.map((host) => host.dial()));
      assertEquals(ac.sessions.size, 4);
    }),
);

testUnless(
  skipped,
  "Server with --mac transparent drops hosts with the address of the AC or of another client's host",
  () =>
    withSites({ flags: ["--mac", "transparent"], clients: 2 }, async (sites) => {
      const ac = sites.ac();
      const [first, second] = sites.sites;
      const host = sites.host({ mac: parseMac("02:00:00:00:cc:01") }, first);
      await host.dial();
      const before = sites.acs.log.frames.length;
      for (const mac of [ac.mac, host.mac]) sites.host({ mac }, second).dial().catch(() => {});
      await until(
        "both are dropped",
        async () => (await sites.server.drops())["bad-address"] === 2,
      );
      await sites.settled(sites.acs);
      // Only the marker of the wait arrives.
      const since = sites.acs.log.frames.slice(before);
      assertEquals(since.filter(({ bytes }) => parseDiscovery(bytes)?.code === CODE.PADI), []);
      assertMatch(
        await sites.server.untilLine(/WARN.*has the address/),
        /which already belongs to (an AC|a host of another client)/,
      );
      assertEquals((await host.exchange({ frames: 20 })).returned, 20);
    }),
);
