// A server behind a proxy that sends the client's address first: a stand-in, and the real HAProxy.
import { assertEquals, assertMatch } from "@std/assert";
import { makeKey } from "../../src/keys/keygen.ts";
import { SITE } from "../../src/lab/mod.ts";
import { emitHello, encodeFrame, FRAME, parseGoodbye, readHeader } from "../../src/wire/mod.ts";
import { type Sites, type SitesOptions, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noHaproxy = skipped ?? whyNot("haproxy");
const PORT = SITE.tunnelPort;
/** The address of the first client's namespace, where the proxy runs. */
const PROXY = "10.0.1.1";
const SERVER = "10.0.1.2";
const LISTEN = ["--listen", `0.0.0.0:${PORT}`];
const HELLO = encodeFrame(
  FRAME.HELLO,
  emitHello({ version: 1, features: 0, name: "tokyo", software: "test" }),
);

/** Makes a header for TCP over IPv4 from 203.0.113.LAST:41000. */
function headerOf(last: number): Uint8Array {
  const signature = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];
  return Uint8Array.of(
    ...signature,
    0x21,
    0x11,
    0,
    12,
    203,
    0,
    113,
    last,
    10,
    0,
    1,
    2,
    0xa0,
    0x28,
    0,
    80,
  );
}
const LOCAL = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x20, 0, 0, 0);

const BEHIND: SitesOptions = {
  start: false,
  serverFlags: [...LISTEN, "--allow", "203.0.113.0/25", "--proxy-protocol", PROXY],
};

/** Starts the server only. */
async function startServer({ server }: Sites): Promise<void> {
  server.start();
  await server.untilHealth(200);
}

function connect({ client }: Sites): Promise<Deno.TcpConn> {
  return client.connect({ hostname: SERVER, port: PORT });
}

