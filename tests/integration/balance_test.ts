// The counts of frames while tunnels carry them, and break: offered = carried + dropped + queued.

import { assert, assertEquals } from "@std/assert";
import type { Status } from "../../src/observe/status.ts";
import { imbalance } from "../support/balance.ts";
import { type SideProgram, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const FRAMES = 400;
const PAYLOAD = new Uint8Array(1000);

async function balanced(program: SideProgram): Promise<Status> {
  const status = await program.status();
  assertEquals(imbalance(status.balance, status), undefined);
  return status;
}

testUnless(
  skipped,
  "The status adds up at every moment while frames are carried and their tunnel is reset",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      let done = false;
      const exchange = host.exchange({ frames: 20_000, window: 200, timeoutMs: 600 })
        .finally(() => done = true);
      let looks = 0;
      for (; !done; looks++) {
        if (looks % 10 === 2) {
          await sites.server.untilStatus("a tunnel is up", ({ tunnels }) => tunnels.length === 1);
          await sites.resetTunnels();
        }
        await Promise.all([sites.client, sites.server].map(balanced));
      }
      await exchange;
      assert(looks > 2, "the tunnel was reset");
      for (const program of [sites.client, sites.server]) {
        await program.untilCarried();
        await balanced(program);
      }
    }),
);

testUnless(
  skipped,
  "Frames that a tunnel's socket took and never delivered are dropped as tunnel-lost",
  () =>
    withSites({}, async (sites) => {
      const { client, server } = sites;
      const [site] = sites.sites;
      sites.ac();
      const host = sites.host();
      await host.dial();
      assertEquals((await host.exchange({ frames: 20 })).returned, 20);
      const before = await client.untilCarried();
      assertEquals(before.balance.fromLink.session, {
        offered: 20,
        carried: 20,
        dropped: 0,
        queued: 0,
      });

      await sites.reachable(site, false);
      for (let n = 0; n < FRAMES; n++) host.send(PAYLOAD);
      const offered = 20 + FRAMES;
      const taken = await client.untilStatus(
        "the frames are taken from the link",
        ({ balance, drops }) => balance.fromLink.session.offered + drops.kernel >= offered,
      );
      assertEquals(imbalance(taken.balance, taken), undefined);
      assert(taken.balance.fromLink.session.queued > 0);
      assertEquals(taken.frames.fromLink.session, 20);

      await sites.resetTunnels(site);
      const after = await client.untilCarried();
      assertEquals(imbalance(after.balance, after), undefined);
      assertEquals(after.balance.fromLink.session, {
        offered,
        carried: 20,
        dropped: FRAMES,
        queued: 0,
      });
      assert(after.drops["tunnel-lost"] > 0, `dropped: ${JSON.stringify(after.drops)}`);
      // Only these frames came out at the other end.
      assertEquals((await server.status()).balance.fromTunnel.session.offered, 20);
      await sites.reachable(site, true);
    }),
);
