// What server and client do to discovery, and the limits that they keep, as real processes between real
// interfaces.

import { assertEquals, assertMatch } from "@std/assert";
import type { SimulatedHost } from "../../src/lab/mod.ts";
import { findTag, maxPayloadTag, readMaxPayload, TAG } from "../../src/wire/mod.ts";
import { withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

testUnless(
  skipped,
  "Server tells hosts what its link of a smaller MTU carries, and counts more",
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
      assertEquals(sites.server.matching(/has an MTU of/).length, 2);
      await host.dial();
      assertEquals(promised(host), 1492);
    }),
);
