// A client with several servers: its choice of a server, and the fate of its sessions when it moves.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { type SimulatedAc, SITE } from "../../src/lab/mod.ts";
import { greetClient, PROTOCOL_VERSION } from "../../src/tunnel/handshake.ts";
import { CODE } from "../../src/wire/mod.ts";
import {
  assertExchange,
  inState,
  padtsAt,
  SECOND_SERVER,
  type Sites,
  SOON,
  withSites,
} from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noTbf = skipped ?? (hasProgram("tc") ? undefined : "no tc");
const PORT = SITE.tunnelPort;
const GRACE_MS = 1000;
/** The time that sessions may last after the grace time. */
const LATE_MS = 2000;
const SERVERS = ["10.0.1.2", SECOND_SERVER].map((hostname) => ({ hostname, port: PORT }));
const FAILOVER = { timers: { ...SOON, graceMs: GRACE_MS }, start: false };

/** Accepts the next connection, with a time limit. */
async function accept(listener: Deno.TcpListener): Promise<Deno.TcpConn> {
  const timer = setTimeout(() => listener.close(), 10_000);
  try {
    return await listener.accept();
  } finally {
    clearTimeout(timer);
  }
}

/** Starts both servers, and a client that uses the first one; returns the AC at the second. */
async function startAtFirst(sites: Sites): Promise<SimulatedAc> {
  sites.server.start();
  await sites.server.untilHealth(200);
  const { acs } = await startAtSecond(sites);
  sites.ac();
  return sites.acAt(acs, {});
}

/** Starts the second server, and a client that uses it if the first one is not running. */
async function startAtSecond(sites: Sites): ReturnType<Sites["addServer"]> {
  const second = await sites.addServer();
  second.server.start();
  await second.server.untilHealth(200);
  sites.client.start();
  await sites.client.untilHealth(200);
  return second;
}

testUnless(
  skipped,
  "Client tries the servers of each --connect in turn, by comma and repeated",
  () => {
    const nobody = (port: number) => `10.0.1.2:${port}`;
    const clientFlags = [
      "--connect",
      `${nobody(1)}, ${nobody(2)}`,
      "--connect",
      `10.0.1.2:${PORT}`,
    ];
    return withSites({ clientFlags }, async ({ client }) => {
      const failed = client.matching(/Cannot connect/).map((line) =>
        /10\.0\.1\.2:\d+/.exec(line)![0]
      );
      assertEquals(failed, [nobody(1), nobody(2)]);
      const [{ peer }] = (await client.status()).tunnels;
      assertEquals(peer, `10.0.1.2:${PORT}`);
    });
  },
);

testUnless(
  skipped,
  "Client closes its sessions and goes to the next server when the first stays away",
  () =>
    withSites({ ...FAILOVER, clientOptions: { connect: SERVERS } }, async (sites) => {
      const { server, client } = sites;
      const ac2 = await startAtFirst(sites);
      const { hosts: [host] } = await sites.dialMany(1);
      assertEquals(host.offers[0].acName, "bras1");

      const startMs = performance.now();
      await server.end("SIGKILL");
      await host.closed(GRACE_MS + 2 * LATE_MS);
      const ms = performance.now() - startMs;
      assert(ms >= GRACE_MS && ms < GRACE_MS + LATE_MS, `${ms} ms`);
      await client.untilHealth(200);
      const [{ peer }] = (await client.status()).tunnels;
      assertEquals(peer, `${SECOND_SERVER}:${PORT}`);
      // No sessions are held any more, so the client tries the second server at once.
      const closed = client.lines.findLastIndex((line) => /Session closed/.test(line));
      const since = client.lines.slice(closed).join("\n");
      assert(!since.includes(`Cannot connect to ${SERVERS[0].hostname}`), since);
      assertEquals((await host.dial()).acName, "bras2");
      await assertExchange([host]);

      // Without --prefer-first, the client stays at the second server.
      server.start();
      await server.untilHealth(200);
      await assertExchange([host]);
      assertEquals(ac2.sessions.size, 1);
      assertEquals((await server.status()).tunnels, []);
    }),
);

