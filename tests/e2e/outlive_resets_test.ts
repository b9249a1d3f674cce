// Test of a real PPP session that outlives tunnels.

import { testUnless } from "../support/skip.ts";
import { assertOutlives, CARRIERS, wait, withSession } from "./outlive.ts";
import { TUNNEL_PORT } from "./programs.ts";
import { NO_RIG } from "./rig.ts";

const RESETS = 20;

for (const carrier of CARRIERS) {
  testUnless(
    NO_RIG,
    `A PPP session outlives ${RESETS} resets of its tunnel ${carrier}`,
    () =>
      withSession(20, async ({ rig, client }) => {
        // The default is one reset per second. A longer interval leaves time to watch.
        const everyS = Number(Deno.env.get("PPPOE_PROXY_RESET_EVERY_S") ?? 1);
        await assertOutlives(rig, RESETS * everyS, async () => {
          for (let n = 1; n <= RESETS; n++) {
            await wait(everyS * 1000);
            await rig.exec("isp", ["ss", "-K", "state", "established", `sport = :${TUNNEL_PORT}`]);
            await client.until(`tunnel ${n + 1} is up`, 5000, () => {
              return client.output.match(/Tunnel up/g)!.length === n + 1;
            });
          }
        });
      }, carrier),
  );
}
