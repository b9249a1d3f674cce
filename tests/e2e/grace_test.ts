// Real PPP sessions whose program is away for too long.

import { assert, assertEquals } from "@std/assert";
import { testUnless } from "../support/skip.ts";
import { wait, withSession } from "./outlive.ts";
import { BRAS_MAC, ETH_P_PPP_DISC, NO_RIG, PADI, PADT, report, until } from "./rig.ts";

/** The AC ends a session by itself, too, when its echoes are not answered. */
const PADT_TO_AC = `${PADT} and ether dst ${BRAS_MAC}`;

testUnless(
  NO_RIG,
  "The AC gets its PADT when the client is killed for good and the grace is over",
  () =>
    withSession(3, async ({ rig, client }) => {
      await rig.listen(ETH_P_PPP_DISC);
      const sinceMs = performance.now();
      await client.stop("SIGKILL");
      await until("the AC has no session", 8000, async () => (await rig.acList()).length === 0);
      const ms = performance.now() - sinceMs;
      await rig.untilSeen("PADT", "bras", PADT_TO_AC);
      report(`${Math.round(ms)} ms from the kill until the AC had no session, with a grace of 3 s`);
      // The AC itself would need 6 s and more. A look into the guest takes half a second.
      assert(ms > 2500 && ms < 5500, `it took ${ms} ms`);
    }),
);

testUnless(
  NO_RIG,
  "The AC gets its PADT at once when a killed server is restarted after the grace",
  () =>
    withSession(2, async (world) => {
      const { rig } = world;
      await rig.listen(ETH_P_PPP_DISC);
      await world.server.stop("SIGKILL");
      // The host hears of it from the client.
      await rig.untilSeen("PADT", "cpe", PADT);
      await wait(500);
      assertEquals((await rig.acList()).length, 1);
      assertEquals(await rig.frames("bras", PADT_TO_AC), []);
      await world.client.stop("SIGTERM");
      await world.start("server");
      // It was well less than a second ago, which is how long this may take in all.
      await until("PADT at the AC", 1000, async () => {
        return (await rig.frames("bras", PADT_TO_AC)).length > 0;
      });
      assertEquals(await rig.frames("bras", PADI), []);
      await until("the AC has no session", 2000, async () => (await rig.acList()).length === 0);
    }),
);