testUnless(
  skipped,
  "Client goes to the next server when the first does not answer any more",
  () =>
    withSites({ ...FAILOVER, clientOptions: { connect: SERVERS } }, async (sites) => {
      const { client, net, serverNamespace, sites: [site] } = sites;
      await startAtFirst(sites);
      const { hosts: [host] } = await sites.dialMany(1);

      // The first server's address drops all packets, so an attempt to connect gets no answer.
      const neighbour = ["lladdr", "02:00:00:00:dd:01", "dev", "wan0", "nud", "permanent"];
      await net.ip(site.clientNamespace, "neighbour", "replace", site.serverAddress, ...neighbour);
      await net.ip(serverNamespace, "address", "flush", "dev", site.wan);
      await client.untilLine(/Tunnel lost/);
      const startMs = performance.now();
      await host.closed(GRACE_MS + 2 * LATE_MS);
      await client.untilHealth(200);
      const ms = performance.now() - startMs;
      assert(ms < GRACE_MS + LATE_MS, `${ms} ms`);
      assertEquals((await host.dial()).acName, "bras2");
    }),
);

testUnless(
  skipped,
  "Client goes to the next server when the hosts have ended all sessions held for the first",
  () => {
    const timers = { ...SOON, graceMs: 60_000 };
    return withSites(
      { ...FAILOVER, timers, clientOptions: { connect: SERVERS } },
      async (sites) => {
        const { server, client } = sites;
        await startAtFirst(sites);
        const { hosts } = await sites.dialMany(2);
        await server.end("SIGKILL");
        await client.untilStatus("they are held", ({ sessions }) => inState(sessions, "held", 2));
        hosts[0].hangUp();
        await client.untilLine(/Session closed/);
        // One session is still held.
        const [{ peer }] = (await client.status()).tunnels;
        assertEquals(peer, `10.0.1.2:${PORT}`);
        assertEquals(client.matching(/Connecting again server=10\.1\.1\.2/), []);
        hosts[1].hangUp();
        await client.untilHealth(200);
        assertEquals((await hosts[0].dial()).acName, "bras2");
      },
    );
  },
);

testUnless(
  skipped,
  "Client goes to the next server at once when no sessions are held any more",
  () => {
    const timers = { ...SOON, graceMs: 60_000 };
    return withSites(
      { ...FAILOVER, timers, clientOptions: { connect: SERVERS } },
      async (sites) => {
        const { server, client } = sites;
        await startAtFirst(sites);
        const { hosts: [host] } = await sites.dialMany(1);
        await sites.resetTunnels();
        await client.untilStatus(
          "its session is held",
          ({ sessions }) => inState(sessions, "held", 1),
        );
        await client.untilStatus("it goes on", ({ sessions }) => inState(sessions, "open", 1));
        host.hangUp();
        await client.untilStatus("its session is over", ({ sessions }) => sessions.length === 0);
        await server.end("SIGKILL");
        await client.untilStatus(
          "it is at the second",
          ({ tunnels: [{ state, peer }] }) => state === "up" && peer === `10.1.1.2:${PORT}`,
        );
        assertEquals((await host.dial()).acName, "bras2");
      },
    );
  },
);

testUnless(
  skipped,
  "Client that restarts after the grace time goes to the next server while the first is away",
  async () => {
    const stateDir = await Deno.makeTempDir();
    try {
      const timers = { ...SOON, graceMs: 1000 };
      await withSites(
        { ...FAILOVER, timers, clientOptions: { connect: SERVERS, stateDir } },
        async (sites) => {
          const { server, client } = sites;
          await startAtFirst(sites);
          const { hosts: [host] } = await sites.dialMany(1);
          await client.end("SIGKILL");
          await server.end("SIGKILL");
          // The client looks as if it had died long ago.
          await Deno.utime(`${stateDir}/lock`, 0, 0);
          client.start();
          assertEquals(await host.closed(4000), "ac");
          await client.untilHealth(200);
          assertEquals((await host.dial()).acName, "bras2");
        },
      );
    } finally {
      await Deno.remove(stateDir, { recursive: true });
    }
  },
);

