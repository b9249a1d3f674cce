// Sessions that survive killed or stopped programs, which restart, for up to a thousand hosts.

import { assert, assertEquals } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { type SimulatedHost, SITE } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import {
  CODE,
  emitDiscovery,
  formatMac,
  parseDiscovery,
  parseMac,
  readCode,
} from "../../src/wire/mod.ts";
import { assertPadts, padtsAt, type Sites, untilPadts, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const HOSTS = 1000;
/** The time limit. An idle machine needs a tenth of it. */
const GO_ON_MS = 10_000;

/** Starts sites whose server and client keep their state in the folders `server` and `client` of `dir`. */
async function withState(
  flags: string[],
  use: (sites: Sites, dir: string) => Promise<void>,
  main?: URL,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await withSites({
      flags,
      main,
      serverFlags: [
        ..."--listen 0.0.0.0:8863 --allow 10.0.0.0/8 --state-dir".split(" "),
        `${dir}/server`,
      ],
      clientFlags: ["--connect", "10.0.1.2:8863", "--state-dir", `${dir}/client`],
    }, (sites) => use(sites, dir));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function macOf(n: number): Uint8Array {
  return parseMac(`02:00:00:01:${hex(n >> 8)}:${hex(n & 0xff)}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/** Waits until each host gets an answer to its echo, which it repeats until then. */
async function goesOn(host: SimulatedHost): Promise<void> {
  const answered = () => host.echo(250).then(() => true, () => false);
  await until(`${formatMac(host.mac)} goes on`, answered, 2 * GO_ON_MS);
}

testUnless(
  skipped,
  `${HOSTS} sessions continue within 10 s after a server's kill -9 and restart`,
  () =>
    withState([], async (sites) => {
      const { server, hosts: station } = sites;
      const ac = sites.ac();
      const hosts: SimulatedHost[] = [];
      for (let n = 0; n < HOSTS; n++) {
        const host = sites.host({ mac: macOf(n), attempts: 3, retryMs: 500 });
        await host.dial();
        hosts.push(host);
      }
      assertEquals(ac.sessions.size, HOSTS);
      await Promise.all(hosts.map(goesOn));

      const sinceMs = performance.now();
      await server.end("SIGKILL");
      server.start();
      await Promise.all(hosts.map(goesOn));
      const ms = performance.now() - sinceMs;

      assertEquals(ac.sessions.size, HOSTS);
      assertEquals([padtsAt(station), padtsAt(sites.acs)], [0, 0]);
      const { sessions } = await server.status();
      assertEquals(sessions.filter(({ state }) => state === "open").length, HOSTS);
      const line = `${HOSTS} sessions went on after ${Math.round(ms)} ms\n`;
      Deno.stdout.writeSync(new TextEncoder().encode(line));
      assert(ms < GO_ON_MS);
    }),
);

for (const victims of [["client"], ["client", "server"]] as const) {
  testUnless(
    skipped,
    `Sessions continue after kill -9 and restart of ${victims.join(" and ")}`,
    () =>
      withState([], async (sites) => {
        const ac = sites.ac();
        const { hosts } = await sites.dialMany(3);
        for (const victim of victims) await sites[victim].end("SIGKILL");
        for (const victim of victims) sites[victim].start();
        await Promise.all(hosts.map(goesOn));
        assertEquals(ac.sessions.size, 3);
        assertEquals([padtsAt(sites.hosts), padtsAt(sites.acs)], [0, 0]);
        for (const victim of victims) {
          await sites[victim].untilLine(
            /Restored from an earlier run sessions=3 undeliveredPadts=0$/,
          );
        }
        for (const host of hosts) {
          assertEquals((await host.exchange({ frames: 50 })).returned, 50);
        }
      }),
  );
}

for (const [where, stepMs] of [["forward", 3600_000], ["back", -3600_000]] as const) {
  testUnless(
    skipped,
    `Sessions continue after kill -9 and restart while the clock is stepped an hour ${where}`,
    () =>
      withState([], async (sites, dir) => {
        const ac = sites.ac();
        const { hosts } = await sites.dialMany(2);
        for (const side of ["server", "client"] as const) {
          await sites[side].end("SIGKILL");
          await Deno.writeTextFile(`${dir}/${side}.step`, `${stepMs}`);
          sites[side].start();
          await sites[side].untilLine(/Restored from an earlier run sessions=2 /);
          await Promise.all(hosts.map(goesOn));
        }
        assertEquals(ac.sessions.size, 2);
        assertEquals([padtsAt(sites.hosts), padtsAt(sites.acs)], [0, 0]);
      }, new URL("../support/stepped_clock_main.ts", import.meta.url)),
  );
}

testUnless(
  skipped,
  "Sessions continue after SIGUSR2 and a restart of server, then client",
  () =>
    withState([], async (sites) => {
      const ac = sites.ac();
      const { hosts } = await sites.dialMany(2);
      for (const program of [sites.server, sites.client]) {
        const { code, ms } = await program.end("SIGUSR2");
        assertEquals(code, 0);
        assert(ms < 2000, `the stop took ${ms} ms`);
        program.start();
        await Promise.all(hosts.map(goesOn));
      }
      assertEquals(ac.sessions.size, 2);
      assertEquals([padtsAt(sites.hosts), padtsAt(sites.acs)], [0, 0]);
    }),
);

testUnless(
  skipped,
  "SIGUSR2 without a state directory has no effect",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      sites.server.signal("SIGUSR2");
      await sites.server.untilLine(/Cannot stop and keep the sessions: set --state-dir/);
      assertEquals((await host.exchange({ frames: 10 })).returned, 10);
    }),
);

testUnless(
  skipped,
  "A killed server that restarts after the grace time sends its PADTs at once",
  () =>
    withState(["--grace", "600"], async (sites) => {
      const { server } = sites;
      const ac = sites.ac();
      await sites.dialMany(3);
      const dir = await stateDirOf(server.pid);
      await sites.client.end("SIGKILL");
      await server.end("SIGKILL");
      // The grace time is over. If it started again, it would outlast this test's waits.
      const overS = Date.now() / 1000 - 601;
      await Deno.utime(`${dir}/lock`, overS, overS);
      server.start();
      await assertPadts(sites, sites.acs, 3);
      assertEquals(ac.sessions.size, 0);
      const { sessions } = await until(
        "it answers",
        () => server.status().catch(() => undefined),
      );
      assertEquals(sessions, []);
    }),
);

testUnless(
  skipped,
  "A killed client's sessions are closed at the AC within the grace time and 2 s",
  () =>
    withState(["--grace", "1"], async (sites) => {
      const ac = sites.ac();
      await sites.dialMany(3);
      const sinceMs = performance.now();
      await sites.client.end("SIGKILL");
      await sites.server.untilStatus(
        "its sessions are held",
        ({ sessions }) => sessions.length === 3 && sessions.every(({ state }) => state === "held"),
      );
      await assertPadts(sites, sites.acs, 3);
      const ms = performance.now() - sinceMs;
      assert(ms > 900 && ms < patient(3000), `it took ${ms} ms`);
      assertEquals(ac.sessions.size, 0);
    }),
);

testUnless(
  skipped,
  "PADTs that the link did not take are sent by the next run",
  () =>
    withState([], async (sites) => {
      sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      const { net, serverNamespace, server } = sites;
      await net.ip(serverNamespace, "link", "set", "isp0", "down");
      await server.untilStatus(
        "its link is down",
        ({ interfaceState }) => interfaceState === "down",
      );
      host.hangUp();
      await server.untilStatus("the session is over", ({ sessions }) => sessions.length === 0);
      await server.end("SIGKILL");
      await net.ip(serverNamespace, "link", "set", "isp0", "up");
      assertEquals(padtsAt(sites.acs), 0);
      server.start();
      await assertPadts(sites, sites.acs, 1);
    }),
);

/** Runs a server with a state directory until it ends by itself. */
async function runServer(sites: Sites, namespace: string, stateDir: string, link?: string) {
  const flags = [
    ...["server", "--interface", link ?? sites.serverInterface, "--listen", "127.0.0.1:0"],
  ];
  const { code, stderr } = await new Deno.Command("ip", {
    // deno-fmt-ignore
    args: [
      "netns", "exec", namespace, Deno.execPath(), "run", "-A", "main.ts", ...flags,
      "--state-dir", stateDir,
    ],
    cwd: new URL("../..", import.meta.url),
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

testUnless(
  skipped,
  "A second process cannot use the state directory of the first",
  () =>
    withState([], async (sites) => {
      const dir = await stateDirOf(sites.server.pid);
      const { serverNamespace, sites: [{ wan }] } = sites;
      const { code, stderr } = await runServer(sites, serverNamespace, dir, wan);
      assertEquals(code, 2);
      assert(stderr.includes(`Cannot use ${dir}: another process uses it`), stderr);
    }),
);

testUnless(
  skipped,
  "A server writes signs of life while it runs, and none if it cannot start",
  () =>
    withState([], async (sites) => {
      const { server } = sites;
      const dir = await stateDirOf(server.pid);
      const signMs = () => Deno.statSync(`${dir}/lock`).mtime!.getTime();
      const firstMs = signMs();
      await until("there is a sign of life", () => signMs() > firstMs);
      await server.end("SIGKILL");
      const lastMs = signMs();
      // The interface does not exist.
      const { code, stderr } = await runServer(sites, sites.sites[0].hostNamespace, dir);
      assertEquals(code, 2);
      assert(/there is no such interface/.test(stderr), stderr);
      assertEquals(signMs(), lastMs);
    }),
);

async function stateDirOf(pid: number): Promise<string> {
  const args = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0");
  return args[args.indexOf("--state-dir") + 1];
}

testUnless(
  skipped,
  "A damaged state file is set aside, and its readable sessions continue",
  () =>
    withState([], async (sites) => {
      const ac = sites.ac();
      const { hosts } = await sites.dialMany(2);
      const { server } = sites;
      const dir = await stateDirOf(server.pid);
      await server.end("SIGKILL");
      const [changes] = [...Deno.readDirSync(dir)].filter(({ name }) => name.startsWith("changes"));
      const path = `${dir}/${changes.name}`;
      const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
      assertEquals(lines.length, 2);
      await Deno.writeTextFile(path, `${lines[0]}\n\0\0rubbish\n${lines[1]}\n`);
      server.start();
      await server.untilLine(/damaged/);
      await Promise.all(hosts.map(goesOn));
      assertEquals(ac.sessions.size, 2);
    }),
);

testUnless(
  skipped,
  "SIGHUP applies a new allow list, and an invalid one changes nothing",
  async () => {
    const dir = await Deno.makeTempDir();
    const config = `${dir}/server.conf`;
    const write = (allow: string) =>
      Deno.writeTextFile(config, `listen 0.0.0.0:8863\n# who may\nallow = ${allow}\n`);
    try {
      await write("10.0.1.0/24");
      await withSites(
        { clients: 2, serverFlags: ["--config", config], start: false },
        async (sites) => {
          const [first, second] = sites.sites;
          sites.server.start();
          first.client.start();
          await first.client.untilHealth(200);
          second.client.start();
          await sites.server.untilLine(/Connection refused.*not on the allow list/);
          const ac = sites.ac();
          const host = sites.host();
          await host.dial();

          await write("10.0.1.0/24,10.0.2.0/24");
          sites.server.signal("SIGHUP");
          await sites.server.untilLine(/Configuration reloaded/);
          await second.client.untilHealth(200);
          assertEquals((await host.exchange({ frames: 10 })).returned, 10);

          await write("nonsense");
          sites.server.signal("SIGHUP");
          await sites.server.untilLine(/Cannot reload the configuration; nothing was changed/);
          await Deno.writeTextFile(config, "listen 0.0.0.0:8864\nallow 10.0.0.0/8\n");
          sites.server.signal("SIGHUP");
          await sites.server.untilLine(/only after a restart.*flags=listen/);
          assertEquals((await host.exchange({ frames: 10 })).returned, 10);
          assertEquals([ac.sessions.size, sites.acs.log.count("in", CODE.PADT)], [1, 0]);
        },
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

/** Fails if a grace time of 3 s began again with the last start, however slow the machine is. */
function assertContinued(sinceStartMs: number): void {
  assert(sinceStartMs < 2900, `it began again: ${sinceStartMs} ms since the last start`);
}

testUnless(
  skipped,
  "The grace time continues across restarts of the server",
  () =>
    withState(["--grace", "3"], async (sites) => {
      const ac = sites.ac();
      await sites.dialMany(2);
      const sinceMs = performance.now();
      let startedMs = sinceMs;
      await sites.client.end("SIGKILL");
      const { server } = sites;
      while (performance.now() - sinceMs < 2500) {
        await server.untilStatus(
          "its sessions are held",
          ({ sessions }) =>
            sessions.length === 2 && sessions.every(({ state }) => state === "held"),
        );
        await server.end("SIGKILL");
        server.start();
        startedMs = performance.now();
        await server.untilHealth(200);
      }
      await untilPadts(sites.acs, 2);
      const ms = performance.now() - sinceMs;
      assert(ms > 2900, `it took ${ms} ms`);
      assertContinued(performance.now() - startedMs);
      assertEquals(ac.sessions.size, 0);
    }),
);

testUnless(
  skipped,
  "A session that the AC grants while the server is away is closed",
  () =>
    withState([], async (sites) => {
      const { server, acs, hosts: station } = sites;
      const ac = sites.ac();
      // This AC sends no answers by itself.
      ac.close();
      const host = sites.host({ attempts: 1, retryMs: 300 });
      const dialled = host.dial().catch(() => {});
      const { bytes: sought } = await acs.log.waitFor(({ direction, bytes }) =>
        direction === "in" && readCode(bytes) === CODE.PADI
      );
      const { source: face, tags } = parseDiscovery(sought)!;
      await server.end("SIGKILL");
      server.start();
      await server.untilHealth(200);
      const frame = { destination: face, source: acs.mac, code: CODE.PADS, sessionId: 9, tags };
      acs.send(emitDiscovery(frame));
      await untilPadts(acs, 1);
      await dialled;
      assertEquals(padtsAt(station), 0);
    }),
);

testUnless(skipped, "A client that is away keeps its place under --max-clients", () =>
  withSites({
    clients: 2,
    serverFlags: "--listen 0.0.0.0:8863 --allow 10.0.0.0/8 --max-clients 1".split(" "),
    start: false,
  }, async (sites) => {
    const [first, second] = sites.sites;
    sites.server.start();
    first.client.start();
    await first.client.untilHealth(200);
    sites.ac();
    const host = sites.host();
    await host.dial();
    await sites.reachable(first, false);
    await sites.resetTunnels();
    await sites.server.untilStatus("it is held", ({ sessions }) => sessions[0]?.state === "held");
    second.client.start();
    await second.client.untilHealth(200);
    await sites.reachable(first, true);
    await goesOn(host);
  }));

testUnless(
  skipped,
  "A client that restarts after the grace time sends PADTs to its hosts at once, and continues to work",
  () =>
    withState(["--grace", "1"], async (sites) => {
      sites.ac();
      const { hosts } = await sites.dialMany(3);
      const { client } = sites;
      await client.end("SIGKILL");
      await untilPadts(sites.acs, 3);
      client.start();
      await Promise.all(hosts.map((host) => host.closed(4000)));
      await client.untilHealth(200);
      await assertPadts(sites, sites.hosts, 3);
      await hosts[0].dial();
      await goesOn(hosts[0]);
    }),
);

testUnless(
  skipped,
  "The grace time continues across restarts of a server that died before its client",
  () =>
    withState(["--grace", "3"], async (sites) => {
      const ac = sites.ac();
      await sites.dialMany(2);
      const { server, client } = sites;
      const sinceMs = performance.now();
      await server.end("SIGKILL");
      await client.end("SIGKILL");
      while (performance.now() - sinceMs < 2000) {
        server.start();
        await server.untilHealth(200);
        await server.end("SIGKILL");
      }
      server.start();
      const startedMs = performance.now();
      await untilPadts(sites.acs, 2);
      const ms = performance.now() - sinceMs;
      assert(ms > 1500, `it took ${ms} ms`);
      assertContinued(performance.now() - startedMs);
      assertEquals(ac.sessions.size, 0);
    }),
);

testUnless(
  skipped,
  "A start that fails because its status address is in use leaves the sessions to the next run",
  () =>
    withState(["--grace", "60"], async (sites) => {
      const ac = sites.ac();
      const { hosts } = await sites.dialMany(2);
      for (const program of [sites.server, sites.client]) {
        const namespace = program === sites.server
          ? sites.serverNamespace
          : sites.sites[0].clientNamespace;
        await program.end("SIGUSR2");
        const other = inNamespace(
          sites.net.path(namespace),
          () => Deno.listen({ ...SITE.status }),
        );
        try {
          program.start();
          assertEquals((await program.ended()).code, 1);
        } finally {
          other.close();
        }
        await program.untilLine(/Cannot serve the status/);
        program.start();
        await Promise.all(hosts.map(goesOn));
      }
      assertEquals([ac.sessions.size, padtsAt(sites.acs), padtsAt(sites.hosts)], [2, 0, 0]);
    }),
);

testUnless(
  skipped,
  "SIGUSR2 closes all sessions if the state directory is gone",
  () =>
    withState([], async (sites, dir) => {
      sites.ac();
      const { hosts } = await sites.dialMany(2);
      await Deno.remove(`${dir}/server`, { recursive: true });
      assertEquals((await sites.server.end("SIGUSR2")).code, 0);
      await sites.server.untilLine(/ERROR Sessions are closed, because .* is gone$/);
      await assertPadts(sites, sites.acs, 2);
      await Promise.all(hosts.map((host) => host.closed(4000)));
    }),
);
