// Tunnel peers that are hostile or speak another protocol.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { SITE } from "../../src/lab/mod.ts";
import {
  emitHello,
  encodeFrame,
  FRAME,
  MAX_PAYLOAD,
  parseGoodbye,
  readHeader,
  REASON,
} from "../../src/wire/mod.ts";
import { type Sites, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const PORT = SITE.tunnelPort;
const STOP_MS = 2000;
const HELLO = encodeFrame(
  FRAME.HELLO,
  emitHello({ version: 1, features: 0, name: "rogue", software: "none" }),
);

/** Connects from the client's site to the server. */
function connect(sites: Sites): Promise<Deno.TcpConn> {
  const [{ client, serverAddress: hostname }] = sites.sites;
  return client.connect({ hostname, port: PORT });
}

/** Reads tunnel frames until the connection ends. */
async function hear(conn: Deno.TcpConn): Promise<{ type: number; payload: Uint8Array }[]> {
  const bytes = new Uint8Array(100_000);
  let end = 0;
  try {
    for (let count; (count = await conn.read(bytes.subarray(end))) !== null;) end += count;
  } catch (error) {
    assert(error instanceof Deno.errors.ConnectionReset, `${error}`);
  }
  const frames: { type: number; payload: Uint8Array }[] = [];
  const header = { type: 0, length: 0 };
  for (let at = 0, size; at < end && (size = readHeader(bytes, at, end, header)) > 0;) {
    at += size + header.length;
    frames.push({ type: header.type, payload: bytes.slice(at - header.length, at) });
  }
  return frames;
}

/** Wrong first bytes of a connection. */
const NO_GREETINGS: Record<string, Uint8Array> = {
  "an HTTP request": new TextEncoder().encode(
    `GET / HTTP/1.1\r\nHost: x\r\nAccept: ${"*/*,".repeat(20)}\r\n\r\n`,
  ),
  "a TLS greeting": Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
  "an older peer's ping": encodeFrame(FRAME.PING, new Uint8Array(0)),
  "a greeting of 2000 bytes": Uint8Array.of(0, 0x10, 0xd0, 0x0f),
  "a length that does not end": Uint8Array.of(0, 0x10, 0xff, 0xff, 0xff, 0xff),
  "a greeting of another kind": encodeFrame(FRAME.HELLO, new Uint8Array(8)),
};

testUnless(
  skipped,
  "Server says goodbye to a connection that does not begin with a greeting",
  () =>
    withSites({}, async (sites) => {
      for (const [what, bytes] of Object.entries(NO_GREETINGS)) {
        const conn = await connect(sites);
        await conn.write(bytes);
        const frames = await hear(conn);
        conn.close();
        assertEquals(frames.map(({ type }) => type), [FRAME.GOODBYE], what);
        assertEquals(parseGoodbye(frames[0].payload)?.reason, REASON.PROTOCOL, what);
      }
      // They have the same address, so only one is logged. None of them counts as a client.
      assertEquals(sites.server.matching(/Connection refused/).length, 1);
      assertEquals((await sites.server.status()).tunnels.length, 1);
      sites.ac();
      assertEquals(
        (await (await sites.dialMany(1)).hosts[0].exchange({ frames: 20 })).returned,
        20,
      );
    }),
);

/** Bytes that end an established tunnel. */
const FAULTS: Record<string, Uint8Array> = {
  "a frame of 65537 bytes": Uint8Array.of(0, 3, 0x81, 0x80, 0x04),
  "a length that does not end": Uint8Array.of(0, 3, 0xff, 0xff, 0xff, 0xff),
  "a second greeting": HELLO,
};

testUnless(
  skipped,
  "Server ends only the tunnel that breaks the protocol",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      let rounds = 0;
      for (const [what, bytes] of Object.entries(FAULTS)) {
        const conn = await connect(sites);
        await conn.write(HELLO);
        await sites.server.untilStatus("it is a client", ({ tunnels }) => tunnels.length === 2);
        await conn.write(bytes);
        const [welcome, ...rest] = await hear(conn);
        conn.close();
        assertEquals(welcome.type, FRAME.WELCOME, what);
        assertEquals(rest.filter(({ type }) => type !== FRAME.GOODBYE), [], what);
        await sites.server.untilStatus("it is gone", ({ tunnels }) => tunnels.length === 1);
        assertEquals(sites.server.matching(/Client gone name=rogue/).length, ++rounds);
        assertEquals((await host.exchange({ frames: 20 })).returned, 20);
      }
    }),
);