testUnless(
  skipped,
  "Client completes an attempt at the next server, whatever it had begun with the first",
  () =>
    withSites({ ...FAILOVER, clientOptions: { connect: SERVERS } }, async (sites) => {
      const { server, client, net } = sites;
      const second = await sites.addServer();
      using listener = inNamespace(
        net.path(second.namespace),
        () => Deno.listen(SERVERS[1]),
      );
      server.start();
      await server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      // A discovery is kept in case the server comes back, but no session is held for it.
      const host = sites.host();
      host.dial().catch(() => {});
      await until("it has reached the AC", () => sites.acs.log.count("in", CODE.PADI) > 0);
      await server.end("SIGKILL");
      using _silent = await accept(listener);
      await client.untilLine(/No greeting in time/);
      // There was one attempt, which events of the first server did not interrupt.
      const at = (pattern: RegExp) => client.lines.findIndex((line) => pattern.test(line));
      const between = client.lines.slice(at(/Tunnel lost/), at(/No greeting in time/));
      const attempts = between.filter((line) => line.includes("Connecting again"));
      assertEquals(attempts.length, 1, between.join("\n"));
      assertMatch(attempts[0], /server=10\.1\.1\.2:/);
    }),
);

testUnless(
  skipped,
  "Client with --prefer-first returns to the first server, and closes its sessions through the other",
  () => {
    const clientOptions = { connect: SERVERS, preferFirst: true, preferFirstMs: 300 };
    return withSites({ ...FAILOVER, clientOptions }, async (sites) => {
      const { server, client } = sites;
      const second = await startAtSecond(sites);
      sites.ac();
      const ac2 = sites.acAt(second.acs, {});
      const { hosts: [host] } = await sites.dialMany(1);
      assertEquals(host.offers[0].acName, "bras2");

      server.start();
      assertEquals(await host.closed(8000), "ac");
      await until("its AC knows", () => ac2.sessions.size === 0);
      await client.untilStatus(
        "it is back at the first",
        ({ tunnels }) =>
          tunnels[0].state === "up" && tunnels[0].peer === `${SERVERS[0].hostname}:${PORT}`,
      );
      assertEquals((await host.dial()).acName, "bras1");
      await assertExchange([host]);
      await second.server.untilStatus(
        "it has no sessions left",
        ({ tunnels, sessions }) => tunnels.length + sessions.length === 0,
      );
      assertEquals(padtsAt(second.acs), 1);
    });
  },
);

testUnless(
  skipped,
  "Client uses another server while the interface of the first is down, and returns when it is up",
  () => {
    const clientOptions = { connect: SERVERS, preferFirst: true, preferFirstMs: 300 };
    return withSites({ ...FAILOVER, clientOptions }, async (sites) => {
      const { server, client, net, serverNamespace } = sites;
      const second = await sites.addServer();
      const link = (state: string) => net.ip(serverNamespace, "link", "set", "isp0", state);
      await link("down");
      for (const program of [server, second.server]) program.start();
      await server.untilHealth(503);
      await second.server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      await client.untilLine(/The interface of the server .* is not up/);
      sites.ac();
      sites.acAt(second.acs, {});
      const { hosts: [host] } = await sites.dialMany(1);
      assertEquals(host.offers[0].acName, "bras2");
      const looks = server.matching(/Client connected/).length;
      await until(
        "it has looked at the first several times",
        () => server.matching(/Client connected/).length >= looks + 3,
      );
      await assertExchange([host]);

      await link("up");
      assertEquals(await host.closed(8000), "ac");
      await client.untilHealth(200);
      await until(
        "it dials through the first",
        () => host.dial().then(({ acName }) => acName === "bras1", () => false),
      );
    });
  },
);

