// PPPoE sessions through server and client, as real processes between real interfaces.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DialError, makeEchoRequest, PAYLOAD_HLEN } from "../../src/lab/mod.ts";
import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  emitSession,
  ETH_BROADCAST,
  LCP_CODE,
  parseLcp,
  parseMac,
  parseSession,
  PPP_PROTOCOL,
  PPPOE_FRAME_HLEN,
  readCode,
  TAG,
  textTag,
} from "../../src/wire/mod.ts";
import {
  padtsAt,
  type Sites,
  untilPadts,
  variantName,
  variantOptions,
  VARIANTS,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const STRANGER = parseMac("02:00:00:00:ee:01");
const STRANGER_ELSEWHERE = parseMac("02:00:00:00:ee:02");
/** The length of a session frame's headers: Ethernet, PPPoE and the PPP protocol. */
const SESSION_HLEN = PPPOE_FRAME_HLEN + 2;

async function untilNoSessions(sites: Sites): Promise<void> {
  for (const program of [sites.client, sites.server]) {
    await program.untilStatus("it has no session", ({ sessions }) => sessions.length === 0);
  }
}

testUnless(
  skipped,
  "Server and Client close a session when its AC goes silent, unless the AC never answered an echo",
  () =>
    withSites({ flags: ["--dead-timeout", "1"] }, async (sites) => {
      const ac = sites.ac();
      const { hosts: [answered, never] } = await sites.dialMany(2);
      await answered.echo();
      const padts = padtsAt(sites.acs);
      ac.onFrame = (frame) => parseSession(frame) !== undefined;
      for (let identifier = 100; identifier < 104; identifier++) {
        for (const host of [never, answered]) {
          host.send(makeEchoRequest(identifier), PPP_PROTOCOL.LCP);
        }
      }
      assertEquals(await answered.closed(5000), "ac");
      await untilPadts(sites.acs, padts + 1);
      assertEquals(ac.sessions.size, 1);
      for (const program of [sites.client, sites.server]) {
        const { sessions } = await program.untilStatus(
          "one is left",
          (s) => s.sessions.length === 1,
        );
        assertEquals(sessions.map(({ sessionId }) => sessionId), [never.protocol.sessionId]);
      }
      const reason = /the AC answered LCP echo before, but not for the last \d+ s/;
      const closings = [sites.client, sites.server].flatMap((program) => program.matching(reason));
      assert(closings.length > 0, await sites.report());
      assertEquals(never.protocol.state, "open");
    }),
);

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `Server and Client carry a session ${variantName(variant)} until the host hangs up`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const ac = sites.ac({ firstSessionId: 0x1234 });
        const host = sites.host({ hostUniq: Uint8Array.of(1, 2, 3) });
        const session = await host.dial();
        assertEquals(session.acName, "bras1");
        const [seen] = ac.sessions.values();
        if (variant.mac === "transparent") {
          assertEquals(session.ac, sites.acs.mac);
          assertEquals(seen.host, sites.hosts.mac);
        } else {
          assert(
            !Array.from([session.ac, sites.hosts.mac]).some((mac) =>
              `${mac}` === `${sites.acs.mac}`
            ),
          );
          assert(`${seen.host}` !== `${sites.hosts.mac}`);
        }

        const smallest = await host.exchange({
          frames: 40,
          payloadLength: (n) => PAYLOAD_HLEN + n,
        });
        const largest = await host.exchange({ frames: 40, payloadLength: (n) => 1492 - n });
        assertEquals([smallest.returned, largest.returned], [40, 40]);
        assertEquals(seen.corrupted, 0);

        assert(await host.echo() > 0);
        ac.send(seen.sessionId, makeEchoRequest(77), PPP_PROTOCOL.LCP);
        await sites.acs.log.waitFor(({ direction, bytes }) => {
          const packet = direction === "in" ? parseSession(bytes) : undefined;
          const lcp = packet?.protocol === PPP_PROTOCOL.LCP ? parseLcp(packet.payload) : undefined;
          return lcp?.code === LCP_CODE.ECHO_REPLY && lcp.identifier === 77;
        });

        host.hangUp();
        await untilPadts(sites.acs, 1);
        assertEquals(ac.sessions.size, 0);
        assertEquals(ac.closed.map(({ closedBy }) => closedBy), ["host"]);
        await untilNoSessions(sites);
        assertEquals(padtsAt(sites.hosts), 0);
      }),
  );

  testUnless(
    skipped,
    `Server and Client close a session ${variantName(variant)} when the AC hangs up`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const ac = sites.ac();
        const host = sites.host();
        await host.dial();
        const [{ sessionId }] = ac.sessions.values();
        ac.hangUp(sessionId);
        assertEquals(await host.closed(), "ac");
        await untilNoSessions(sites);
        assertEquals(padtsAt(sites.acs), 0);
        // Dialling again opens a new session.
        await host.dial();
        assertEquals((await host.exchange({ frames: 10 })).returned, 10);
      }),
  );

  testUnless(
    skipped,
    `Server and Client count ${1000} frames each way ${variantName(variant)}`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const frames = 1000;
        const payload = 700;
        const bytes = frames * (SESSION_HLEN + payload);
        sites.ac();
        const host = sites.host();
        await host.dial();
        const { returned } = await host.exchange({ frames, payloadLength: () => payload });
        assertEquals(returned, frames);
        for (const program of [sites.client, sites.server]) {
          const status = await program.untilCarried();
          const [session] = status.sessions;
          assertEquals([session.framesFromLink, session.framesFromTunnel], [frames, frames]);
          assertEquals([session.bytesFromLink, session.bytesFromTunnel], [bytes, bytes]);
          assertEquals([session.framesUp, session.framesDown], [frames, frames]);
          assertEquals([session.bytesUp, session.bytesDown], [bytes, bytes]);
          const carried = { discovery: 2, session: frames };
          assertEquals(status.frames, {
            fromLink: carried,
            fromTunnel: carried,
            uplink: carried,
            downlink: carried,
          });
          for (const direction of Object.values(status.bytes)) {
            assertEquals(direction.session, bytes);
          }
          const [tunnel] = status.tunnels;
          assertEquals([tunnel.framesIn, tunnel.framesOut], [frames + 2, frames + 2]);
          assertEquals(await program.drops(), {});
          const metrics = await program.metrics();
          for (const [from, direction] of [["link", "uplink"], ["tunnel", "downlink"]]) {
            const labels = (kind: string) =>
              `{direction="${direction}",kind="${kind}",from="${from}"}`;
            assertEquals(metrics.get(`pppoe_proxy_frames_total${labels("session")}`), frames);
            assertEquals(metrics.get(`pppoe_proxy_frames_total${labels("discovery")}`), 2);
            assertEquals(metrics.get(`pppoe_proxy_bytes_total${labels("session")}`), bytes);
          }
          assertEquals(metrics.get('pppoe_proxy_sessions{state="open"}'), 1);
          assertEquals(metrics.get("pppoe_proxy_tunnels"), 1);
          const drops = [...metrics].filter(([name]) => name.startsWith("pppoe_proxy_drops_total"));
          assert(drops.length > 0);
          assertEquals(drops.filter(([, count]) => count > 0), []);
        }
        host.hangUp();
        await untilPadts(sites.acs, 1);
        await untilNoSessions(sites);
        // The counts of a closed session stay in the totals.
        for (const program of [sites.client, sites.server]) {
          const { frames: totals } = await program.status();
          assertEquals([totals.uplink.session, totals.downlink.session], [frames, frames]);
        }
      }),
  );
}

