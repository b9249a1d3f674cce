// Tunnels that break, peers that disappear without a word, clients that may not connect, and older peers.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { AcProtocol, HostProtocol, makePayload, SITE } from "../../src/lab/mod.ts";
import {
  CODE,
  emitSession,
  encodeFrame,
  ETH_P_PPP_DISC,
  FRAME,
  parseMac,
  parseSession,
  PPP_PROTOCOL,
  readCode,
  readEtherType,
  readHeader,
} from "../../src/wire/mod.ts";
import {
  assertPadts,
  padtsAt,
  type SideProgram,
  type Sites,
  untilPadts,
  withSites,
} from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noTc = skipped ?? (hasProgram("tc") ? undefined : "no tc");
const PORT = SITE.tunnelPort;
/** Timers with which a silent tunnel soon ends. */
const TIMERS = { pingMs: 300, tunnelTimeoutMs: 1500, graceMs: 0 };
/** Options with which sessions end with their tunnel. */
const NO_GRACE = { flags: ["--grace", "0"] };
const FAR_AC = parseMac("02:00:00:00:ac:01");
const FAR_HOST = parseMac("02:00:00:00:cc:09");

async function carries(sites: Sites, frames = 20): Promise<void> {
  const host = sites.host();
  await host.dial();
  assertEquals((await host.exchange({ frames })).returned, frames);
  host.hangUp();
  host.close();
}

function descriptors({ pid }: SideProgram): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

testUnless(
  skipped,
  "Client closes its sessions and connects again when the server is killed",
  () =>
    withSites(NO_GRACE, async (sites) => {
      const { server, client, hosts } = sites;
      const ac = sites.ac();
      const dialled = await sites.dialMany(3);
      await server.end("SIGKILL");
      await Promise.all(dialled.hosts.map((host) => host.closed()));
      assertEquals(padtsAt(hosts), 3);
      await client.untilHealth(503);
      const down = await client.status();
      assertEquals(down.sessions, []);
      assertEquals(down.tunnels.map(({ state }) => state === "up"), [false]);
      assertEquals((await client.metrics()).get("pppoe_proxy_tunnels"), 0);
      // A killed server sends nothing; its AC must notice by itself.
      assertEquals([ac.sessions.size, padtsAt(sites.acs)], [3, 0]);

      server.start();
      await client.untilHealth(200);
      assertEquals((await client.status()).reconnects, 1);
      assertEquals((await client.metrics()).get("pppoe_proxy_reconnects_total"), 1);
      await carries(sites);
      assertEquals(client.matching(/Tunnel up/).length, 2);
    }),
);

testUnless(
  skipped,
  "Server frees everything of a killed client",
  () =>
    withSites(NO_GRACE, async (sites) => {
      const { server, client } = sites;
      const ac = sites.ac();
      let before: number | undefined;
      for (const round of [1, 2, 3]) {
        await sites.dialMany(3);
        await client.end("SIGKILL");
        await untilPadts(sites.acs, 3 * round);
        const status = await server.untilStatus(
          "the client is gone",
          (s) => s.tunnels.length === 0,
        );
        assertEquals(status.sessions, []);
        assertEquals(ac.sessions.size, 0);
        before ??= descriptors(server);
        await until("its descriptors are closed", () => descriptors(server) <= before!);
        client.start();
        await client.untilHealth(200);
      }
      assertEquals(padtsAt(sites.acs), 9);
      assertEquals(server.matching(/Client gone/).length, 3);
      await carries(sites);
    }),
);

testUnless(
  skipped,
  "Server and Client notice when nothing arrives through the tunnel any more",
  () =>
    withSites({ timers: TIMERS }, async (sites) => {
      const { server, client, net, serverNamespace } = sites;
      const [{ wan }] = sites.sites;
      const ac = sites.ac();
      const dialled = await sites.dialMany(2);
      await net.ip(serverNamespace, "link", "set", wan, "down");
      await Promise.all(dialled.hosts.map((host) => host.closed(6000)));
      await untilPadts(sites.acs, 2);
      assertEquals(ac.sessions.size, 0);
      await client.untilHealth(503);
      await server.untilStatus("the client is gone", ({ tunnels }) => tunnels.length === 0);
      const why = /reason="(nothing heard for [12] s|the connection broke: .*)"/;
      assertMatch(await client.untilLine(/Tunnel lost/), why);
      assertMatch(await server.untilLine(/Client gone/), why);

      await net.ip(serverNamespace, "link", "set", wan, "up");
      await client.untilHealth(200);
      assertEquals((await client.status()).reconnects, 1);
      await carries(sites);
    }),
);