testUnless(
  skipped,
  "Server skips unknown tunnel frames, and drops malformed Ethernet frames",
  () =>
    withSites({}, async (sites) => {
      const conn = await connect(sites);
      try {
        await conn.write(HELLO);
        await sites.server.untilStatus("it is a client", ({ tunnels }) => tunnels.length === 2);
        await conn.write(encodeFrame(0x7777, new Uint8Array(3000)));
        await conn.write(encodeFrame(FRAME.SESSION, new Uint8Array(0)));
        await conn.write(encodeFrame(FRAME.DISCOVERY, new Uint8Array(64).fill(0xff)));
        await conn.write(encodeFrame(FRAME.SESSION, new Uint8Array(MAX_PAYLOAD)));
        await sites.server.untilStatus("the frames are dropped", ({ drops }) =>
          drops.malformed === 3);
        assertEquals((await sites.server.status()).tunnels.length, 2);
        await sites.settled(sites.acs);
        assertEquals(sites.acs.log.total, 1);
      } finally {
        conn.close();
      }
    }),
);

testUnless(
  skipped,
  "SIGTERM ends a server with a silent connection in its handshake",
  () =>
    withSites({}, async (sites) => {
      const silent = await Promise.all(Array.from({ length: 10 }, () => connect(sites)));
      const { code, ms } = await sites.server.end("SIGTERM");
      for (const conn of silent) conn.close();
      assertEquals(code, 0);
      assert(ms < STOP_MS, `${ms} ms`);
    }),
);

testUnless(
  skipped,
  "Client keeps trying to reach a server that does not greet, and stops in time",
  () =>
    withSites({ start: false }, async (sites) => {
      const { client, net, serverNamespace } = sites;
      const [{ serverAddress: hostname }] = sites.sites;
      using listener = inNamespace(
        net.path(serverNamespace),
        () => Deno.listen({ hostname, port: PORT }),
      );
      client.start();
      const rude = await listener.accept();
      await rude.write(encodeFrame(FRAME.PING, new Uint8Array(0)));
      assertMatch(await client.untilLine(/The server does not greet/), /--legacy/);
      rude.close();
      const silent = await listener.accept();
      assertEquals((await client.get("/healthz")).status, 503);
      const { code, ms } = await client.end("SIGTERM");
      silent.close();
      assertEquals(code, 0);
      assert(ms < STOP_MS, `${ms} ms`);
    }),
);

testUnless(skipped, "SIGTERM ends a client whose server does not answer", () => {
  const clientFlags = ["--connect", `10.0.1.99:${PORT}`];
  return withSites({ clientFlags, start: false }, async (sites) => {
    sites.client.start();
    await sites.client.untilHealth(503);
    const { code, ms } = await sites.client.end("SIGTERM");
    assertEquals(code, 0);
    assert(ms < STOP_MS, `${ms} ms`);
  });
});

testUnless(
  skipped,
  "Server admits a client while other connections from its address are silent",
  () =>
    withSites({ start: false }, async (sites) => {
      sites.server.start();
      await sites.server.untilHealth(200);
      const silent: Deno.TcpConn[] = [];
      // These are more connections than may be in their handshakes at once.
      while (silent.length < 300) silent.push(await connect(sites));
      sites.client.start();
      await sites.client.untilHealth(200);
      for (const conn of silent) conn.close();
    }),
);

testUnless(
  skipped,
  "Server never exceeds the maximum number of clients when many connect at once",
  () =>
    withSites({
      start: false,
      serverFlags:
        `--listen 0.0.0.0:${PORT} --allow 10.0.0.0/8 --max-clients 2 --max-clients-per-address 2`
          .split(" "),
    }, async (sites) => {
      sites.server.start();
      await sites.server.untilHealth(200);
      const conns: Deno.TcpConn[] = [];
      while (conns.length < 20) conns.push(await connect(sites));
      await Promise.all(conns.map((conn) => conn.write(HELLO)));
      const answers = await Promise.all(conns.map((conn) => conn.read(new Uint8Array(2))));
      assertEquals(answers, conns.map(() => 2), "each was welcomed or refused with a reason");
      assertEquals((await sites.server.status()).tunnels.length, 2);
      for (const conn of conns) conn.close();
    }),
);

testUnless(
  skipped,
  "Server tells the reason in a goodbye when it ends a tunnel that breaks the protocol",
  () =>
    withSites({}, async (sites) => {
      const conn = await connect(sites);
      await conn.write(HELLO);
      await conn.write(HELLO);
      const frames = await hear(conn);
      conn.close();
      assertEquals(frames.map(({ type }) => type), [FRAME.WELCOME, FRAME.GOODBYE]);
      assertEquals(parseGoodbye(frames[1].payload)?.reason, REASON.PROTOCOL);
    }),
);
