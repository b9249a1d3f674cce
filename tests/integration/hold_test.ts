// Sessions while their tunnel is away: broken, its other end gone for good, moved, or another server's.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { type SimulatedAc, type SimulatedHost, SITE } from "../../src/lab/mod.ts";
import type { SessionStatus } from "../../src/observe/status.ts";
import { greetClient, greetServer, PROTOCOL_VERSION } from "../../src/tunnel/handshake.ts";
import {
  CODE,
  emitDiscovery,
  emitSession,
  emitSessionList,
  encodeFrame,
  FEATURE,
  FRAME,
  parseSessionList,
  PPP_PROTOCOL,
  readHeader,
  RESUME_SECRET_LENGTH,
} from "../../src/wire/mod.ts";
import {
  assertPadts,
  type ClientSite,
  type ModeProcess,
  padtsAt,
  SECOND_SERVER,
  type Sites,
  untilPadts,
  variantName,
  variantOptions,
  VARIANTS,
  withSites,
} from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noTbf = skipped ?? (hasProgram("tc") ? undefined : "no tc");
const PORT = SITE.tunnelPort;
const SESSIONS = 3;
const FRAMES = 20;
const BREAKS = 20;
const GRACE_MS = 1000;
/** How long after the grace time sessions may last. */
const LATE_MS = 2000;
/** So that a client soon gives up a tunnel in which nothing is heard; its server does not. */
const SOON = { pingMs: 300, tunnelTimeoutMs: 1500 };

async function assertExchange(hosts: SimulatedHost[]): Promise<void> {
  const results = await Promise.all(hosts.map((host) => host.exchange({ frames: FRAMES })));
  assertEquals(results.map(({ returned }) => returned), hosts.map(() => FRAMES));
}

function inState(sessions: SessionStatus[], state: string, count = SESSIONS): boolean {
  return sessions.length === count && sessions.every((session) => session.state === state);
}

function untilState(sites: Sites, state: string): Promise<unknown> {
  return Promise.all(
    [sites.server, sites.client].map((mode) =>
      mode.untilStatus(`all sessions are ${state}`, ({ sessions }) => inState(sessions, state))
    ),
  );
}

/** Waits until all sessions are logged as closed, for such a reason. */
async function untilClosed(mode: ModeProcess, reason: RegExp): Promise<void> {
  const pattern = new RegExp(`Session closed.* reason="[^"]*${reason.source}`);
  await until(`all are closed: ${reason}`, () => mode.matching(pattern).length === SESSIONS);
}

/** That no side has told any station of an end, nor logged one. */
async function assertNoneEnded(sites: Sites, ac: SimulatedAc): Promise<void> {
  await sites.settled(sites.acs);
  await sites.settled(sites.hosts);
  assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [0, 0]);
  assertEquals(ac.closed, []);
  for (const mode of [sites.server, sites.client]) {
    assertEquals(mode.matching(/Session closed/), []);
  }
}

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `Server and Client ${
      variantName(variant)
    } hold sessions while the tunnel is away, and go on with them`,
    () => {
      const { link, flags } = variantOptions(variant);
      return withSites({ link, flags: [...flags, "--grace", "15"] }, async (sites) => {
        const [site] = sites.sites;
        const { server, client } = sites;
        const ac = sites.ac();
        const { hosts } = await sites.dialMany(SESSIONS);
        const before = (await server.status()).sessions;

        await sites.reachable(site, false);
        await sites.resetTunnels(site);
        await sites.resetTunnels();
        await untilState(sites, "held");
        await client.untilHealth(503);
        for (const mode of [server, client]) {
          const metrics = await mode.metrics();
          assertEquals(metrics.get('pppoe_proxy_sessions{state="held"}'), SESSIONS);
          assertEquals(metrics.get('pppoe_proxy_sessions{state="open"}'), 0);
          assertEquals(metrics.get("pppoe_proxy_tunnels"), 0);
        }
        hosts[0].send(new Uint8Array(100));
        ac.send([...ac.sessions.keys()][0], new Uint8Array(100));
        for (const mode of [server, client]) {
          await mode.untilStatus("it is dropped", ({ drops }) => drops["no-tunnel"] >= 1);
        }

        await sites.reachable(site, true);
        await untilState(sites, "open");
        assertEquals((await client.status()).reconnects, 1);
        await assertExchange(hosts);
        await assertNoneEnded(sites, ac);
        const told = `held=${SESSIONS}$`;
        for (const line of [`Client gone .*${told}`, `Client connected .*${told}`]) {
          assertEquals(server.matching(new RegExp(line)).length, 1);
        }
        for (const line of [`Tunnel lost .*${told}`, `Tunnel up .*${told}`]) {
          assertEquals(client.matching(new RegExp(line)).length, 1);
        }
        const after = (await server.status()).sessions;
        const names = ({ sessionId, ac, host }: SessionStatus) => [sessionId, ac, host];
        assertEquals(after.map(names), before.map(names));
        assert(after.every(({ framesUp }) => framesUp === FRAMES));
        // They end as others do.
        hosts[0].hangUp();
        await untilPadts(sites.acs, 1);
      });
    },
  );
}