for (const variant of VARIANTS.slice(0, 2)) {
  testUnless(
    skipped,
    `Server and Client remove padding ${variantName(variant)}`,
    () =>
      withSites(
        { ...variantOptions(variant), padding: true, log: { data: true } },
        async (sites) => {
          const ac = sites.ac();
          const host = sites.host();
          await host.dial();
          const frames = 30;
          const { returned } = await host.exchange({
            frames,
            payloadLength: (n) => PAYLOAD_HLEN + n,
          });
          assertEquals(returned, frames);
          await host.echo();
          host.hangUp();
          await untilPadts(sites.acs, 1);
          const [{ corrupted }] = ac.closed;
          assertEquals(corrupted, 0);
          for (const { log } of [sites.hosts, sites.acs]) {
            const seen = log.frames.filter(({ direction }) => direction === "in");
            assert(seen.length > frames);
            for (const { bytes } of seen) {
              const length = bytes[18] << 8 | bytes[19];
              assertEquals(bytes.length, PPPOE_FRAME_HLEN + length);
            }
            const sent = log.frames.filter(({ direction }) => direction === "out");
            assert(sent.every(({ bytes }) => bytes.length >= 60));
          }
        },
      ),
  );
}

testUnless(
  skipped,
  "Server and Client pass on a refusal, and open no session",
  () =>
    withSites({}, async (sites) => {
      const ac = sites.ac({ refusal: { tag: TAG.SERVICE_NAME_ERROR, text: "closed today" } });
      const host = sites.host({ hostUniq: Uint8Array.of(9) });
      const error = await assertRejects(() => host.dial(), DialError);
      assertEquals(error.refusal, { tag: TAG.SERVICE_NAME_ERROR, text: "closed today" });
      for (const program of [sites.client, sites.server]) {
        assertEquals((await program.status()).sessions, []);
        assertEquals(await program.drops(), {});
      }
      ac.protocol.options.refusal = undefined;
      await host.dial();
      assertEquals((await host.exchange({ frames: 10 })).returned, 10);
      for (const program of [sites.client, sites.server]) {
        assertEquals((await program.status()).sessions.length, 1);
      }
    }),
);

