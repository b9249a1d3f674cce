// Real PPP sessions, and that they are the same ones after something was done to our programs. Both stations ask for
// echoes every 2 s, and give up after 3 without an answer.

import { assertEquals, assertMatch } from "@std/assert";
import { startClient, startServer } from "./programs.ts";
import { AC_ADDRESS, ETH_P_PPP_DISC, type Process, report, Rig, until } from "./rig.ts";

/** Pings come every 0.2 s. */
const PINGS_A_SECOND = 5;

/** Lets time pass. */
export function wait(ms: number): Promise<void> {
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

/** What a test has: the rig, and both programs as they were last started. */
export interface World {
  readonly rig: Rig;
  server: Process;
  client: Process;
  start(side: Side): Promise<void>;
}

/** One of our programs. */
export type Side = "server" | "client";

/** The rig with both programs and one session, and their logs when a step fails. */
export async function withSession(
  grace: number,
  run: (world: World) => Promise<void>,
): Promise<void> {
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

/** Does something to the programs while the session is in use, after which it is the same one still. */
export async function assertOutlives(
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
  for (const side of ["cpe", "bras"] as const) {
    assertEquals(await rig.frames(side, ETH_P_PPP_DISC), []);
  }
}

/** An end of programs that they come back from. */
export interface Restart {
  /** For the step's name. */
  what: string;
  victims: Side[];
  signal: Deno.Signal;
}

/** Ends programs and starts them again, one restart after the other, in one and the same session. */
export function assertOutlivesAll(restarts: Restart[], t: Deno.TestContext): Promise<void> {
  return withSession(20, async (world) => {
    for (const { what, victims, signal } of restarts) {
      const passed = await t.step(
        `it outlives ${what}`,
        () =>
          assertOutlives(world.rig, 8, async () => {
            await Promise.all(victims.map((victim) => world[victim].stop(signal)));
            // As long as a supervisor may take.
            await wait(1500);
            await Promise.all(victims.map((victim) => world.start(victim)));
          }),
      );
      if (!passed) throw new Error(`It did not outlive ${what}`);
    }
  });
}