testUnless(
  skipped,
  `Server and Client go on with their sessions after ${BREAKS} breaks in a row`,
  () =>
    withSites({}, async (sites) => {
      const [site] = sites.sites;
      const { server, client } = sites;
      const ac = sites.ac();
      const { hosts } = await sites.dialMany(SESSIONS);
      for (let breaks = 1; breaks <= BREAKS; breaks++) {
        // At either end in turn.
        await sites.resetTunnels(breaks % 2 === 0 ? site : undefined);
        await client.untilStatus(
          `it has connected again ${breaks} times`,
          ({ reconnects, sessions }) => reconnects === breaks && inState(sessions, "open"),
        );
        await server.untilStatus(
          "it has one tunnel, and the sessions",
          ({ sessions, tunnels }) => tunnels.length === 1 && inState(sessions, "open"),
        );
        await assertExchange(hosts);
      }
      await assertNoneEnded(sites, ac);
    }),
);

testUnless(
  skipped,
  "Server and Client finish a dial that the tunnel breaks under",
  () =>
    withSites({}, async (sites) => {
      const [site] = sites.sites;
      sites.ac();
      const host = sites.host({ retryMs: 500, attempts: 20 });
      await sites.reachable(site, false);
      await sites.resetTunnels(site);
      await sites.resetTunnels();
      const dialled = host.dial();
      await sites.client.untilStatus("a PADI is lost", ({ drops }) => drops["no-tunnel"] > 0);
      await sites.reachable(site, true);
      await dialled;
      await assertExchange([host]);
    }),
);

testUnless(
  skipped,
  "Server and Client close at the other side what a station ends while the tunnel is away",
  () =>
    withSites({ flags: ["--grace", "15"] }, async (sites) => {
      const [site] = sites.sites;
      const ac = sites.ac();
      const { hosts: [byHost, byAc, stays] } = await sites.dialMany(SESSIONS);
      await sites.reachable(site, false);
      await sites.resetTunnels(site);
      await sites.resetTunnels();
      await untilState(sites, "held");
      byHost.hangUp();
      ac.hangUp([...ac.sessions.keys()][1]);
      for (const mode of [sites.server, sites.client]) {
        await mode.untilStatus("one is closed", ({ sessions }) => sessions.length === 2);
      }
      assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [0, 0]);

      await sites.reachable(site, true);
      assertEquals(await byAc.closed(5000), "ac");
      await untilPadts(sites.acs, 1);
      for (const mode of [sites.server, sites.client]) {
        await mode.untilStatus("one is left", ({ sessions }) => inState(sessions, "open", 1));
      }
      await assertExchange([stays]);
      assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [1, 1]);
      assertEquals(ac.sessions.size, 1);
    }),
);

