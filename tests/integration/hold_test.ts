// Held sessions, whose tunnel breaks, or whose peer is gone for good, has moved, or is a different one.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type SimulatedAc, SITE } from "../../src/lab/mod.ts";
import type { SessionStatus } from "../../src/observe/status.ts";
import { greetServer, PROTOCOL_VERSION } from "../../src/tunnel/handshake.ts";
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
  assertExchange,
  assertPadts,
  type ClientSite,
  inState,
  padtsAt,
  type SideProgram,
  type Sites,
  SOON,
  untilPadts,
  variantName,
  variantOptions,
  VARIANTS,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const PORT = SITE.tunnelPort;
const SESSIONS = 3;
const FRAMES = 20;
const BREAKS = 20;
const GRACE_MS = 1000;
/** The time that sessions may last after the grace time. */
const LATE_MS = 2000;

function untilState(sites: Sites, state: string): Promise<unknown> {
  return Promise.all(
    [sites.server, sites.client].map((program) =>
      program.untilStatus(
        `all sessions are ${state}`,
        ({ sessions }) => inState(sessions, state, SESSIONS),
      )
    ),
  );
}

/** Waits until all sessions are logged as closed, with a certain reason. */
async function untilClosed(program: SideProgram, reason: RegExp): Promise<void> {
  const pattern = new RegExp(`Session closed.* reason="[^"]*${reason.source}`);
  await until(`all are closed: ${reason}`, () => program.matching(pattern).length === SESSIONS);
}

/** Asserts that neither side has told a station about an end, or logged one. */
async function assertNoneEnded(sites: Sites, ac: SimulatedAc): Promise<void> {
  await sites.settled(sites.acs);
  await sites.settled(sites.hosts);
  assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [0, 0]);
  assertEquals(ac.closed, []);
  for (const program of [sites.server, sites.client]) {
    assertEquals(program.matching(/Session closed/), []);
  }
}

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `Server and Client ${
      variantName(variant)
    } hold sessions while the tunnel is down, and continue them`,
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
        for (const program of [server, client]) {
          const metrics = await program.metrics();
          assertEquals(metrics.get('pppoe_proxy_sessions{state="held"}'), SESSIONS);
          assertEquals(metrics.get('pppoe_proxy_sessions{state="open"}'), 0);
          assertEquals(metrics.get("pppoe_proxy_tunnels"), 0);
        }
        hosts[0].send(new Uint8Array(100));
        ac.send([...ac.sessions.keys()][0], new Uint8Array(100));
        for (const program of [server, client]) {
          await program.untilStatus("the frame is dropped", ({ drops }) => drops["no-tunnel"] >= 1);
        }

        await sites.reachable(site, true);
        await untilState(sites, "open");
        assertEquals((await client.status()).reconnects, 1);
        await assertExchange(hosts, FRAMES);
        await assertNoneEnded(sites, ac);
        const told = `held=${SESSIONS}(?: |$)`;
        for (const line of [`Client gone .*${told}`, `Client connected .*${told}`]) {
          assertEquals(server.matching(new RegExp(line)).length, 1);
        }
        for (const line of [`Tunnel lost .*${told}`, `Tunnel up .*${told}`]) {
          assertEquals(client.matching(new RegExp(line)).length, 1);
        }
        const after = (await server.untilCarried()).sessions;
        const names = ({ sessionId, ac, host }: SessionStatus) => [sessionId, ac, host];
        assertEquals(after.map(names), before.map(names));
        assert(after.every(({ framesUp }) => framesUp === FRAMES));
        // They end like any other session.
        hosts[0].hangUp();
        await untilPadts(sites.acs, 1);
      });
    },
  );
}

testUnless(
  skipped,
  `Server and Client continue their sessions after ${BREAKS} breaks in a row`,
  () =>
    withSites({}, async (sites) => {
      const [site] = sites.sites;
      const { server, client } = sites;
      const ac = sites.ac();
      const { hosts } = await sites.dialMany(SESSIONS);
      for (let breaks = 1; breaks <= BREAKS; breaks++) {
        // Break the connection at each end in turn.
        await sites.resetTunnels(breaks % 2 === 0 ? site : undefined);
        await client.untilStatus(
          `it has reconnected ${breaks} times`,
          ({ reconnects, sessions }) =>
            reconnects === breaks && inState(sessions, "open", SESSIONS),
        );
        await server.untilStatus(
          "it has one tunnel, and the sessions",
          ({ sessions, tunnels }) => tunnels.length === 1 && inState(sessions, "open", SESSIONS),
        );
        await assertExchange(hosts);
      }
      await assertNoneEnded(sites, ac);
    }),
);

