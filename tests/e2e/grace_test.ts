// Tests of real PPP sessions whose program is away for longer than the grace time.

import { assert, assertEquals } from "@std/assert";
import { testUnless } from "../support/skip.ts";
import { wait, withSession } from "./outlive.ts";
import { BRAS_MAC, ETH_P_PPP_DISC, NO_RIG, PADI, PADT, report, until } from "./rig.ts";

/** PADTs to the AC. The AC sends PADTs too, when its Echo-Requests are not answered. */
const PADT_TO_AC = `${PADT} and ether dst ${BRAS_MAC}`;

testUnless(
  NO_RIG,
  "The AC gets its PADT when the client is killed for good and the grace time is over",
  () =>
    withSession(3, async ({ rig, client }) => {
      await rig.listen(ETH_P_PPP_DISC);
      const sinceMs = performance.now();
      await client.stop("SIGKILL");
      await until("the AC has no session", 8000, async () => (await rig.acList()).length === 0);
      const ms = performance.now() - sinceMs;
      await rig.untilSeen("PADT", "bras", PADT_TO_AC);
      report(`${Math.round(ms)} ms from the kill until the AC had no session, with --grace 3`);
      // The AC itself would need at least 6 s. Listing its sessions takes half a second.
      assert(ms > 2500 && ms < 5500, `it took ${ms} ms`);
    }),
);

testUnless(
  NO_RIG,
  "The AC gets its PADT at once when a killed server is restarted after the grace time",
  () =>
    withSession(2, async (world) => {
      const { rig } = world;
      await rig.listen(ETH_P_PPP_DISC);
      await world.server.stop("SIGKILL");
      // The client sends the host a PADT.
      await rig.untilSeen("PADT", "cpe", PADT);
      await wait(500);
      assertEquals((await rig.acList()).length, 1);
      assertEquals(await rig.frames("bras", PADT_TO_AC), []);
      await world.client.stop("SIGTERM");
      await world.start("server");
      // The server has been healthy for less than a second, which is the limit for the PADT.
      await until("PADT at the AC", 1000, async () => {
        return (await rig.frames("bras", PADT_TO_AC)).length > 0;
      });
      assertEquals(await rig.frames("bras", PADI), []);
      await until("the AC has no session", 2000, async () => (await rig.acList()).length === 0);
    }),
);