testUnless(
  skipped,
  "Client closes its sessions at once when it comes back to a server that does not know them",
  () =>
    withSites({}, async (sites) => {
      const { server, client } = sites;
      sites.ac();
      const { hosts } = await sites.dialMany(SESSIONS);
      await server.end("SIGKILL");
      server.start();
      await Promise.all(hosts.map((host) => host.closed(8000)));
      await sites.settled(sites.hosts);
      assertEquals(padtsAt(sites.hosts), SESSIONS);
      await untilClosed(client, /the other side has it no more/);
      await client.untilHealth(200);
      await sites.dialMany(1);
    }),
);

const GRACE = { flags: ["--grace", `${GRACE_MS / 1000}`] };

testUnless(
  skipped,
  "Server closes a killed client's sessions when the grace time is over",
  () =>
    withSites(GRACE, async (sites) => {
      const { server, client } = sites;
      const ac = sites.ac();
      await sites.dialMany(SESSIONS);
      const startMs = performance.now();
      await client.end("SIGKILL");
      await server.untilStatus("they are held", ({ sessions }) => inState(sessions, "held"));
      await untilPadts(sites.acs, SESSIONS);
      const ms = performance.now() - startMs;
      assert(ms >= GRACE_MS && ms < GRACE_MS + LATE_MS, `${ms} ms`);
      assertEquals(ac.sessions.size, 0);
      assertEquals((await server.status()).sessions, []);
      await sites.settled(sites.acs);
      assertEquals(padtsAt(sites.acs), SESSIONS);
      await untilClosed(server, /did not come back/);
    }),
);

testUnless(
  skipped,
  "Client closes its sessions when its server stays away for the grace time",
  () =>
    withSites(GRACE, async (sites) => {
      const { server, client } = sites;
      sites.ac();
      const { hosts } = await sites.dialMany(SESSIONS);
      const startMs = performance.now();
      await server.end("SIGKILL");
      await client.untilStatus("they are held", ({ sessions }) => inState(sessions, "held"));
      await Promise.all(hosts.map((host) => host.closed(GRACE_MS + 2 * LATE_MS)));
      const ms = performance.now() - startMs;
      assert(ms >= GRACE_MS && ms < GRACE_MS + LATE_MS, `${ms} ms`);
      assertEquals((await client.status()).sessions, []);
      await sites.settled(sites.hosts);
      assertEquals(padtsAt(sites.hosts), SESSIONS);
      await untilClosed(client, /did not come back/);
    }),
);

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `SIGTERM of the ${side} while the tunnel is away closes its sessions at once, and the other's later`,
    () =>
      withSites({ flags: ["--grace", "2"] }, async (sites) => {
        const [site] = sites.sites;
        const ac = sites.ac();
        const { hosts } = await sites.dialMany(SESSIONS);
        await sites.reachable(site, false);
        await sites.resetTunnels(site);
        await sites.resetTunnels();
        await untilState(sites, "held");
        const [link, other] = side === "server"
          ? [sites.acs, sites.hosts]
          : [sites.hosts, sites.acs];
        assertEquals((await sites[side].end("SIGTERM")).code, 0);
        await sites.settled(link);
        assertEquals([padtsAt(link), padtsAt(other)], [SESSIONS, 0]);
        await assertPadts(sites, other, SESSIONS);
        assertEquals(ac.sessions.size, 0);
        await Promise.all(hosts.map((host) => host.closed()));
      }),
  );
}

/** Gives a client another address. Nobody is told: its old connection just gets no answer any more. */
async function move(sites: Sites, { clientNamespace }: ClientSite, address: string): Promise<void> {
  await sites.net.ip(clientNamespace, "address", "flush", "dev", "wan0");
  await sites.net.ip(clientNamespace, "address", "add", `${address}/24`, "dev", "wan0");
}

