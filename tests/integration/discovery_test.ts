// Discovery through server and client, and its limits, with real processes between real interfaces.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DialError, HostProtocol, type SimulatedHost, SITE } from "../../src/lab/mod.ts";
import {
  type AccessLine,
  accessLineTag,
  CODE,
  findTag,
  formatMac,
  maxPayloadTag,
  parseAccessLine,
  parseMac,
  readMaxPayload,
  TAG,
} from "../../src/wire/mod.ts";
import { untilPadts, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { TwoPlanes } from "../support/two_planes.ts";
import { until } from "../support/until.ts";

/** Returns the flags of a server, with additional ones. */
const server = (...flags: string[]) => [
  ...["--listen", `0.0.0.0:${SITE.tunnelPort}`, "--allow", "10.0.0.0/8"],
  ...flags,
];

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

testUnless(
  skipped,
  "Server announces the limit of a smaller MTU to hosts, and counts larger frames",
  () =>
    withSites({ start: false }, async (sites) => {
      const mtu = (mtu: number) =>
        sites.net.ip(sites.serverNamespace, "link", "set", "isp0", "mtu", `${mtu}`);
      await mtu(1400);
      await sites.start();
      assertMatch(await sites.server.untilLine(/MTU/), /isp0 has an MTU of 1400.* 1392 bytes/);
      assertEquals(sites.client.matching(/MTU/), []);

      sites.ac({ extraTags: [maxPayloadTag(1500)] });
      const host = sites.host({ extraTags: [maxPayloadTag(1500)] });
      const promised = ({ protocol }: SimulatedHost) =>
        readMaxPayload(findTag(protocol.offer!.tags, TAG.PPP_MAX_PAYLOAD)!);
      await host.dial();
      assertEquals(promised(host), 1392);
      const fits = await host.exchange({ frames: 10, payloadLength: () => 1392 });
      assertEquals(fits.returned, 10);
      assertEquals(await sites.server.drops(), {});
      const over = await host.exchange({ frames: 3, payloadLength: () => 1393, timeoutMs: 300 });
      assertEquals(over.returned, 0);
      assertEquals(await sites.server.drops(), { "frame-too-large": 3 });

      host.hangUp();

      await mtu(1300);
      await sites.server.untilLine(/isp0 has an MTU of 1300/);
      await mtu(1500);
      await until("the link is up again", async () => (await sites.server.status()).healthy);
      assertEquals(sites.server.matching(/WARN.*has an MTU of/).length, 2);
      await host.dial();
      assertEquals(promised(host), 1492);
    }),
);

testUnless(
  skipped,
  "Server refuses a session over the limit, towards host and AC",
  () =>
    withSites({ serverFlags: server("--max-sessions", "1") }, async (sites) => {
      const ac = sites.ac();
      await sites.dialMany(1);
      const host = sites.host({ mac: parseMac("02:00:00:00:cc:77") });
      const { refusal } = await assertRejects(() => host.dial(), DialError);
      assertEquals(refusal?.tag, TAG.GENERIC_ERROR);
      assertMatch(refusal!.text, /the maximum number of sessions/);
      await untilPadts(sites.acs, 1);
      assertEquals(ac.sessions.size, 1);
      assertEquals(await sites.server.drops(), { "session-limit": 1 });
      assertEquals(await sites.client.drops(), {});
      await sites.server.untilLine(/A session was refused: .* each client \(--max-sessions\)/);
    }),
);

testUnless(skipped, "DataPlane.reload() changes limits at run time", async () => {
  await using planes = await TwoPlanes.make({ client: { limits: { padiPerHost: 0 } } });
  planes.server.reload({ debug: false, limits: { padiPerHost: 1 } });
  const mac = parseMac("02:00:00:00:cc:01");
  for (let n = 0; n < 15; n++) planes.hosts.send(new HostProtocol({ mac }).dial(0));
  const drops = (side: "client" | "server") => planes.counters[side].read().drops["padi-rate"];
  await until("the server drops PADIs over the limit", () => {
    planes.step();
    return drops("server") === 5;
  });
  assertEquals(planes.acs.takeControl().length, 10);
  assertEquals(drops("client"), 0);
});

for (const flags of [[], ["--no-relay-tag"]]) {
  testUnless(
    skipped,
    `Server sends the Host-Uniq of ${["--host-uniq", ...flags].join(" ")} for every host`,
    () =>
      withSites(
        { serverFlags: server("--host-uniq", "0x01aa", ...flags), clients: 2 },
        async (sites) => {
          const ac = sites.ac();
          const hostUniq = Uint8Array.of(7, 7, 7);
          for (const site of sites.sites) {
            const host = sites.host({ mac: site.hosts.mac, hostUniq }, site);
            await host.dial();
            assertEquals((await host.exchange({ frames: 10 })).returned, 10);
            assertEquals(host.protocol.offer!.relaySessionId, undefined);
          }
          const seen = [...ac.sessions.values()];
          assertEquals(seen.map(({ hostUniq }) => hostUniq), [
            Uint8Array.of(1, 0xaa),
            Uint8Array.of(1, 0xaa),
          ]);
          const added = flags.length === 0 ? 12 : undefined;
          assertEquals(seen.map(({ relaySessionId }) => relaySessionId?.length), [added, added]);
          assertEquals(await sites.server.drops(), {});
        },
      ),
  );
}

testUnless(
  skipped,
  "Server names the line of each discovery to the AC, and not to the host",
  () => {
    const line = ["--circuit-id", "{client}/{interface}", "--remote-id", "{host}"];
    return withSites(
      { serverFlags: server(...line), flags: ["--name", "osaka"] },
      async (sites) => {
        const lines: (AccessLine | undefined)[] = [];
        sites.ac({
          // Many ACs do this.
          extraTags: [accessLineTag({ circuitId: "returned" })],
          ignore: ({ code, tags }) => {
            if (code !== CODE.PADT) {
              lines.push(parseAccessLine(findTag(tags, TAG.VENDOR_SPECIFIC)!));
            }
            return false;
          },
        });
        const host = sites.host({ extraTags: [accessLineTag({ circuitId: "mine" })] });
        await host.dial();
        const told = { circuitId: "osaka/isp0", remoteId: formatMac(sites.hosts.mac) };
        assertEquals(lines, [told, told]);
        assertEquals(findTag(host.protocol.offer!.tags, TAG.VENDOR_SPECIFIC), undefined);
      },
    );
  },
);