/** Sets the queue discipline of an interface, which decides when packets leave it. */
async function setQdisc(namespace: string, device: string, ...qdisc: string[]): Promise<void> {
  const args = ["-n", namespace, "qdisc", "replace", "dev", device, "root", ...qdisc];
  assert((await new Deno.Command("tc", { args }).output()).success);
}

for (const way of ["to the server", "to the client"]) {
  testUnless(
    noTc,
    `A busy tunnel ends at both sides when its path ${way} is dead, although the other way is not`,
    () =>
      withSites({ timers: TIMERS }, async (sites) => {
        const { server, client, serverNamespace } = sites;
        const [{ wan, clientNamespace }] = sites.sites;
        sites.ac();
        const { hosts: [host] } = await sites.dialMany(1);
        const [namespace, device] = way === "to the server"
          ? [clientNamespace, "wan0"]
          : [serverNamespace, wan];
        const exchange = host.exchange({ frames: 100_000, timeoutMs: 500 });
        await setQdisc(namespace, device, "blackhole");
        await exchange;
        const why = /reason="(nothing heard for [12] s|.*(closed|goodbye|timeout).*)"/i;
        assertMatch(await client.untilLine(/Tunnel lost/), why);
        assertMatch(await server.untilLine(/Client gone/), why);
        assertEquals(await host.closed(), "ac");
      }),
  );
}

testUnless(
  noTc,
  "A busy tunnel goes on over a path that loses packets again and again, as long as some get through",
  () => {
    const timers = { pingMs: 500, tunnelTimeoutMs: 3000 };
    return withSites({ timers }, async (sites) => {
      const { server, client } = sites;
      const [{ clientNamespace }] = sites.sites;
      sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      let returned = 0;
      host.onData = () => void returned++;
      const retransmits = async () => (await client.status()).tunnels[0]?.retransmits ?? Infinity;
      const sendUntil = (what: string, look: () => boolean | Promise<boolean>) =>
        until(what, () => {
          for (let n = 0; n < 5; n++) host.send(new Uint8Array(1400));
          return look();
        });
      const startMs = performance.now();
      // Each outage begins before the packets that the last one has lost are all sent again.
      while (performance.now() - startMs < 2 * timers.tunnelTimeoutMs) {
        const before = await retransmits();
        await setQdisc(clientNamespace, "wan0", "blackhole");
        await sendUntil("packets are sent again", async () => await retransmits() > before);
        const slow = ["tbf", "rate", "240kbit", "burst", "3000", "limit", "64kb"];
        const next = returned + 2;
        await setQdisc(clientNamespace, "wan0", ...slow);
        await sendUntil("frames return", () => returned >= next);
      }
      assertEquals(client.matching(/Tunnel lost/), []);
      assertEquals(server.matching(/Client gone/), []);
    });
  },
);

testUnless(
  skipped,
  "Server drops a stopped client, which comes back by itself",
  () =>
    withSites({ timers: TIMERS }, async (sites) => {
      const { server, client } = sites;
      sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      // The client's kernel still acknowledges the server's bytes.
      client.signal("SIGSTOP");
      await untilPadts(sites.acs, 1);
      assertMatch(await server.untilLine(/Client gone/), /reason="nothing heard for [12] s"/);
      assertEquals((await server.status()).tunnels, []);
      client.signal("SIGCONT");
      assertEquals(await host.closed(), "ac");
      await client.untilStatus("it is connected again", ({ reconnects }) => reconnects === 1);
      await client.untilHealth(200);
      await carries(sites);
    }),
);

testUnless(
  skipped,
  "Server keeps an idle tunnel beyond the deadline",
  () =>
    withSites({ timers: TIMERS }, async (sites) => {
      const { server, client } = sites;
      const bytes = async () => (await server.status()).uptimeSeconds;
      await until("twice the deadline is over", async () => await bytes() >= 4);
      assertEquals((await client.status()).reconnects, 0);
      assertEquals(client.matching(/Tunnel lost/), []);
      const [{ rttMs }] = (await client.status()).tunnels;
      assert(rttMs !== null && rttMs > 0 && rttMs < 1000, `${rttMs}`);
    }),
);

