// Floods of connections at a server: who gets in, and who is refused.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SITE } from "../../src/lab/mod.ts";
import {
  emitHello,
  encodeFrame,
  FRAME,
  parseGoodbye,
  readHeader,
  REASON,
} from "../../src/wire/mod.ts";
import { AT_THE_DOOR_OF_ONE } from "../../src/server/door.ts";
import { type ClientSite, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const PORT = SITE.tunnelPort;

function connect({ client, serverAddress: hostname }: ClientSite): Promise<Deno.TcpConn> {
  return client.connect({ hostname, port: PORT });
}

/** Greets on a connection, and returns the answer. */
async function greet(conn: Deno.TcpConn, name: string): Promise<{ type: number; text: string }> {
  const hello = { version: 1, features: 0, name, software: "none" };
  await conn.write(encodeFrame(FRAME.HELLO, emitHello(hello)));
  const bytes = new Uint8Array(1024);
  const count = await conn.read(bytes) ?? 0;
  const header = { type: 0, length: 0 };
  const size = readHeader(bytes, 0, count, header);
  const goodbye = parseGoodbye(bytes.subarray(size, size + header.length));
  if (header.type === FRAME.GOODBYE) assertEquals(goodbye?.reason, REASON.FULL);
  return { type: header.type, text: header.type === FRAME.GOODBYE ? goodbye!.text : "" };
}

testUnless(
  skipped,
  "Server admits a client, and takes it back, beside hundreds of connections that say nothing",
  () =>
    withSites({ clients: 2, start: false }, async (sites) => {
      const [good, stranger] = sites.sites;
      sites.server.start();
      await sites.server.untilHealth(200);
      const silent: Deno.TcpConn[] = [];
      const flood = async () => {
        for (let n = 0; n < 300; n++) {
          // A connection that is refused may already be gone.
          await connect(stranger).then((conn) => silent.push(conn), () => {});
        }
      };
      try {
        await flood();
        good.client.start();
        await good.client.untilHealth(200);
        const { handshakes, refused } = await sites.server.status();
        assert(handshakes! <= AT_THE_DOOR_OF_ONE, `${handshakes}`);
        // A slow machine refuses fewer at once, because the first ones are over their time.
        const { crowded, rate, timeout } = refused!;
        assert(crowded + rate + timeout >= 300 - AT_THE_DOOR_OF_ONE, Deno.inspect(refused));

        await good.client.end("SIGKILL");
        await flood();
        good.client.start();
        await good.client.untilHealth(200);
      } finally {
        for (const conn of silent) conn.close();
      }
      await sites.server.untilStatus("the door is empty", ({ handshakes }) => handshakes === 0);
      // The stranger may connect as well, once it has stopped.
      stranger.client.start();
      await stranger.client.untilHealth(200);
    }),
);

testUnless(
  skipped,
  "Server gives one address its share of the places, and tells it the flag",
  () => {
    const serverFlags = ["--listen", `0.0.0.0:${PORT}`, "--allow", "10.0.0.0/8"];
    serverFlags.push("--max-clients", "8", "--max-clients-per-address", "3");
    return withSites({ clients: 2, serverFlags, start: false }, async (sites) => {
      const [good, greedy] = sites.sites;
      sites.server.start();
      await sites.server.untilHealth(200);
      const conns: Deno.TcpConn[] = [];
      try {
        const answers: { type: number; text: string }[] = [];
        while (conns.length < 6) {
          const conn = await connect(greedy);
          conns.push(conn);
          answers.push(await greet(conn, `greedy-${conns.length}`));
        }
        const [welcomed, refused] = [answers.slice(0, 3), answers.slice(3)];
        assertEquals(welcomed.map(({ type }) => type), Array(3).fill(FRAME.WELCOME));
        for (const { type, text } of refused) {
          assertEquals(type, FRAME.GOODBYE);
          assertMatch(text, /^3 clients of this address .*\(--max-clients-per-address\)$/);
        }
        good.client.start();
        await good.client.untilHealth(200);
        assertEquals((await sites.server.status()).tunnels.length, 4);
        await sites.server.untilStatus(
          "they are counted",
          ({ refused }) => refused?.full === 3,
        );
      } finally {
        for (const conn of conns) conn.close();
      }
    });
  },
);
