// The subcommand `demo`, which runs server and client in network namespaces on one machine.

import { LabNet } from "../lab/namespaces.ts";
import { Scenario, type ScenarioReport } from "../lab/scenario.ts";
import { SITE, TwoSites } from "../lab/two_sites.ts";
import { Progress } from "../progress.ts";
import { DEMO_FLAGS } from "./flags.ts";
import { choice, integer, readFlags } from "./options.ts";

interface DemoOptions {
  json: boolean;
  keep: boolean;
  sessions: number;
  frames: number;
  logLevel: string;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const ECHO_EVERY_MS = 1000;

/** Runs the subcommand. */
export async function demo(args: string[]): Promise<number> {
  const given = readFlags(DEMO_FLAGS, args);
  const options: DemoOptions = {
    json: given.has("json"),
    keep: given.has("keep"),
    sessions: integer(given, "sessions", 1, 500) ?? 3,
    frames: integer(given, "frames", 1, 1_000_000) ?? 500,
    logLevel: choice(given, "log-level", ["debug", "info", "warning", "error"]) ?? "warning",
  };
  findSystemPrograms();
  const obstacle = findObstacle();
  if (obstacle !== undefined) return fail(obstacle);

  const startMs = performance.now();
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("Interrupted"));
  for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
  const net = new LabNet("pppoe-proxy-demo");
  try {
    return await withSites(net, (sites) => perform(sites, options, startMs, stop.signal));
  } catch (error) {
    let { message } = error as Error;
    if (/not permitted|Permission denied/.test(message)) {
      message += "; in a container, give it CAP_SYS_ADMIN and CAP_NET_ADMIN";
    }
    if (options.json) write(Deno.stdout, JSON.stringify({ ok: false, error: message }));
    return fail(message);
  } finally {
    await net[Symbol.asyncDispose]();
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
  }
}

async function withSites<T>(net: LabNet, use: (sites: TwoSites) => Promise<T>): Promise<T> {
  await using sites = await TwoSites.build(net);
  return await use(sites);
}

async function perform(
  sites: TwoSites,
  options: DemoOptions,
  startMs: number,
  stop: AbortSignal,
): Promise<number> {
  using progress = new Progress();
  const print = (line: string) => {
    if (options.json) return;
    progress.clear();
    write(Deno.stdout, line);
  };
  const step = (text: string) => progress.show(text);
  print(drawing(sites));
  step("Starting server and client");
  const tunnelStartMs = performance.now();
  await unless(
    stop,
    sites.start(
      ["--log-level", options.logLevel],
      (side, line) => {
        progress.clear();
        write(Deno.stderr, `${side}: ${line}`);
      },
    ),
  );
  const tunnelUpMs = performance.now() - tunnelStartMs;
  print(`Server and client are running. Their tunnel came up after ${tunnelUpMs.toFixed(0)} ms.`);
  print("");
  const scenario = new Scenario(sites, { ...options, print, step });
  const report = await unless(stop, Promise.race([scenario.run(), sites.failure()]));
  progress.end();
  const totalMs = performance.now() - startMs;
  if (options.json) {
    const timings = { totalMs: round(totalMs), tunnelUpMs: round(tunnelUpMs), ...report.timings };
    write(Deno.stdout, JSON.stringify({ ...report, timings }));
  } else {
    print("");
    print(summary(report, totalMs, await drops(sites)));
  }
  if (options.keep) await keep(sites, scenario, options, stop);
  return report.ok ? 0 : 1;
}

async function keep(
  sites: TwoSites,
  scenario: Scenario,
  options: DemoOptions,
  stop: AbortSignal,
): Promise<void> {
  const host = await unless(stop, scenario.stayOnline());
  // Send something to look at: routers send Echo-Requests to check that they are still online.
  const timer = setInterval(() => host.echo().catch(() => {}), ECHO_EVERY_MS);
  write(options.json ? Deno.stderr : Deno.stdout, thingsToTry(sites));
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve());
  });
  clearInterval(timer);
  host.hangUp();
  host.close();
}

