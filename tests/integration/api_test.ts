// The API of running sides: over the local socket that the claim names, over another unix socket, and over TCP.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { askHolder } from "../../src/claim/mod.ts";
import { faultIn } from "../../src/observe/api/schema.ts";
import { SCHEMAS } from "../../src/observe/api/schemas.ts";
import type { SessionPage } from "../../src/observe/control.ts";
import { SITE } from "../../src/lab/mod.ts";
import type { Side } from "../../src/side.ts";
import { type SideProgram, type Sites, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { unixEvents, unixRequest } from "../support/unix_http.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const SIDES: readonly Side[] = ["server", "client"];
const ASK_MS = 5000;

/** Returns what a side says about itself to those who ask its claim. */
async function introductionOf(sites: Sites, side: Side) {
  const [name, namespace] = side === "server"
    ? [sites.serverInterface, sites.serverNamespace]
    : [sites.clientInterface, sites.sites[0].clientNamespace];
  const holder = await inNamespace(
    sites.net.path(namespace),
    () => askHolder({ side, interface: name }, ASK_MS),
  );
  const { introduction } = holder!;
  assert(introduction !== undefined);
  return introduction;
}

/** Returns the path of a side's local socket. */
async function socketOf(sites: Sites, side: Side): Promise<string> {
  const { socket } = await introductionOf(sites, side);
  assert(socket !== null, `the ${side} has no local socket`);
  return socket;
}

async function sessionsAt(socket: string, query = ""): Promise<SessionPage> {
  const { status, body } = await unixRequest(socket, `/api/sessions${query}`);
  assertEquals(status, 200, body);
  return JSON.parse(body);
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSocket === true;
  } catch {
    return false;
  }
}

testUnless(
  skipped,
  "Each side serves its status on a local socket of mode 0600, which its claim names, and removes it at its end",
  () =>
    withSites({}, async (sites) => {
      const sockets: string[] = [];
      for (const side of SIDES) {
        const program = sites[side];
        const socket = await socketOf(sites, side);
        const name = side === "server" ? sites.serverInterface : sites.clientInterface;
        assertEquals(socket, `/run/pppoe-proxy/${side}-${name}-${program.pid}.sock`);
        assertEquals(Deno.lstatSync(socket).mode! & 0o7777, 0o600);
        assertEquals(Deno.statSync("/run/pppoe-proxy").mode! & 0o7777, 0o700);
        assertEquals(await unixRequest(socket, "/healthz"), { status: 200, body: "ok\n" });
        const { body } = await unixRequest(socket, "/api/status");
        assertEquals(JSON.parse(body).mode, side);
        assertEquals(faultIn(SCHEMAS.Status, JSON.parse(body), SCHEMAS), undefined);
        sockets.push(socket);
      }
      for (const side of SIDES) await sites[side].end("SIGTERM");
      assertEquals(sockets.map(exists), [false, false]);
    }),
);

testUnless(
  skipped,
  "A side removes the local socket that a killed run has left",
  () =>
    withSites({}, async (sites) => {
      const left = await socketOf(sites, "client");
      await sites.client.end("SIGKILL");
      assertEquals(exists(left), true, "the killed run left nothing");
      sites.client.start();
      await sites.client.untilHealth(200);
      assertEquals(exists(left), false, "the socket is still there");
      assertEquals((await sessionsAt(await socketOf(sites, "client"))).total, 0);
    }),
);

for (const side of SIDES) {
  testUnless(
    skipped,
    `POST /api/sessions/close at the ${side} closes one session at both stations, for one cause at both sides`,
    () =>
      withSites({}, async (sites) => {
        const ac = sites.ac();
        const hosts = [sites.host(), sites.host()];
        for (const host of hosts) await host.dial();
        const socket = await socketOf(sites, side);
        const { sessions, total, next } = await sessionsAt(socket);
        assertEquals([sessions.length, total, next], [2, 2, null]);
        const [first] = sessions;
        assertEquals(parseInt(first.id, 16), first.sessionId);

        const unknown = await unixRequest(socket, "/api/sessions/close", { id: "0xfffe" });
        assertEquals(unknown.status, 404);
        const closed = await unixRequest(socket, "/api/sessions/close", {
          id: first.id,
          host: first.host,
          ac: first.ac,
          tunnel: first.tunnel,
        });
        assertEquals(closed.status, 200, closed.body);
        assertEquals(JSON.parse(closed.body).session.id, first.id);

        await until("the AC and the host have their PADTs", () =>
          ac.sessions.size === 1 && hosts.filter(({ protocol: { state } }) =>
              state === "closed"
            ).length === 1);
        for (const program of [sites.server, sites.client]) {
          const line = await program.untilLine(/Session closed/);
          assertMatch(line, new RegExp(`id=${first.id} .*cause=closed-by-operator`));
          assertMatch(line, /reason="closed by an operator/);
        }
        const others = await sessionsAt(socket);
        assertEquals(
          others.sessions.map(({ id }) =>
            id
          ),
          [sessions[1].id],
        );
      }),
  );
}

testUnless(
  skipped,
  "GET /api/sessions filters and pages at both sides",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      const hosts = [sites.host(), sites.host(), sites.host()];
      for (const host of hosts) await host.dial();
      for (const side of SIDES) {
        const socket = await socketOf(sites, side);
        const { sessions } = await sessionsAt(socket);
        const ids = sessions.map(({ id }) => id);
        assertEquals(new Set(ids).size, 3);
        const first = await sessionsAt(socket, "?limit=2");
        assertEquals([first.sessions.map(({ id }) => id), first.total], [ids.slice(0, 2), 3]);
        const second = await sessionsAt(socket, `?limit=2&after=${first.next}`);
        assertEquals([second.sessions.map(({ id }) => id), second.next], [ids.slice(2), null]);
        const { host, ac } = sessions[1];
        // The hosts have one address.
        assertEquals((await sessionsAt(socket, `?host=${host}`)).total, 3);
        assertEquals((await sessionsAt(socket, `?host=${ac}`)).total, 0);
        assertEquals((await sessionsAt(socket, `?ac=${ac}`)).total, 3);
        const one = await sessionsAt(socket, `?id=${ids[2]}`);
        assertEquals([one.total, one.sessions[0].id], [1, ids[2]]);
        assertEquals((await sessionsAt(socket, "?state=held")).total, 0);
        assertEquals((await sessionsAt(socket, "?tunnel=nobody")).total, 0);
      }
    }),
);

