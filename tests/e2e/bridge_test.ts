// Test of the rig itself, with a plain bridge between a real PPPoE host and a real access concentrator.

import { testUnless } from "../support/skip.ts";
import { NO_RIG, Rig } from "./rig.ts";
import { carryTcp, discover, ping } from "./session.ts";

testUnless(NO_RIG, "rig carries a PPP session over a plain bridge", async (t) => {
  await using rig = await Rig.up();
  await rig.bridge();
  await rig.acUp();
  await rig.iperfServer();

  await t.step("discovery finds the access concentrator", () => discover(rig));
  await t.step("a session comes up and carries traffic", async () => {
    await rig.dial(0);
    await ping(rig, 1492);
    await carryTcp(rig, "over a plain bridge");
  });
});