for (const full of [false, true]) {
  testUnless(
    skipped,
    full
      ? "Server with --max-clients 1 takes the same client back while it believes the old connection up"
      : "Server gives a client that has moved its sessions at once",
    () => {
      const serverOptions = full ? { maxClients: 1 } : {};
      const options = { clientOptions: SOON, serverOptions, clients: full ? 2 : 1 };
      return withSites({ ...options, start: false }, async (sites) => {
        const { server, client, sites: [site] } = sites;
        server.start();
        await server.untilHealth(200);
        client.start();
        await client.untilHealth(200);
        const ac = sites.ac();
        const { hosts } = await sites.dialMany(SESSIONS);
        await assertExchange(hosts);
        await move(sites, site, "10.0.1.77");
        if (full) {
          sites.sites[1].client.start();
          assertMatch(await sites.sites[1].client.untilLine(/Refused/), /goodbye \(full\)/);
        }
        await client.untilStatus(
          "it is back",
          ({ reconnects, sessions }) => reconnects === 1 && inState(sessions, "open"),
        );
        // Of the end of the old one it has learnt from the new one.
        assertMatch(
          await server.untilLine(/Client gone/),
          /reason="replaced by a newer tunnel"/,
        );
        const { tunnels } = await server.status();
        assertEquals(tunnels.map(({ peer }) => peer.split(":")[0]), ["10.0.1.77"]);
        await assertExchange(hosts);
        await assertNoneEnded(sites, ac);
        assertEquals(server.matching(/Client gone/).length, 1);
      });
    },
  );
}

/** The next connection, for which it does not wait for ever. */
async function accept(listener: Deno.TcpListener): Promise<Deno.TcpConn> {
  const timer = setTimeout(() => listener.close(), 10_000);
  try {
    return await listener.accept();
  } finally {
    clearTimeout(timer);
  }
}

/** The first list of sessions that comes through a connection. */
async function readList(conn: Deno.Conn, received: Uint8Array) {
  const header = { type: 0, length: 0 };
  let bytes = received;
  const part = new Uint8Array(4096);
  for (;;) {
    for (let size; (size = readHeader(bytes, 0, bytes.length, header)) > 0;) {
      const end = size + header.length;
      if (end > bytes.length) break;
      if (header.type === FRAME.SESSIONS) return parseSessionList(bytes.subarray(size, end))!;
      bytes = bytes.subarray(end);
    }
    const count = await conn.read(part);
    if (count === null) throw new Error("Cannot read a list: the connection was closed");
    bytes = Uint8Array.of(...bytes, ...part.subarray(0, count));
  }
}

testUnless(
  skipped,
  "Server gives a client's sessions to no other one, whatever that calls itself",
  () =>
    withSites({ clients: 2, flags: ["--name", "osaka"], start: false }, async (sites) => {
      const { server, client, sites: [site, other] } = sites;
      server.start();
      await server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      const ac = sites.ac();
      const { hosts } = await sites.dialMany(SESSIONS);
      const host = hosts[0].mac;
      const [{ sessionId }] = ac.sessions.values();
      await sites.reachable(site, false);
      await sites.resetTunnels(site);
      await sites.resetTunnels();
      await untilState(sites, "held");

      // As itself.
      other.client.start();
      await other.client.untilHealth(200);
      assertEquals((await other.client.status()).sessions, []);
      await server.untilStatus("both are named so", ({ tunnels, sessions }) =>
        tunnels.some(({ name }) =>
          name === "osaka"
        ) &&
        sessions.every(({ tunnel }) => tunnel === "osaka"));
      assert(inState((await server.status()).sessions, "held"));

      // As one that knows everything but the secret.
      const conn = await other.client.connect({ hostname: other.serverAddress, port: PORT });
      try {
        const { received } = await greetServer(conn, {
          version: PROTOCOL_VERSION,
          features: FEATURE.RESUME,
          name: "osaka",
          software: "",
          resumeSecret: new Uint8Array(RESUME_SECRET_LENGTH),
        });
        assertEquals(await readList(conn, received), { last: true, sessions: [] });
        const writer = conn.writable.getWriter();
        const to = { source: host, destination: sites.acs.mac, sessionId };
        const sessions = [{ ac: sites.acs.mac, host, sessionId }];
        const payload = new Uint8Array(100);
        const protocol = PPP_PROTOCOL.IPV4;
        for (
          const frame of [
            encodeFrame(FRAME.SESSIONS, emitSessionList({ last: true, sessions })),
            encodeFrame(FRAME.SESSION, emitSession({ ...to, protocol, payload })),
            encodeFrame(FRAME.DISCOVERY, emitDiscovery({ ...to, code: CODE.PADT, tags: [] })),
          ]
        ) await writer.write(frame);
        writer.releaseLock();
        await server.untilStatus("both are dropped", ({ drops }) => drops["unknown-session"] === 2);
      } finally {
        conn.close();
      }
      assert(inState((await server.status()).sessions, "held"));
      assertEquals(ac.sessions.size, SESSIONS);

      await sites.reachable(site, true);
      await client.untilStatus("it has them again", ({ sessions }) => inState(sessions, "open"));
      await assertExchange(hosts);
      await assertNoneEnded(sites, ac);
    }),
);