async function send(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads until the connection ends, or there is a frame; returns the frame. */
async function hear(conn: Deno.Conn): Promise<{ type: number; payload: Uint8Array } | undefined> {
  const bytes = new Uint8Array(2000);
  const header = { type: 0, length: 0 };
  for (let end = 0;;) {
    const count = await conn.read(bytes.subarray(end)).catch(() => null);
    if (count === null) return undefined;
    end += count;
    const size = readHeader(bytes, 0, end, header);
    if (size > 0 && end >= size + header.length) {
      return { type: header.type, payload: bytes.slice(size, size + header.length) };
    }
  }
}

testUnless(
  skipped,
  "Server shows a client by the address in the header, which is sent in several parts",
  () =>
    withSites(BEHIND, async (sites) => {
      await startServer(sites);
      const splits = [[40], [12, 4], Array(28).fill(1), [27, 2]];
      for (const [n, lengths] of splits.entries()) {
        using conn = await connect(sites);
        conn.setNoDelay();
        const bytes = Uint8Array.of(...headerOf(n + 1), ...HELLO);
        let at = 0;
        for (const length of lengths) {
          await send(conn, bytes.subarray(at, at + length));
          at += length;
        }
        await send(conn, bytes.subarray(at));
        assertEquals((await hear(conn))?.type, FRAME.WELCOME);
        const peer = `203.0.113.${n + 1}:41000`;
        const { tunnels } = await sites.server.untilStatus(
          "it is a client",
          ({ tunnels }) => tunnels.some((tunnel) => tunnel.peer === peer),
        );
        assertEquals(tunnels.find((tunnel) => tunnel.peer === peer)?.name, "tokyo");
        assertMatch(
          await sites.server.untilLine(new RegExp(`Client connected .*peer=${peer}`)),
          /proxy=10\.0\.1\.1:\d+$/,
        );
      }
    }),
);

testUnless(
  skipped,
  "Server applies --allow to the address in the header, and reads no header from others",
  () =>
    withSites({ ...BEHIND, clients: 2 }, async (sites) => {
      await startServer(sites);
      {
        using conn = await connect(sites);
        await send(conn, Uint8Array.of(...headerOf(200), ...HELLO));
        assertEquals(await hear(conn), undefined);
        await sites.server.untilLine(
          /Connection refused peer=203\.0\.113\.200 reason="not on the allow list"/,
        );
      }
      {
        // The second client's address is no proxy's, and not allowed either.
        const [, { client, serverAddress: hostname }] = sites.sites;
        using conn = await client.connect({ hostname, port: PORT });
        await send(conn, Uint8Array.of(...headerOf(1), ...HELLO)).catch(() => {});
        assertEquals(await hear(conn), undefined);
        await sites.server.untilLine(
          /Connection refused peer=10\.0\.2\.1 reason="not on the allow list"/,
        );
      }
      assertEquals((await sites.server.status()).tunnels, []);
    }),
);

testUnless(
  skipped,
  "Server admits a client through a proxy with hundreds of connections that say nothing",
  () =>
    withSites(BEHIND, async (sites) => {
      await startServer(sites);
      const silent: Deno.TcpConn[] = [];
      try {
        // Some have sent the client's address, and some have not.
        while (silent.length < 300) {
          const conn = await connect(sites);
          silent.push(conn);
          if (silent.length % 2 === 0) {
            await send(conn, headerOf(silent.length % 128)).catch(() => {});
          }
        }
        using conn = await connect(sites);
        await send(conn, Uint8Array.of(...headerOf(99), ...HELLO));
        assertEquals((await hear(conn))?.type, FRAME.WELCOME);
      } finally {
        for (const conn of silent) conn.close();
      }
    }),
);

testUnless(
  skipped,
  "Server tells a client whose proxy sends no header what is missing",
  () =>
    withSites(BEHIND, async (sites) => {
      await startServer(sites);
      sites.client.start();
      await sites.client.untilLine(
        /Refused: goodbye \(protocol\): "The proxy 10\.0\.1\.1 sent no PROXY header: set send-proxy-v2/,
      );
      await sites.server.untilLine(/Connection refused peer=10\.0\.1\.1 .*sent no PROXY header/);
    }),
);

testUnless(
  skipped,
  "Server with keys says nothing in the clear to a client whose proxy sends no header",
  async () => {
    const directory = await Deno.makeTempDir();
    const { serverFile } = makeKey({ name: "tokyo", directory, rotate: false });
    const serverFlags = [...BEHIND.serverFlags!, "--key-file", serverFile];
    try {
      await withSites({ ...BEHIND, serverFlags }, async (sites) => {
        await startServer(sites);
        using conn = await connect(sites);
        await send(conn, HELLO);
        assertEquals(await conn.read(new Uint8Array(100)).catch(() => null), null);
        await sites.server.untilLine(/Connection refused peer=10\.0\.1\.1 .*sent no PROXY header/);
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

testUnless(
  skipped,
  "Server refuses a header from an address that is allowed but not named as a proxy",
  () =>
    withSites({ start: false }, async (sites) => {
      await startServer(sites);
      using conn = await connect(sites);
      await send(conn, Uint8Array.of(...headerOf(1), ...HELLO));
      const goodbye = await hear(conn);
      assertEquals(goodbye?.type, FRAME.GOODBYE);
      assertMatch(parseGoodbye(goodbye!.payload)!.text, /PROXY header.*--proxy-protocol/);
      await sites.server.untilLine(/Connection refused peer=10\.0\.1\.1 .*--proxy-protocol/);
    }),
);

testUnless(
  skipped,
  "Server logs nothing for the health checks of a proxy that is not on the allow list",
  () =>
    withSites(BEHIND, async (sites) => {
      await startServer(sites);
      for (const bytes of [LOCAL, new Uint8Array(0)]) {
        const conn = await connect(sites);
        await send(conn, bytes);
        conn.close();
      }
      // The log is in order, so this line comes after those of the checks.
      using conn = await connect(sites);
      await send(conn, Uint8Array.of(...headerOf(200), ...HELLO));
      await hear(conn);
      await sites.server.untilLine(/peer=203\.0\.113\.200/);
      assertEquals(sites.server.matching(/Connection refused peer=10\.0\.1\.1/), []);
    }),
);

testUnless(
  skipped,
  "Server takes a proxy's own connection, and one without an address, by the proxy's address",
  () => {
    const serverFlags = [...LISTEN, "--allow", PROXY, "--proxy-protocol", PROXY];
    return withSites({ start: false, serverFlags }, async (sites) => {
      await startServer(sites);
      const unspecified = Uint8Array.of(...LOCAL.subarray(0, 12), 0x21, 0, 0, 0);
      for (const header of [LOCAL, unspecified]) {
        using conn = await connect(sites);
        await send(conn, Uint8Array.of(...header, ...HELLO));
        assertEquals((await hear(conn))?.type, FRAME.WELCOME);
        const { port } = conn.localAddr as Deno.NetAddr;
        await sites.server.untilStatus(
          "it is a client",
          ({ tunnels }) => tunnels.some(({ peer }) => peer === `${PROXY}:${port}`),
        );
      }
    });
  },
);

testUnless(
  skipped,
  "SIGHUP applies a changed --proxy-protocol to new connections",
  async () => {
    const dir = await Deno.makeTempDir();
    const config = `${dir}/server.conf`;
    const write = (line: string) =>
      Deno.writeTextFile(config, `listen 0.0.0.0:${PORT}\nallow 203.0.113.0/24\n${line}\n`);
    await write("");
    try {
      await withSites({ start: false, serverFlags: ["--config", config] }, async (sites) => {
        await startServer(sites);
        {
          using conn = await connect(sites);
          assertEquals(await hear(conn), undefined);
        }
        await write(`proxy-protocol ${PROXY}`);
        sites.server.signal("SIGHUP");
        await sites.server.untilLine(/Configuration reloaded/);
        using conn = await connect(sites);
        await send(conn, Uint8Array.of(...headerOf(1), ...HELLO));
        assertEquals((await hear(conn))?.type, FRAME.WELCOME);
        assertEquals(sites.server.matching(/take effect only after a restart/), []);
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

/** Runs HAProxy in the namespace of the first client. */
async function startHaproxy({ sites: [{ clientNamespace }] }: Sites): Promise<AsyncDisposable> {
  const config = await Deno.makeTempFile({ suffix: ".cfg" });
  await Deno.writeTextFile(
    config,
    `defaults
  mode tcp
  timeout connect 2s
  timeout client 1m
  timeout server 1m
listen pppoe-proxy
  bind 127.0.0.1:${PORT}
  server ac ${SERVER}:${PORT} send-proxy-v2 check inter 200ms
`,
  );
  // In the foreground, so that this process is its only one.
  const args = ["netns", "exec", clientNamespace, "haproxy", "-db", "-f", config];
  const child = new Deno.Command("ip", { args, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(config);
    },
  };
}

testUnless(
  noHaproxy,
  "Server and Client carry a session through HAProxy, and the client's own address counts",
  () =>
    withSites({
      start: false,
      serverFlags: [...LISTEN, "--allow", "127.0.0.1", "--proxy-protocol", PROXY],
      clientFlags: ["--connect", `127.0.0.1:${PORT}`],
    }, async (sites) => {
      const { server, client } = sites;
      await startServer(sites);
      await using _haproxy = await startHaproxy(sites);
      await until("HAProxy listens", async () => {
        const conn = await client.connect({ hostname: "127.0.0.1", port: PORT }).catch(() => {});
        conn?.close();
        return conn !== undefined;
      });
      client.start();
      await client.untilHealth(200);
      sites.ac();
      const host = sites.host();
      await host.dial();
      assertEquals((await host.exchange({ frames: 100 })).returned, 100);
      const { tunnels: [{ peer }] } = await server.status();
      assertMatch(peer, /^127\.0\.0\.1:\d+$/);
      assertMatch(
        await server.untilLine(/Client connected/),
        /peer=127\.0\.0\.1:\d+ .*proxy=10\.0\.1\.1:/,
      );
      // Nor is there a line for the health checks.
      assertEquals(server.matching(/Connection refused peer=10\.0\.1\.1/), []);
      await client.end("SIGTERM");
      assertEquals(await host.closed(), "ac");
    }),
);