testUnless(
  skipped,
  "POST /api/padt ends a session at the AC that an earlier run of the server has left",
  () =>
    withSites({}, async (sites) => {
      const ac = sites.ac();
      const host = sites.host();
      await host.dial();
      const [session] = (await sites.server.status()).sessions;
      const known = await unixRequest(await socketOf(sites, "server"), "/api/padt", {
        id: session.id,
        ac: session.ac,
      });
      assertEquals(known.status, 409, known.body);
      // Without a state directory, the next run does not know the session.
      await sites.server.end("SIGKILL");
      sites.server.start();
      await sites.server.untilHealth(200);
      assertEquals(ac.sessions.size, 1);
      const { id, ac: address } = session;
      const here = await unixRequest(await socketOf(sites, "client"), "/api/padt", {
        id,
        ac: address,
      });
      assertEquals(here.status, 409);
      assertMatch(here.body, /send the request to the server/);
      const sent = await unixRequest(await socketOf(sites, "server"), "/api/padt", {
        id,
        ac: address,
      });
      assertEquals(sent.status, 200, sent.body);
      await until("the AC has the PADT", () => ac.sessions.size === 0);
      await sites.server.untilLine(new RegExp(`PADT sent for an operator id=${id} ac=${address}`));
      const { balance: { fromTunnel: { discovery } } } = await sites.server.status();
      assertEquals(discovery.offered, discovery.carried + discovery.dropped + discovery.queued);
    }),
);

for (const side of SIDES) {
  testUnless(
    skipped,
    `GET /api/events of the ${side} tells of a session as it begins and ends, and of the state every second`,
    () =>
      withSites({}, async (sites) => {
        sites.ac();
        const host = sites.host();
        const events = unixEvents(await socketOf(sites, side));
        // deno-lint-ignore no-explicit-any
        const next = async (wanted: string): Promise<any> => {
          while (true) {
            const { done, value } = await events.next();
            assert(!done, `the stream ends before ${wanted}`);
            if (value.type === "status") {
              assertEquals(faultIn(SCHEMAS.StatusEvent, value.data, SCHEMAS), undefined);
            }
            if (value.type === wanted) return value.data;
          }
        };
        const first = await next("status");
        assertEquals([first.sessionCounts, first.rates], [{ open: 0, held: 0 }, null]);
        await host.dial();
        const { session } = await next("session-opened");
        assertMatch(session.id, /^0x[0-9a-f]{4}$/);
        let status = await next("status");
        while (status.sessionCounts.open === 0) status = await next("status");
        assertEquals(status.tunnels.length, 1);
        host.hangUp();
        const closed = await next("session-closed");
        assertEquals([closed.session, closed.end.cause], [session, "host-padt"]);
        await events.return(undefined);
      }),
  );
}

/** Sends a request to the status server over TCP. */
async function tcpRequest(
  program: SideProgram,
  content: unknown,
  fields: string,
): Promise<number> {
  const conn = await program.connect(SITE.status);
  const json = JSON.stringify(content);
  const request =
    `POST /api/sessions/close HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${fields}` +
    `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`;
  const writer = conn.writable.getWriter();
  await writer.write(new TextEncoder().encode(request));
  const answer = await new Response(conn.readable).text();
  return Number(answer.split(" ")[1]);
}

testUnless(
  skipped,
  "A session is closed over TCP only with the token of --status-token-file",
  async () => {
    const directory = await Deno.makeTempDir();
    try {
      const file = `${directory}/token`;
      const token = "0123456789abcdef";
      await Deno.writeTextFile(file, `${token}\n`, { mode: 0o600 });
      await withSites({ flags: ["--status-token-file", file] }, async (sites) => {
        sites.ac();
        const host = sites.host();
        await host.dial();
        const [{ id }] = (await sites.client.status()).sessions;
        const bearer = `Authorization: Bearer ${token}\r\n`;
        assertEquals(await tcpRequest(sites.client, { id }, ""), 401);
        assertEquals(
          await tcpRequest(sites.client, { id }, `${bearer}Origin: http://a.example\r\n`),
          403,
        );
        assertEquals(host.protocol.state, "open");
        assertEquals(await tcpRequest(sites.client, { id }, bearer), 200);
        await until("the host has a PADT", () => host.protocol.state === "closed");
        const lines = [...sites.client.lines, ...sites.server.lines];
        assertEquals(lines.filter((line) => line.includes(token)), []);
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);