testUnless(skipped, "Server closes the connections of strangers unread, and logs them once", () => {
  const serverFlags = ["--listen", `0.0.0.0:${PORT}`, "--allow", "10.0.1.0/24,192.0.2.1"];
  return withSites({ clients: 2, serverFlags, start: false }, async (sites) => {
    const { server, net } = sites;
    const [allowed, stranger] = sites.sites;
    server.start();
    await server.untilHealth(200);
    const to = { hostname: stranger.serverAddress, port: PORT };
    for (let attempt = 0; attempt < 3; attempt++) {
      const conn = await inNamespace(
        net.path(stranger.clientNamespace),
        () => Deno.connect({ ...to }),
      );
      // The server sends no answer and just closes the connection.
      const heard = await conn.write(encodeFrame(FRAME.PING, new Uint8Array(0)))
        .then(() => conn.read(new Uint8Array(100)))
        .catch((error) => error);
      conn.close();
      const reset = heard instanceof Deno.errors.ConnectionReset ||
        heard instanceof Deno.errors.BrokenPipe;
      assert(heard === null || reset, `${heard}`);
    }
    allowed.client.start();
    await allowed.client.untilHealth(200);
    assertEquals((await server.status()).tunnels.length, 1);
    const refused = server.matching(/Connection refused/);
    assertEquals(refused.length, 1);
    assertMatch(refused[0], new RegExp(`peer=${stranger.address} .*not on the allow list`));
    sites.ac();
    await carries(sites);
  });
});

for (const family of ["IPv6", "IPv4"]) {
  testUnless(skipped, `Server accepts an ${family} client on an IPv6 address`, () => {
    const ipv6 = family === "IPv6";
    const serverFlags = ["--listen", `[::]:${PORT}`, "--allow", ipv6 ? "fd00::/16" : "10.0.0.0/8"];
    const clientFlags = ipv6 ? ["--connect", `[fd00:0:0:1::2]:${PORT}`] : undefined;
    return withSites({ serverFlags, clientFlags }, async (sites) => {
      sites.ac();
      await carries(sites, 200);
      const [site] = sites.sites;
      const [{ peer }] = (await sites.client.status()).tunnels;
      const server = ipv6 ? `[${site.serverAddress6}]` : site.serverAddress;
      assertEquals(peer, `${server}:${PORT}`);
      assertEquals((await sites.server.status()).tunnels.length, 1);
    });
  });
}

testUnless(skipped, "Server tells a client beyond --max-clients that it is full", () => {
  const serverFlags = [
    "--listen",
    `0.0.0.0:${PORT}`,
    "--allow",
    "10.0.0.0/8",
    "--max-clients",
    "1",
  ];
  return withSites({ clients: 2, serverFlags, start: false }, async (sites) => {
    const [first, second] = sites.sites.map(({ client }) => client);
    sites.server.start();
    await sites.server.untilHealth(200);
    first.start();
    await first.untilHealth(200);
    second.start();
    assertMatch(await second.untilLine(/Refused/), /goodbye \(full\)/);
    assertEquals((await second.get("/healthz")).status, 503);
    assertMatch(await sites.server.untilLine(/Connection refused/), /--max-clients/);
    // The client gets in when the other one has left.
    await first.end("SIGTERM");
    await second.untilHealth(200);
  });
});

testUnless(
  skipped,
  "Server and Client carry a session with --legacy",
  () =>
    withSites({ flags: ["--legacy"] }, async (sites) => {
      const ac = sites.ac();
      const host = sites.host({ hostUniq: Uint8Array.of(5) });
      await host.dial();
      assertEquals((await host.exchange({ frames: 500 })).returned, 500);
      await host.echo();
      await sites.client.end("SIGTERM");
      assertEquals(await host.closed(), "ac");
      await assertPadts(sites, sites.acs, 1);
      assertEquals(ac.sessions.size, 0);
    }),
);

/** A peer that knows only frame types 0 to 3, and no greeting. */
class OlderPeer {
  readonly conn: Deno.TcpConn;
  readonly types: number[] = [];
  /** Called with each Ethernet frame; the frames that it returns are sent. */
  onFrame: (frame: Uint8Array) => Uint8Array[] = () => [];
  readonly #ended: Promise<void>;

  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
    this.#ended = this.#run().catch(() => {});
  }

  async send(type: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    const writer = this.conn.writable.getWriter();
    await writer.write(encodeFrame(type, payload)).finally(() => writer.releaseLock());
  }

  sendFrame(frame: Uint8Array): Promise<void> {
    const discovery = readEtherType(frame) === ETH_P_PPP_DISC;
    return this.send(discovery ? FRAME.DISCOVERY : FRAME.SESSION, frame);
  }

  async close(): Promise<void> {
    this.conn.close();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const header = { type: 0, length: 0 };
    let rest = new Uint8Array(0);
    const part = new Uint8Array(65536);
    for (let count; (count = await this.conn.read(part)) !== null;) {
      rest = Uint8Array.of(...rest, ...part.subarray(0, count));
      for (let size; (size = readHeader(rest, 0, rest.length, header)) > 0;) {
        const end = size + header.length;
        if (end > rest.length) break;
        const payload = rest.slice(size, end);
        rest = rest.slice(end);
        this.types.push(header.type);
        if (header.type === FRAME.PING) await this.send(FRAME.PONG);
        if (header.type !== FRAME.DISCOVERY && header.type !== FRAME.SESSION) continue;
        for (const answer of this.onFrame(payload)) await this.sendFrame(answer);
      }
    }
  }
}