testUnless(
  skipped,
  "Server and Client complete a dial during which the tunnel breaks",
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
  "Server and Client close a session at the other side that a station ended without a tunnel",
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
      for (const program of [sites.server, sites.client]) {
        await program.untilStatus("one is closed", ({ sessions }) => sessions.length === 2);
      }
      assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [0, 0]);

      await sites.reachable(site, true);
      assertEquals(await byAc.closed(5000), "ac");
      await untilPadts(sites.acs, 1);
      for (const program of [sites.server, sites.client]) {
        await program.untilStatus("one is left", ({ sessions }) => inState(sessions, "open", 1));
      }
      await assertExchange([stays]);
      assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [1, 1]);
      assertEquals(ac.sessions.size, 1);
    }),
);

testUnless(
  skipped,
  "Client closes its sessions at once when it reconnects to a server that does not know them",
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
      await untilClosed(client, /the other side no longer has it/);
      await client.untilHealth(200);
      await sites.dialMany(1);
    }),
);

const GRACE = { flags: ["--grace", `${GRACE_MS / 1000}`] };

testUnless(
  skipped,
  "Server closes a killed client's sessions at the end of the grace time",
  () =>
    withSites(GRACE, async (sites) => {
      const { server, client } = sites;
      const ac = sites.ac();
      await sites.dialMany(SESSIONS);
      const startMs = performance.now();
      await client.end("SIGKILL");
      await server.untilStatus("they are held", ({ sessions }) =>
        inState(sessions, "held", SESSIONS));
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
  "Client closes its sessions when its server is away for the grace time",
  () =>
    withSites(GRACE, async (sites) => {
      const { server, client } = sites;
      sites.ac();
      const { hosts } = await sites.dialMany(SESSIONS);
      const startMs = performance.now();
      await server.end("SIGKILL");
      await client.untilStatus("they are held", ({ sessions }) =>
        inState(sessions, "held", SESSIONS));
      await Promise.all(hosts.map((host) =>
        host.closed(GRACE_MS + 2 * LATE_MS)
      ));
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
    `SIGTERM of the ${side} without a tunnel closes its sessions at once, and its peer's later`,
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

/** Gives a client another address, after which its old connection gets no answers any more. */
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
          ({ reconnects, sessions }) => reconnects === 1 && inState(sessions, "open", SESSIONS),
        );
        // The server has ended the old tunnel because of the new one.
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

/** Reads the first session list from a connection. */
async function readList(conn: Deno.Conn, received: Uint8Array) {
  const header = { type: 0, length: 0 };
  let bytes = received;
  const part = new Uint8Array(4096);
  for (;;) {
    for (let size; (size = readHeader(bytes, 0, bytes.length, header)) > 0;) {
      const end = size + header.length;
      if (end > bytes.length) break;
      if (header.type === FRAME.SESSION_LIST) return parseSessionList(bytes.subarray(size, end))!;
      bytes = bytes.subarray(end);
    }
    const count = await conn.read(part);
    if (count === null) throw new Error("Cannot read a list: the connection was closed");
    bytes = Uint8Array.of(...bytes, ...part.subarray(0, count));
  }
}

testUnless(
  skipped,
  "Server does not give a client's sessions to another client of the same name",
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

      // Another client has the same name and its own secret.
      other.client.start();
      await other.client.untilHealth(200);
      assertEquals((await other.client.status()).sessions, []);
      await server.untilStatus("both are named so", ({ tunnels, sessions }) =>
        tunnels.some(({ name }) =>
          name === "osaka"
        ) &&
        sessions.every(({ tunnel }) => tunnel === "osaka"));
      assert(inState((await server.status()).sessions, "held", SESSIONS));

      // Another client knows everything except the secret.
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
            encodeFrame(FRAME.SESSION_LIST, emitSessionList({ last: true, sessions })),
            encodeFrame(FRAME.SESSION, emitSession({ ...to, protocol, payload })),
            encodeFrame(FRAME.DISCOVERY, emitDiscovery({ ...to, code: CODE.PADT, tags: [] })),
          ]
        ) await writer.write(frame);
        writer.releaseLock();
        await server.untilStatus("both are dropped", ({ drops }) => drops["unknown-session"] === 2);
      } finally {
        conn.close();
      }
      assert(inState((await server.status()).sessions, "held", SESSIONS));
      assertEquals(ac.sessions.size, SESSIONS);

      await sites.reachable(site, true);
      await client.untilStatus("it has them again", ({ sessions }) =>
        inState(sessions, "open", SESSIONS));
      await assertExchange(hosts);
      await assertNoneEnded(sites, ac);
    }),
);
