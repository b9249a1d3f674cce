// The status server as seen by a scraper, a browser and an impolite client.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SITE } from "../../src/lab/mod.ts";
import type { Status } from "../../src/observe/status.ts";
import { type SideProgram, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const STOP_MS = 2000;

/** Sends a raw request, and returns the head and the body of the answer. */
async function ask(program: SideProgram, request: string): Promise<{ head: string; body: string }> {
  const conn = await program.connect(SITE.status);
  const writer = conn.writable.getWriter();
  await writer.write(
    new TextEncoder().encode(`${request}\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
  );
  const [head, ...body] = (await new Response(conn.readable).text()).split("\r\n\r\n");
  return { head, body: body.join("\r\n\r\n") };
}

testUnless(
  skipped,
  "serveStatus() answers unknown paths with 404 and other methods with 405",
  () =>
    withSites({}, async ({ server, client }) => {
      for (const program of [server, client]) {
        const missing = await ask(program, "GET /nothing HTTP/1.1");
        assertMatch(missing.head, /^HTTP\/1\.1 404 /);
        assertMatch(missing.body, /\/api\/status/);
        for (const method of ["POST", "DELETE", "OPTIONS"]) {
          const refused = await ask(program, `${method} /api/status HTTP/1.1`);
          assertMatch(refused.head, /^HTTP\/1\.1 405 /);
          assertMatch(refused.head, /\r\nallow: GET, HEAD\r\n/i);
        }
        const head = await ask(program, "HEAD /metrics HTTP/1.1");
        assertMatch(head.head, /^HTTP\/1\.1 200 /);
        assertEquals(head.body, "");
        const metrics = await ask(program, "GET /metrics?x=1 HTTP/1.1");
        assertMatch(metrics.head, /\r\ncontent-type: text\/plain; version=0\.0\.4/i);
        const status = await ask(program, "GET /api/status HTTP/1.1");
        assertMatch(status.head, /\r\ncontent-type: application\/json/i);
        assertEquals(JSON.parse(status.body).mode, program === server ? "server" : "client");
      }
    }),
);

testUnless(
  skipped,
  "serveStatus() stays consistent while frames are carried",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      // Discovery frames count as carried once they are acknowledged, which may be after the host has its PADS.
      for (const program of [sites.client, sites.server]) await program.untilCarried();
      let done = false;
      const exchange = host.exchange({ frames: 5000, payloadLength: () => 200 })
        .finally(() => done = true);
      const before = new Map<SideProgram, { status: Status; metric: number }>();
      const METRIC = 'pppoe_proxy_frames_total{direction="uplink",kind="session",from="link"}';
      let looks = 0;
      const look = async (program: SideProgram) => {
        const status = await program.status();
        const metric = (await program.metrics()).get(METRIC)!;
        const [session] = status.sessions;
        const [tunnel] = status.tunnels;
        // The counts of one answer agree: two discovery frames, and all frames of the session.
        assertEquals(tunnel.framesOut, session.framesUp + 2);
        assertEquals(tunnel.framesIn, session.framesDown + 2);
        assertEquals(session.bytesUp, session.framesUp * 222);
        // The metrics are a little newer.
        assert(status.frames.uplink.session >= session.framesUp);
        assert(status.frames.downlink.session >= session.framesDown);
        assert(metric >= status.frames.uplink.session);
        const last = before.get(program);
        if (last !== undefined) {
          assert(session.framesUp >= last.status.sessions[0].framesUp);
          assert(status.frames.uplink.session >= last.metric);
        }
        before.set(program, { status, metric });
        looks++;
      };
      while (!done) await Promise.all([sites.client, sites.server].map(look));
      assert(looks >= 4, `${looks} looks`);
      assertEquals((await exchange).returned, 5000);
      for (const program of [sites.client, sites.server]) {
        await program.untilCarried();
        await look(program);
        assertEquals(before.get(program)!.metric, 5000);
        assertEquals(await program.drops(), {});
      }
    }),
);

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `SIGTERM ends a ${side} whose status server has open connections`,
    () =>
      withSites({}, async (sites) => {
        const program = sites[side];
        const text = new TextEncoder();
        const [idle, silent, slow] = await Promise.all(
          [1, 2, 3].map(() => program.connect(SITE.status)),
        );
        try {
          await idle.write(text.encode("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
          const answer = new Uint8Array(1000);
          const count = await idle.read(answer);
          assertMatch(new TextDecoder().decode(answer.subarray(0, count!)), /^HTTP\/1\.1 200 /);
          await slow.write(text.encode("GET /healthz HTTP/1.1\r\nHo"));
          const { code, ms } = await program.end("SIGTERM");
          assertEquals(code, 0);
          assert(ms < STOP_MS, `${ms} ms`);
        } finally {
          for (const conn of [idle, silent, slow]) conn.close();
        }
      }),
  );
}

testUnless(
  skipped,
  "serveStatus() leaves descriptors for the tunnels, and answers beside many half-sent requests",
  () =>
    withSites({}, async ({ server }) => {
      const open = () => [...Deno.readDirSync(`/proc/${server.pid}/fd`)].length;
      const before = open();
      const conns: Deno.TcpConn[] = [];
      try {
        for (let n = 0; n < 200; n++) {
          const conn = await server.connect(SITE.status);
          conns.push(conn);
          // A connection that has already been closed for a newer one does not matter.
          await conn.write(new TextEncoder().encode("GET /heal")).catch(() => {});
        }
        // The answer comes after all connections have been accepted.
        assertMatch((await ask(server, "GET /healthz HTTP/1.1")).head, /^HTTP\/1\.1 200 /);
        assert(open() - before <= 64, `${open() - before} descriptors`);
      } finally {
        for (const conn of conns) conn.close();
      }
    }),
);

testUnless(
  skipped,
  "serveStatus() answers a bad Host with 400, and logs nothing",
  () =>
    withSites({}, async ({ server }) => {
      const lines = server.lines.length;
      const conn = await server.connect(SITE.status);
      const request = "GET /healthz HTTP/1.1\r\nHost: [\r\n\r\n";
      await conn.write(new TextEncoder().encode(request));
      const answer = await new Response(conn.readable).text();
      assertMatch(answer, /^HTTP\/1\.1 400 /);
      assertMatch((await ask(server, "GET /healthz HTTP/1.1")).head, /^HTTP\/1\.1 200 /);
      assertEquals(server.lines.length, lines);
    }),
);
