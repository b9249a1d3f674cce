// Real PPP sessions that outlive tunnels and processes. Both stations send Echo-Requests every 2 s, and give up after
// three without an answer.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Side } from "../../src/relay/side.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { startClient, startServer, TUNNEL_PORT } from "./programs.ts";
import { AC_ADDRESS, BRAS_MAC, type Process, Rig, until } from "./rig.ts";

const reason = whyNot(
  "linux",
  "amd64",
  "root",
  "iproute2",
  "namespaces",
  "tun",
  "debian12",
  "apt",
  "aptLists",
);

const ETH_P_PPP_DISC = "ether proto 0x8863";
const PADI = `${ETH_P_PPP_DISC} and ether[15] == 0x09`;
const PADT = `${ETH_P_PPP_DISC} and ether[15] == 0xa7`;
/** PADTs to the AC. The AC sends PADTs too, when its Echo-Requests are not answered. */
const PADT_TO_AC = `${PADT} and ether dst ${BRAS_MAC}`;
const RESETS = 20;
const PINGS_A_SECOND = 5;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Describes a session by the process of pppd, the number of the interface, and the AC's process and id. */
async function identity(rig: Rig): Promise<string> {
  const pppd = (await rig.run("head -n 1 /run/ppp-cpe0.pid")).trim();
  const [index] = (await rig.cpe("ip -o link show ppp0")).split(":");
  const [session] = await rig.acList();
  return `pppd ${pppd}, ppp0 ${index}, at the AC ${session}`;
}

/** Pings for a time and returns the share of answers. */
async function ping(rig: Rig, seconds: number): Promise<number> {
  const count = seconds * PINGS_A_SECOND;
  const output = await rig.cpe(`ping -q -c ${count} -i 0.2 -W 1 -I ppp0 ${AC_ADDRESS} || true`);
  assertMatch(output, /(\d+) packets received/);
  return Number(/(\d+) packets received/.exec(output)![1]) / count;
}

async function untilPinged(rig: Rig): Promise<void> {
  await until("a ping is answered", 5000, async () => await ping(rig, 1) > 0);
}

/** The rig and the two programs, as they were started last. */
interface World {
  readonly rig: Rig;
  server: Process;
  client: Process;
  start(side: Side): Promise<void>;
}

/** Runs a test with both programs and a session. If it fails, the error includes the logs. */
async function withSession(grace: number, run: (world: World) => Promise<void>): Promise<void> {
  const state = await Deno.makeTempDir();
  const processes: Process[] = [];
  await using rig = await Rig.up();
  const started = async (side: Side) => {
    const flags = ["--grace", `${grace}`, "--state-dir", `${state}/${side}`];
    const process = await (side === "server" ? startServer : startClient)(rig, ...flags);
    processes.push(process);
    return process;
  };
  try {
    await rig.acUp();
    const server = await started("server");
    const client = await started("client");
    await rig.dial(0);
    await run({
      rig,
      server,
      client,
      async start(side) {
        this[side] = await started(side);
      },
    });
  } catch (cause) {
    const logs = processes.map(({ name, output }) => `${name}:\n${output}`).join("\n");
    const guest = await rig.run("tail -n 40 /tmp/dial*.log /tmp/ac-pppd.log; ac list");
    throw new Error(`${(cause as Error).message}\n${logs}\n${guest}`, { cause });
  } finally {
    for (const process of processes) await process.stop("SIGKILL");
    await Deno.remove(state, { recursive: true });
  }
}

/** Acts on the programs while the session is in use, and asserts that it is the same session afterwards. */
async function assertOutlives(
  rig: Rig,
  seconds: number,
  act: () => Promise<void>,
): Promise<void> {
  const before = await identity(rig);
  await rig.listen(ETH_P_PPP_DISC);
  const pinging = ping(rig, seconds);
  await act();
  const answered = await pinging;
  report(`${Math.round(100 * answered)} % of the pings in ${seconds} s were answered`);
  await untilPinged(rig);
  assertEquals(await identity(rig), before);
  for (const station of ["cpe", "bras"] as const) {
    assertEquals(await rig.frames(station, ETH_P_PPP_DISC), []);
  }
}

function report(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

testUnless(
  reason,
  `A PPP session outlives ${RESETS} resets of its tunnel`,
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
    }),
);

const KILLED: { what: string; victims: Side[]; signal: Deno.Signal }[] = [
  { what: "kill -9 and a restart of the server", victims: ["server"], signal: "SIGKILL" },
  { what: "kill -9 and a restart of the client", victims: ["client"], signal: "SIGKILL" },
  { what: "kill -9 and a restart of both", victims: ["server", "client"], signal: "SIGKILL" },
  { what: "SIGUSR2 and a restart of the server", victims: ["server"], signal: "SIGUSR2" },
  { what: "SIGUSR2 and a restart of the client", victims: ["client"], signal: "SIGUSR2" },
];

testUnless(
  reason,
  "A PPP session outlives kill -9 and SIGUSR2 of server, client and both",
  (t) =>
    withSession(20, async (world) => {
      for (const { what, victims, signal } of KILLED) {
        const passed = await t.step(`it outlives ${what}`, () =>
          assertOutlives(world.rig, 8, async () => {
            await Promise.all(victims.map((victim) =>
              world[victim].stop(signal)
            ));
            // Wait as long as a supervisor may.
            await wait(1500);
            await Promise.all(victims.map((victim) => world.start(victim)));
          }));
        if (!passed) throw new Error(`The session did not outlive ${what}`);
      }
    }),
);

testUnless(
  reason,
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
  reason,
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