testUnless(
  skipped,
  "Client uses its only server even while that server's interface is down",
  () =>
    withSites({ ...FAILOVER, clientOptions: { connect: [SERVERS[0]] } }, async (sites) => {
      const { server, client, net, serverNamespace } = sites;
      const link = (state: string) => net.ip(serverNamespace, "link", "set", "isp0", state);
      await link("down");
      server.start();
      await server.untilHealth(503);
      client.start();
      await client.untilHealth(200);
      await link("up");
      await server.untilHealth(200);
      sites.ac();
      await sites.dialMany(1);
    }),
);

testUnless(
  noTbf,
  "Client with --prefer-first closes its sessions through the other server over a congested path",
  () => {
    const clientOptions = { connect: SERVERS, preferFirst: true, preferFirstMs: 300 };
    return withSites({ ...FAILOVER, clientOptions }, async (sites) => {
      const { server, client, sites: [{ clientNamespace }] } = sites;
      const second = await startAtSecond(sites);
      const ac2 = sites.acAt(second.acs, { data: "count" });
      const { hosts: [host] } = await sites.dialMany(1);
      const shape = ["tbf", "rate", "1mbit", "burst", "8kb", "latency", "20ms"];
      const args = ["-n", clientNamespace, "qdisc", "add", "dev", "wan1", "root", ...shape];
      assert((await new Deno.Command("tc", { args }).output()).success);
      const payload = new Uint8Array(1400);
      let over = false;
      const sending = (async () => {
        // Offer 28 Mbit/s.
        while (!over) {
          for (let i = 0; i < 25; i++) host.send(payload);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })();
      try {
        await until("the path is congested", async () => (await client.drops())["queue-delay"] > 0);
        server.start();
        assertEquals(await host.closed(8000), "ac");
        over = true;
        await second.server.untilLine(
          /Session closed .*moved to another server, as reported by the peer/,
        );
        await until("its AC knows", () => ac2.sessions.size === 0);
      } finally {
        over = true;
        await sending;
      }
    });
  },
);

testUnless(
  skipped,
  "Client with --prefer-first returns less and less often to a first server that only greets",
  () => {
    const preferFirstMs = 300;
    const clientOptions = { connect: SERVERS, preferFirst: true, preferFirstMs };
    return withSites({ ...FAILOVER, clientOptions }, async (sites) => {
      const { client, net, serverNamespace } = sites;
      await startAtSecond(sites);
      using listener = inNamespace(net.path(serverNamespace), () => Deno.listen(SERVERS[0]));
      const hello = { version: PROTOCOL_VERSION, features: 0, name: "ill", software: "" };
      const greetedMs: number[] = [];
      while (greetedMs.length < 4) {
        const conn = await accept(listener);
        await greetClient(conn, hello);
        conn.close();
        greetedMs.push(performance.now());
      }
      for (const [n, ms] of greetedMs.slice(1).entries()) {
        const gapMs = ms - greetedMs[n];
        assert(gapMs >= preferFirstMs * 2 ** (n + 1), `${n}: ${gapMs} ms`);
      }
      await client.untilHealth(200);
    });
  },
);

testUnless(
  skipped,
  "Client with --prefer-first returns to another address of its current server",
  () => {
    const connect = ["10.0.1.9", "10.0.1.2"].map((hostname) => ({ hostname, port: PORT }));
    const clientOptions = { connect, preferFirst: true, preferFirstMs: 300 };
    // Nothing here should wait for the end of the grace time.
    const timers = { ...SOON, graceMs: 60_000 };
    return withSites({ ...FAILOVER, timers, clientOptions }, async (sites) => {
      const { server, client, net, serverNamespace, sites: [{ wan }] } = sites;
      server.start();
      await server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      const ac = sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      await net.ip(serverNamespace, "address", "add", "10.0.1.9/24", "dev", wan);
      assertEquals(await host.closed(8000), "ac");
      await until("the AC knows", () => ac.sessions.size === 0);
      await client.untilStatus(
        "it is back at the first",
        ({ tunnels }) => tunnels[0].state === "up" && tunnels[0].peer === `10.0.1.9:${PORT}`,
      );
      assertEquals(client.matching(/Another program/), []);
      await host.dial();
      await assertExchange([host]);
    });
  },
);
