// Other programs, and older ones, at the other end of a connection, and what the log says about them.
import { assertMatch } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { SITE } from "../../src/lab/mod.ts";
import { type Sites, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const PORT = SITE.tunnelPort;

/** Listens at the place of the server, and gives each connection to a function. */
function listen(
  { net, serverNamespace, sites: [{ serverAddress: hostname }] }: Sites,
  use: (conn: Deno.TcpConn) => Promise<void>,
): AsyncDisposable {
  const listener = inNamespace(
    net.path(serverNamespace),
    () => Deno.listen({ hostname, port: PORT }),
  );
  const conns = new Set<Deno.TcpConn>();
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.add(conn);
      use(conn).catch(() => {});
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // It is closed already.
        }
      }
    },
  };
}

const SERVERS: [
  what: string,
  use: (conn: Deno.TcpConn) => Promise<void>,
  line: RegExp,
  legacyLine: RegExp,
][] = [
  [
    "an SSH server",
    async (conn) => void await conn.write(new TextEncoder().encode("SSH-2.0-OpenSSH_9.2p1\r\n")),
    /WARN +An SSH server answers .*"SSH-2\.0-OpenSSH_9\.2p1\\*"\): check .* in --connect/,
    /Tunnel lost reason="the peer is an SSH server or client/,
  ],
  [
    "a server that closes at once",
    (conn) => {
      conn.close();
      return Promise.resolve();
    },
    /WARN +(The server (closed|reset) .*|Cannot connect .* reset .*): is this machine on its --allow list\?/,
    /before it sent anything \(a server does so to an address that is not on its --allow list\)|--allow/,
  ],
];

for (const [what, use, line, legacyLine] of SERVERS) {
  for (const flags of [[], ["--legacy"]]) {
    testUnless(
      skipped,
      ["Client", ...flags, "says in its log that it has reached", what].join(" "),
      () =>
        withSites({ flags, start: false }, async (sites) => {
          await using _server = listen(sites, use);
          sites.client.start();
          await sites.client.untilLine(flags.length > 0 ? legacyLine : line);
        }),
    );
  }
}

testUnless(
  skipped,
  "Client says in its log that it has reached an HTTP server, such as a status port",
  () =>
    withSites(
      { start: false, clientFlags: ["--connect", `10.0.1.2:${SITE.status.port}`] },
      async (sites) => {
        const { net, serverNamespace, client, sites: [{ serverAddress: hostname }] } = sites;
        await using _server = inNamespace(
          net.path(serverNamespace),
          () =>
            Deno.serve(
              { hostname, port: SITE.status.port, onListen: () => {} },
              () => new Response("ok"),
            ),
        );
        client.start();
        assertMatch(
          await client.untilLine(/An HTTP server answers instead of pppoe-proxy/),
          /"HTTP\/1\.1 400 Bad Request\\*"\): check .* --listen, not of its --status server=/,
        );
      },
    ),
);

testUnless(
  skipped,
  "Client and Server say that only the client has --legacy",
  () => {
    const clientFlags = ["--connect", `10.0.1.2:${PORT}`, "--legacy"];
    return withSites({ start: false, clientFlags }, async ({ client, server }) => {
      server.start();
      await server.untilHealth(200);
      client.start();
      await client.untilLine(
        /Tunnel lost reason="the server is not .*: remove --legacy at the client"/,
      );
      await server.untilLine(
        /Connection refused .*does not greet.* remove --legacy at the client"/,
      );
    });
  },
);

testUnless(
  skipped,
  "Client and Server say that only the server has --legacy",
  () => {
    const serverFlags = ["--listen", `0.0.0.0:${PORT}`, "--allow", "10.0.0.0/8", "--legacy"];
    return withSites({ start: false, serverFlags }, async ({ client, server }) => {
      server.start();
      await server.untilHealth(200);
      client.start();
      // It depends on the moment whether the server's ping or its goodbye comes first.
      await client.untilLine(
        /remove it there, or give it to this client|remove --legacy at the server/,
      );
      await server.untilLine(
        /Client gone .*"the client greets, .*: remove --legacy at the server"/,
      );
    });
  },
);
