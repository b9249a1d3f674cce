// Test of server and client between a real PPPoE host and a real access concentrator at two sites.

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { testUnless } from "../support/skip.ts";
import { keyFlags, makeKeys, startClient, startServer } from "./programs.ts";
import {
  AC_ADDRESS,
  BRAS_MAC,
  CPE_MAC,
  ETH_P_PPP_DISC,
  NO_RIG,
  PADI,
  PADO,
  PADT,
  report,
  Rig,
} from "./rig.ts";

/** Filter for session frames with an IP packet of 1492 bytes, after 14 bytes of Ethernet, 6 of PPPoE and 2 of PPP. */
const FULL_SIZE = "ether proto 0x8864 and len == 1514";

/** Measures TCP goodput through session 0 and prints it. Other tests may use the machine at the same time. */
export async function carryTcp(rig: Rig, path: string): Promise<void> {
  const up = await rig.iperf(0, "up");
  const down = await rig.iperf(0, "down");
  report(`iperf3 ${path}: ${up.toFixed(0)} Mbit/s up, ${down.toFixed(0)} down`);
  assertGreater(up, 0);
  assertGreater(down, 0);
}

/** Sends five pings of a size through session 0. Three answers are enough, as the machine may be busy. */
export async function ping(rig: Rig, ipBytes: number): Promise<void> {
  const payload = ipBytes - 28; // IP and ICMP headers
  const output = await rig.cpe(`ping -q -c 5 -i 0.2 -W 2 -s ${payload} -I ppp0 ${AC_ADDRESS}`);
  const received = Number(/(\d+) packets received/.exec(output)?.[1]);
  assert(received >= 3, output);
}

/** Discovers the access concentrator, and asserts that PADI and PADO pass both links. */
export async function discover(rig: Rig): Promise<void> {
  await rig.listen(ETH_P_PPP_DISC);
  assertMatch(await rig.cpe("pppoe-discovery -t 1 -I eth0"), /Access-Concentrator: rig-ac/);
  for (const station of ["cpe", "bras"] as const) {
    await rig.untilSeen("PADI", station, PADI);
    await rig.untilSeen("PADO", station, PADO);
  }
}

/** Registers the test of both programs with a value of `--mac`, in the clear or with keys. */
export function testSessions(mac: "own" | "transparent", keyed = false): void {
  const how = `--mac ${mac}${keyed ? " and keys" : ""}`;
  testUnless(
    NO_RIG,
    `server and client carry PPP sessions between two sites with ${how}`,
    async (t) => {
      await using keys = keyed ? await makeKeys() : undefined;
      await using rig = await Rig.up();
      await rig.acUp();
      await rig.iperfServer();
      await using server = await startServer(rig, "--mac", mac, ...keyFlags(keys, "server"));
      await using client = await startClient(rig, "--mac", mac, ...keyFlags(keys, "client"));
      const own = mac === "own";
      /** Filters for the frames of one station on the other station's link. */
      const fromAc = `ether src ${
        own ? await rig.tapMac("home") : BRAS_MAC
      } and ether dst ${CPE_MAC}`;
      const fromHost = `ether src ${
        own ? await rig.tapMac("isp") : CPE_MAC
      } and ether dst ${BRAS_MAC}`;

      const steps: [string, () => Promise<void>][] = [
        ["discovery finds the access concentrator", () => discover(rig)],
        ["a session comes up with CHAP", async () => {
          await rig.dial(0);
          await rig.run('grep "CHAP authentication succeeded" /tmp/dial0.log');
          assertMatch(await rig.cpe("ip -br addr show ppp0"), /10\.67\.0\.10 peer 10\.67\.0\.1/);
        }],
        ["ping goes through the session", () => ping(rig, 84)],
        // Measure before recording, because recording in the guest takes CPU time.
        ["TCP goes through the session both ways", async () => {
          await carryTcp(rig, `with ${how}`);
        }],
        ["a packet of 1492 bytes goes through in one frame each way", async () => {
          await rig.listen(FULL_SIZE);
          await ping(rig, 1492);
          await rig.untilSeen("a full-size frame", "cpe", `${FULL_SIZE} and ${fromAc}`);
          await rig.untilSeen("a full-size frame", "bras", `${FULL_SIZE} and ${fromHost}`);
        }],
        ["PADT of the access concentrator reaches the host", async () => {
          await rig.listen(ETH_P_PPP_DISC);
          await rig.acDown();
          await rig.untilSeen("PADT", "cpe", `${PADT} and ${fromAc}`);
          await rig.untilNoSessions();
          await rig.acUp();
        }],
        ["PADT of the host reaches the access concentrator", async () => {
          await rig.dial(0, "user");
          await rig.listen(ETH_P_PPP_DISC);
          await rig.hangUp(0);
          await rig.untilSeen("PADT", "bras", `${PADT} and ${fromHost}`);
          await rig.untilNoSessions();
        }],
        ["SIGTERM of the server sends PADT to both ends of each session", async () => {
          await rig.dial(1);
          await rig.dial(2);
          const sessions = await rig.acList();
          assertEquals(sessions.length, 2);
          await rig.listen(ETH_P_PPP_DISC);
          const status = await server.stop("SIGTERM");
          assertEquals(status.code, 0, server.output);
          for (const session of sessions) {
            const id = parseInt(session.split(" ")[1], 16);
            const ofSession = own ? PADT : `${PADT} and ether[16:2] == ${id}`;
            await rig.untilSeen(
              `PADT of session ${id}`,
              "bras",
              `${PADT} and ${fromHost} and ether[16:2] == ${id}`,
            );
            await rig.untilSeen(`PADT of session ${id}`, "cpe", `${ofSession} and ${fromAc}`);
          }
          await rig.untilNoSessions();
        }],
        ["SIGTERM of the client ends it with status 0", async () => {
          const status = await client.stop("SIGTERM");
          assertEquals(status.code, 0, client.output);
        }],
      ];
      for (const [name, step] of steps) {
        const passed = await t.step(name, step);
        if (!passed) {
          const logs = await rig.run("tail -n 40 /tmp/dial*.log /tmp/ac-pppd.log; ac list");
          throw new Error(`${server.output}\n${client.output}\n${logs}`);
        }
      }
    },
  );
}