testUnless(
  skipped,
  "Server and Client open one session for repeated frames on either side",
  () =>
    withSites({}, async (sites) => {
      const ignored: number[] = [];
      // The AC ignores the first frame of each kind, so the host has to repeat it.
      const ignore = ({ code }: DiscoveryPacket) => {
        if (ignored.includes(code)) return false;
        ignored.push(code);
        return true;
      };
      const ac = sites.ac({ copies: 3, ignore });
      const host = sites.host({ hostUniq: Uint8Array.of(9), retryMs: 100, attempts: 4 });
      await host.dial();
      assertEquals(ignored, [CODE.PADI, CODE.PADR]);
      assertEquals((await host.exchange({ frames: 10 })).returned, 10);
      await until("all repeats have arrived", () => sites.hosts.log.count("in", CODE.PADS) === 3);
      assertEquals(sites.acs.log.count("in", CODE.PADI), sites.hosts.log.count("out", CODE.PADI));
      assertEquals(sites.acs.log.count("in", CODE.PADR), 2);
      assertEquals(ac.sessions.size, 1);
      for (const program of [sites.client, sites.server]) {
        assertEquals((await program.status()).sessions.length, 1);
        assertEquals(program.matching(/Session opened/).length, 1);
        assertEquals(await program.drops(), {});
      }
      assertEquals(padtsAt(sites.acs) + padtsAt(sites.hosts), 0);
    }),
);

testUnless(
  skipped,
  "Server and Client drop and count frames that belong to no session",
  () =>
    withSites({}, async (sites) => {
      const ac = sites.ac();
      const host = sites.host();
      const { ac: client } = await host.dial();
      const [{ sessionId, host: server }] = ac.sessions.values();
      const before = { host: sites.hosts.log.total, ac: sites.acs.log.total };
      const { PADI, PADO, PADT, PADS } = CODE;
      const tags = [textTag(TAG.SERVICE_NAME, "")];
      const pado = [...tags, textTag(TAG.AC_NAME, "rogue")];
      const discovery = (code: number, destination: Uint8Array, sessionId = 0, tagList = tags) =>
        emitDiscovery({ destination, source: STRANGER, code, sessionId, tags: tagList });
      const data = (destination: Uint8Array, sessionId: number) =>
        emitSession({
          destination,
          source: STRANGER,
          sessionId,
          protocol: PPP_PROTOCOL.IPV4,
          payload: new Uint8Array(40),
        });
      const lie = data(client, sessionId);
      lie[18] = 0xff;
      const anotherVersion = discovery(PADI, ETH_BROADCAST);
      anotherVersion[14] = 0x21;

      host.sendRaw(data(client, sessionId));
      host.sendRaw(data(client, 0x7777));
      host.sendRaw(discovery(PADT, client, sessionId));
      host.sendRaw(discovery(PADO, client, 0, pado));
      host.sendRaw(lie);
      host.sendRaw(anotherVersion);
      ac.sendRaw(data(server, sessionId));
      ac.sendRaw(discovery(PADT, server, sessionId));
      ac.sendRaw(discovery(PADI, ETH_BROADCAST));
      ac.sendRaw(discovery(PADO, server, 0, pado));
      ac.sendRaw(discovery(PADS, server, 0x0fff, tags));
      // This frame is for another machine's address, so with --mac own it is not received at all.
      ac.sendRaw(data(STRANGER_ELSEWHERE, sessionId));

      const atClient = { "malformed": 2, "wrong-direction": 1, "unknown-session": 3 };
      const atServer = { "wrong-direction": 1, "unknown-session": 2, "unknown-host-uniq": 2 };
      await until("the client has counted them", async () => {
        const drops = await sites.client.drops();
        return Object.values(drops).reduce((a, b) => a + b, 0) >= 6;
      });
      await until("the server has counted them", async () => {
        const drops = await sites.server.drops();
        return Object.values(drops).reduce((a, b) => a + b, 0) >= 5;
      });
      // The session still works. If any of the frames above had been carried, it would have arrived before.
      assertEquals((await host.exchange({ frames: 10, payloadLength: () => 99 })).returned, 10);
      assertEquals(await sites.client.drops(), atClient);
      assertEquals(await sites.server.drops(), atServer);
      const strange = (station: typeof sites.hosts, after: number) =>
        station.log.frames.filter(({ number, direction }) => number > after && direction === "in");
      assertEquals(strange(sites.hosts, before.host), []);
      assertEquals(strange(sites.acs, before.ac), []);
      assertEquals(readCode(lie), CODE.SESSION);
    }),
);