function drawing({ names }: TwoSites): string {
  return `
  host ──eth── client ══ tunnel (TCP) ══ server ──eth── AC

Each of the four has a network namespace of its own on this machine:
  host     ${names.host}: simulated, sends and receives on lan0
  client   ${names.client}: pppoe-proxy client on lan0, with ${SITE.clientAddress} towards the server
  server   ${names.server}: pppoe-proxy server on isp0, with ${SITE.serverAddress} towards the client
  AC       ${names.ac}: simulated, sends and receives on isp0
The host and the AC share no Ethernet segment: PPPoE passes between them only through the tunnel.
`;
}

function summary(report: ScenarioReport, totalMs: number, drops: string): string {
  const { sessions, frames, bytes, timings } = report;
  const megabytes = (bytes.returned / 1e6).toFixed(1);
  return `Sessions   ${sessions.opened} of ${sessions.asked} opened, ${sessions.closed} closed
Frames     ${frames.sent} sent, ${frames.returned} returned intact (${megabytes} MB), ${frames.lost} lost, ${frames.corrupted} corrupted
Times      session setup ${timings.sessionSetupMs.p50} ms, round trip ${timings.rttMs.p50} ms (medians); ${
    (totalMs / 1000).toFixed(1)
  } s in total
Dropped    ${drops}
${report.ok ? "All is well." : "Something went wrong."}`;
}

async function drops(sites: TwoSites): Promise<string> {
  const found: string[] = [];
  for (const side of ["client", "server"] as const) {
    const status = await sites.status(side).catch(() => undefined);
    if (!status) found.push(`${side}: does not answer`);
    for (const [reason, count] of Object.entries(status?.drops ?? {})) {
      if (count > 0) found.push(`${side} ${reason}: ${count}`);
    }
  }
  const own = sites.host.drops() + sites.ac.drops();
  if (own > 0) found.push(`demo's own sockets: ${own}`);
  return found.join(", ") || "nothing";
}

function thingsToTry({ names }: TwoSites): string {
  const deno = Deno.execPath();
  const program = Deno.build.standalone ? deno : `${deno} run -A ${Deno.mainModule}`;
  const status = `http://${SITE.status.hostname}:${SITE.status.port}/api/status`;
  return `
Everything keeps running until Ctrl-C. Host 1 is online again and sends an LCP Echo-Request every second.
Things to try as root in another terminal:
  ip netns exec ${names.host} tcpdump -eni lan0
  ip netns exec ${names.ac} tcpdump -eni isp0
  ip netns exec ${names.client} ${program} status --watch
  ip netns exec ${names.server} ${program} status --watch
  ip netns exec ${names.client} curl -s ${status}
  ip netns exec ${names.host} pppoe-discovery -I lan0
`;
}

/** Returns the obstacle to the demo and its remedy, or `undefined` if there is none. */
function findObstacle(): string | undefined {
  if (Deno.build.os !== "linux") {
    return "Cannot run the demo: only Linux has network namespaces; run it on Linux";
  }
  if (Deno.uid() !== 0) {
    return "Cannot make network namespaces: root is needed; run it with sudo";
  }
  try {
    new Deno.Command("ip", { args: ["netns"], stdout: "null", stderr: "null" }).outputSync();
  } catch {
    return "Cannot make network namespaces: ip is missing; install iproute2";
  }
}

/** Adds the system's programs to PATH, so that ip(8) is found even where PATH lacks them. */
function findSystemPrograms(): void {
  const path = Deno.env.get("PATH");
  const system = "/usr/sbin:/sbin:/usr/bin:/bin";
  Deno.env.set("PATH", path ? `${path}:${system}` : system);
}

/** Waits for a promise, but throws the signal's reason if the signal comes first. */
async function unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function fail(message: string): number {
  write(Deno.stderr, `pppoe-proxy: ${message}`);
  return 1;
}

function write(to: typeof Deno.stdout | typeof Deno.stderr, line: string): void {
  to.writeSync(new TextEncoder().encode(`${line}\n`));
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