const SERVERS = ["10.0.1.2", SECOND_SERVER].map((hostname) => ({ hostname, port: PORT }));
const FAILOVER = { timers: { ...SOON, graceMs: GRACE_MS }, start: false };

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
      const second = await sites.addServer();
      for (const mode of [server, second.server]) mode.start();
      for (const mode of [server, second.server]) await mode.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      sites.ac();
      const ac2 = sites.acAt(second.acs, {});
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
      // With nothing held the other one has its turn at once.
      const closed = client.lines.findLastIndex((line) => /Session closed/.test(line));
      const since = client.lines.slice(closed).join("\n");
      assert(!since.includes(`Cannot connect to ${SERVERS[0].hostname}`), since);
      assertEquals((await host.dial()).acName, "bras2");
      await assertExchange([host]);

      // Without --prefer-first it stays there.
      server.start();
      await server.untilHealth(200);
      await assertExchange([host]);
      assertEquals(ac2.sessions.size, 1);
      assertEquals((await server.status()).tunnels, []);
    }),
);

testUnless(
  skipped,
  "Client goes to the next server when the first answers nothing any more",
  () =>
    withSites({ ...FAILOVER, clientOptions: { connect: SERVERS } }, async (sites) => {
      const { server, client, net, serverNamespace, sites: [site] } = sites;
      const second = await sites.addServer();
      for (const mode of [server, second.server]) mode.start();
      for (const mode of [server, second.server]) await mode.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      sites.ac();
      sites.acAt(second.acs, {});
      const { hosts: [host] } = await sites.dialMany(1);

      // Where it was there is a machine that throws all away, so that an attempt waits for an answer.
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
  "Client goes to the next server when the hosts have ended all that was held for the first",
  () => {
    const timers = { ...SOON, graceMs: 60_000 };
    return withSites(
      { ...FAILOVER, timers, clientOptions: { connect: SERVERS } },
      async (sites) => {
        const { server, client } = sites;
        const second = await sites.addServer();
        for (const mode of [server, second.server]) mode.start();
        for (const mode of [server, second.server]) await mode.untilHealth(200);
        client.start();
        await client.untilHealth(200);
        sites.ac();
        sites.acAt(second.acs, {});
        const { hosts } = await sites.dialMany(2);
        await server.end("SIGKILL");
        await client.untilStatus("they are held", ({ sessions }) => inState(sessions, "held", 2));
        hosts[0].hangUp();
        await client.untilLine(/Session closed/);
        // One is left to wait for.
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
  "Client goes to the next server at once when nothing is held, whatever was held before",
  () => {
    const timers = { ...SOON, graceMs: 60_000 };
    return withSites(
      { ...FAILOVER, timers, clientOptions: { connect: SERVERS } },
      async (sites) => {
        const { server, client } = sites;
        const second = await sites.addServer();
        for (const mode of [server, second.server]) mode.start();
        for (const mode of [server, second.server]) await mode.untilHealth(200);
        client.start();
        await client.untilHealth(200);
        sites.ac();
        sites.acAt(second.acs, {});
        const { hosts: [host] } = await sites.dialMany(1);
        await sites.resetTunnels();
        await client.untilStatus(
          "its session is held",
          ({ sessions }) => inState(sessions, "held", 1),
        );
        await client.untilStatus("it goes on", ({ sessions }) => inState(sessions, "open", 1));
        host.hangUp();
        await client.untilStatus("it is over", ({ sessions }) => sessions.length === 0);
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
  "Client that is restarted after the grace goes to the next server while the first is away",
  async () => {
    const stateDir = await Deno.makeTempDir();
    try {
      const timers = { ...SOON, graceMs: 1000 };
      await withSites(
        { ...FAILOVER, timers, clientOptions: { connect: SERVERS, stateDir } },
        async (sites) => {
          const { server, client } = sites;
          const second = await sites.addServer();
          for (const mode of [server, second.server]) mode.start();
          for (const mode of [server, second.server]) await mode.untilHealth(200);
          client.start();
          await client.untilHealth(200);
          sites.ac();
          sites.acAt(second.acs, {});
          const { hosts: [host] } = await sites.dialMany(1);
          await client.end("SIGKILL");
          await server.end("SIGKILL");
          // As one that died long ago.
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
  "Client lets the next server greet, whatever it had begun with the first",
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
      // A discovery is kept for a server that comes back, but there is no session to wait for.
      const host = sites.host();
      host.dial().catch(() => {});
      await until("it has come through", () => sites.acs.log.count("in", CODE.PADI) > 0);
      await server.end("SIGKILL");
      using _silent = await accept(listener);
      await client.untilLine(/No greeting in time/);
      // One attempt, at once, which was not broken off for anything of the first one's.
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
      const second = await sites.addServer();
      second.server.start();
      await second.server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
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
        "it has nothing left",
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
      for (const mode of [server, second.server]) mode.start();
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
        "it has looked at the first again and again",
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
  "Client with one server uses it also while its interface is down",
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
  "Client with --prefer-first closes its sessions through the other server though the way there is full",
  () => {
    const clientOptions = { connect: SERVERS, preferFirst: true, preferFirstMs: 300 };
    return withSites({ ...FAILOVER, clientOptions }, async (sites) => {
      const { server, client, sites: [{ clientNamespace }] } = sites;
      const second = await sites.addServer();
      second.server.start();
      await second.server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
      const ac2 = sites.acAt(second.acs, { data: "count" });
      const { hosts: [host] } = await sites.dialMany(1);
      const shape = ["tbf", "rate", "1mbit", "burst", "8kb", "latency", "20ms"];
      const args = ["-n", clientNamespace, "qdisc", "add", "dev", "wan1", "root", ...shape];
      assert((await new Deno.Command("tc", { args }).output()).success);
      const payload = new Uint8Array(1400);
      let over = false;
      const sending = (async () => {
        // 28 Mbit/s.
        while (!over) {
          for (let i = 0; i < 25; i++) host.send(payload);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })();
      try {
        await until("the way is full", async () => (await client.drops())["queue-delay"] > 0);
        server.start();
        assertEquals(await host.closed(8000), "ac");
        over = true;
        await second.server.untilLine(/Session closed .*PADT from the host/);
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
  "Client with --prefer-first returns ever less often to a first server that greets and no more",
  () => {
    const preferFirstMs = 300;
    const clientOptions = { connect: SERVERS, preferFirst: true, preferFirstMs };
    return withSites({ ...FAILOVER, clientOptions }, async (sites) => {
      const { client, net, serverNamespace } = sites;
      const second = await sites.addServer();
      second.server.start();
      await second.server.untilHealth(200);
      client.start();
      await client.untilHealth(200);
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
  "Client with --prefer-first returns to another address of the server that it is at",
  () => {
    const connect = ["10.0.1.9", "10.0.1.2"].map((hostname) => ({ hostname, port: PORT }));
    const clientOptions = { connect, preferFirst: true, preferFirstMs: 300 };
    // Nothing is to wait for the end of the grace.
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
