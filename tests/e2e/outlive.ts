// Helpers for tests in which a real PPP session outlives tunnels and processes. Both stations send Echo-Requests every
// 2 s, and give up after three without an answer.

import { assertEquals, assertMatch } from "@std/assert";
import type { Side } from "../../src/side.ts";
import { type KeyFiles, keyFlags, makeKeys, startClient, startServer } from "./programs.ts";
import { AC_ADDRESS, ETH_P_PPP_DISC, type Process, report, Rig, until } from "./rig.ts";

const PINGS_A_SECOND = 5;

/** The ways in which a tunnel is carried, as parts of a test's name. */
export const CARRIERS = ["in the clear", "with keys"] as const;
export type Carrier = typeof CARRIERS[number];

/** Waits for a fixed time. */
export function wait(ms: number): Promise<void> {
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
export interface World {
  readonly rig: Rig;
  server: Process;
  client: Process;
  start(side: Side): Promise<void>;
}

/** Runs a test with both programs and a session. If it fails, the error includes the logs. */
export async function withSession(
  grace: number,
  run: (world: World) => Promise<void>,
  carrier: Carrier = "in the clear",
): Promise<void> {
  const state = await Deno.makeTempDir();
  await using keys: KeyFiles | undefined = carrier === "with keys" ? await makeKeys() : undefined;
  const processes: Process[] = [];
  await using rig = await Rig.up();
  const started = async (side: Side) => {
    const kept = ["--grace", `${grace}`, "--state-dir", `${state}/${side}`];
    const flags = [...kept, ...keyFlags(keys, side)];
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
  for (const station of ["cpe", "bras"] as const) {
    assertEquals(await rig.frames(station, ETH_P_PPP_DISC), []);
  }
}

/** A restart of one or both programs. */
export interface Restart {
  /** Description for the name of the step. */
  what: string;
  victims: Side[];
  signal: Deno.Signal;
}

/** Asserts that a single session outlives several restarts, one after the other. */
export function assertOutlivesAll(
  restarts: Restart[],
  carrier: Carrier,
  t: Deno.TestContext,
): Promise<void> {
  return withSession(20, async (world) => {
    for (const { what, victims, signal } of restarts) {
      const passed = await t.step(
        `it outlives ${what}`,
        () =>
          assertOutlives(world.rig, 8, async () => {
            await Promise.all(victims.map((victim) => world[victim].stop(signal)));
            // Wait as long as a supervisor may.
            await wait(1500);
            await Promise.all(victims.map((victim) => world.start(victim)));
          }),
      );
      if (!passed) throw new Error(`The session did not outlive ${what}`);
    }
  }, carrier);
}
