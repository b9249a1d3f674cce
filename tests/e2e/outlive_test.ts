// Real PPP sessions that outlive tunnels and processes. Both stations ask for echoes every 2 s, and give up after 3
// without an answer.

import { assert, assertEquals, assertMatch } from "@std/assert";
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
/** The AC ends a session by itself, too, when its echoes are not answered. */
const PADT_TO_AC = `${PADT} and ether dst ${BRAS_MAC}`;
const RESETS = 20;
/** Pings come every 0.2 s. */
const PINGS_A_SECOND = 5;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What makes two sessions the same one: pppd's process, the interface's number, the AC's process and id. */
async function identity(rig: Rig): Promise<string> {
  const pppd = (await rig.run("head -n 1 /run/ppp-cpe0.pid")).trim();
  const [index] = (await rig.cpe("ip -o link show ppp0")).split(":");
  const [session] = await rig.acList();
  return `pppd ${pppd}, ppp0 ${index}, at the AC ${session}`;
}

/** Pings for that long and tells the share of answers. */
async function ping(rig: Rig, seconds: number): Promise<number> {
  const count = seconds * PINGS_A_SECOND;
  const output = await rig.cpe(`ping -q -c ${count} -i 0.2 -W 1 -I ppp0 ${AC_ADDRESS} || true`);
  assertMatch(output, /(\d+) packets received/);
  return Number(/(\d+) packets received/.exec(output)![1]) / count;
}

async function untilPinged(rig: Rig): Promise<void> {
  await until("a ping is answered", 5000, async () => await ping(rig, 1) > 0);
}

/** The rig with both programs and one session, and their logs when a step fails. */
async function withSession(
  grace: number,
  run: (world: {
    rig: Rig;
    startServer: () => Promise<Process>;
    startClient: () => Promise<Process>;
    server: Process;
    client: Process;
  }) => Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir();
  const processes: Process[] = [];
  const started = async (starting: Promise<Process>) => {
    const process = await starting;
    processes.push(process);
    return process;
  };
  await using rig = await Rig.up();
  const flags = (side: string) => ["--grace", `${grace}`, "--state-dir", `${state}/${side}`];
  const world = {
    rig,
    startServer: () => started(startServer(rig, ...flags("server"))),
    startClient: () => started(startClient(rig, ...flags("client"))),
  };
  try {
    await rig.acUp();
    const server = await world.startServer();
    const client = await world.startClient();
    await rig.dial(0);
    await run({ ...world, server, client });
  } catch (cause) {
    const logs = processes.map(({ name, output }) => `${name}:\n${output}`).join("\n");
    const guest = await rig.run("tail -n 40 /tmp/dial*.log /tmp/ac-pppd.log; ac list");
    throw new Error(`${(cause as Error).message}\n${logs}\n${guest}`, { cause });
  } finally {
    for (const process of processes) await process.stop("SIGKILL");
    await Deno.remove(state, { recursive: true });
  }
}

testUnless(
  reason,
  `A PPP session outlives ${RESETS} resets of its tunnel`,
  () =>
    withSession(20, async ({ rig, server, client }) => {
      // A reset each 2 s, or more rarely where there is time to look.
      const everyS = Number(Deno.env.get("PPPOE_PROXY_RESET_EVERY_S") ?? 2);
      const before = await identity(rig);
      await rig.listen(ETH_P_PPP_DISC);
      const pinging = ping(rig, RESETS * everyS);
      for (let n = 1; n <= RESETS; n++) {
        await wait(everyS * 1000);
        await rig.exec("isp", ["ss", "-K", "state", "established", `sport = :${TUNNEL_PORT}`]);
        await client.until(`tunnel ${n + 1} is up`, 5000, () => {
          return client.output.match(/Tunnel up/g)!.length === n + 1;
        });
      }
      const answered = await pinging;
      assert(answered > 0.5, `${answered} of the pings were answered`);
      await untilPinged(rig);
      assertEquals(await identity(rig), before, server.output);
      for (const side of ["cpe", "bras"] as const) {
        assertEquals(await rig.frames(side, ETH_P_PPP_DISC), []);
      }
    }),
);

for (const victims of [["server"], ["client"], ["server", "client"]]) {
  testUnless(
    reason,
    `A PPP session outlives kill -9 and a restart of ${victims.join(" and ")}`,
    () =>
      withSession(20, async (world) => {
        const { rig } = world;
        const before = await identity(rig);
        await rig.listen(ETH_P_PPP_DISC);
        const pinging = ping(rig, 12);
        await Promise.all(victims.map((victim) => world[victim as "server"].stop("SIGKILL")));
        // As long as a supervisor may take.
        await wait(1500);
        await Promise.all(
          victims.map((victim) => victim === "server" ? world.startServer() : world.startClient()),
        );
        const answered = await pinging;
        assert(answered > 0.4, `${answered} of the pings were answered`);
        await untilPinged(rig);
        assertEquals(await identity(rig), before);
        for (const side of ["cpe", "bras"] as const) {
          assertEquals(await rig.frames(side, ETH_P_PPP_DISC), []);
        }
      }),
  );
}

testUnless(
  reason,
  "The AC gets its PADT within the grace and 2 s when the client is killed for good",
  () =>
    withSession(3, async ({ rig, client }) => {
      await rig.listen(ETH_P_PPP_DISC);
      const sinceMs = performance.now();
      await client.stop("SIGKILL");
      await until("the AC has no session", 8000, async () => (await rig.acList()).length === 0);
      const ms = performance.now() - sinceMs;
      await rig.untilSeen("PADT", "bras", PADT_TO_AC);
      assert(ms > 2000 && ms < 5000, `it took ${ms} ms`);
    }),
);

testUnless(
  reason,
  "The AC gets its PADT at once when a killed server is restarted after the grace",
  () =>
    withSession(2, async ({ rig, server, client, startServer }) => {
      await rig.listen(ETH_P_PPP_DISC);
      await server.stop("SIGKILL");
      // The host hears of it from the client.
      await rig.untilSeen("PADT", "cpe", PADT);
      await wait(1000);
      assertEquals((await rig.acList()).length, 1);
      assertEquals(await rig.frames("bras", PADT_TO_AC), []);
      await client.stop("SIGTERM");
      await startServer();
      // It was well less than a second ago, which is how long this may take in all.
      await until("PADT at the AC", 1000, async () =>
        (await rig.frames("bras", PADT_TO_AC)).length > 0);
      assertEquals((await rig.frames("bras", PADI)).length, 0);
      await until("the AC has no session", 2000, async () =>
        (await rig.acList()).length === 0);
    }),
);

testUnless(
  reason,
  "A PPP session outlives SIGUSR2 and a new start of server, then client",
  () =>
    withSession(20, async ({ rig, server, client, startServer, startClient }) => {
      const before = await identity(rig);
      await rig.listen(ETH_P_PPP_DISC);
      assertEquals((await server.stop("SIGUSR2")).code, 0, server.output);
      await startServer();
      await untilPinged(rig);
      assertEquals((await client.stop("SIGUSR2")).code, 0, client.output);
      await startClient();
      await untilPinged(rig);
      assertEquals(await identity(rig), before);
      for (const side of ["cpe", "bras"] as const) {
        assertEquals(await rig.frames(side, ETH_P_PPP_DISC), []);
      }
    }),
);