testUnless(
  skipped,
  "Client carries sessions of a server that knows only frame types 0 to 3",
  () =>
    withSites({ flags: ["--legacy"], start: false }, async (sites) => {
      const { client, net, serverNamespace } = sites;
      const [{ serverAddress: hostname }] = sites.sites;
      using listener = inNamespace(
        net.path(serverNamespace),
        () => Deno.listen({ hostname, port: PORT }),
      );
      client.start();
      const peer = new OlderPeer(await listener.accept());
      try {
        await client.untilHealth(200);
        const ac = new AcProtocol({ mac: FAR_AC, name: "older" });
        peer.onFrame = (frame) => ac.receive(frame, performance.now());
        const host = sites.host({ hostUniq: Uint8Array.of(5) });
        assertEquals((await host.dial()).acName, "older");
        assertEquals((await host.exchange({ frames: 300 })).returned, 300);

        await peer.send(FRAME.PING);
        await until("the ping is answered", () => peer.types.includes(FRAME.PONG));
        await until("a ping arrives", () => peer.types.includes(FRAME.PING));
        await client.untilStatus(
          "its answer is counted",
          ({ tunnels }) => tunnels[0].rttMs !== null,
        );

        // The original program sends every frame to every client.
        const [{ sessionId }] = ac.sessions.values();
        await peer.sendFrame(emitSession({
          destination: FAR_HOST,
          source: FAR_AC,
          sessionId,
          protocol: PPP_PROTOCOL.IPV4,
          payload: new Uint8Array(50),
        }));
        await client.untilStatus("it is dropped", ({ drops }) => drops["unknown-session"] === 1);

        assertEquals((await client.end("SIGTERM")).code, 0);
        assertEquals(ac.closed.map(({ closedBy }) => closedBy), ["host"]);
        assertEquals(peer.types.filter((type) => type > FRAME.SESSION), []);
      } finally {
        await peer.close();
      }
    }),
);

testUnless(
  skipped,
  "Server carries sessions of a client that knows only frame types 0 to 3",
  () =>
    withSites({ flags: ["--legacy"], start: false }, async (sites) => {
      const { server } = sites;
      const [{ client, serverAddress: hostname }] = sites.sites;
      server.start();
      await server.untilHealth(200);
      const ac = sites.ac();
      const peer = new OlderPeer(await client.connect({ hostname, port: PORT }));
      try {
        const host = new HostProtocol({ mac: FAR_HOST, hostUniq: Uint8Array.of(3) });
        let echoed: Uint8Array | undefined;
        peer.onFrame = (frame) => {
          const session = parseSession(frame);
          if (session !== undefined) {
            if (host.owns(session)) echoed = session.payload;
            return [];
          }
          const answer = host.receive(frame, performance.now());
          return answer === undefined ? [] : [answer];
        };
        await peer.sendFrame(host.dial(performance.now()));
        await until("the session is open", () => host.state === "open");
        const payload = makePayload(host.sessionId, 0, 1000);
        const { sessionId, offer } = host;
        await peer.sendFrame(emitSession({
          destination: offer!.mac,
          source: FAR_HOST,
          sessionId,
          protocol: PPP_PROTOCOL.IPV4,
          payload,
        }));
        await until("the frame comes back", () => echoed !== undefined);
        assertEquals(echoed, payload);
        await peer.send(FRAME.PING);
        await until("the ping is answered", () => peer.types.includes(FRAME.PONG));

        ac.hangUp(sessionId);
        await until("the session is over", () => host.closedBy === "ac");
        assertEquals(peer.types.filter((type) => type > FRAME.SESSION), []);
        assertEquals(ac.sessions.size, 0);
        const padts = sites.acs.log.frames.filter(({ direction, bytes }) =>
          direction === "in" && readCode(bytes) === CODE.PADT
        );
        assertEquals(padts, []);
      } finally {
        await peer.close();
      }
    }),
);
