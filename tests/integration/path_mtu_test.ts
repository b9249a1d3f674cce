// Paths that lose large packets without a word, and paths that only seem to.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace as inNetns } from "../../ffi/mod.ts";
import { type SimulatedHost, SITE } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import { addRouter, inNamespace, routedFlags, type RouterOptions } from "../support/narrow_path.ts";
import { type Sites, type SitesOptions, withSites } from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noTc = skipped ?? (hasProgram("tc") ? undefined : "no tc");
const LOST =
  /Packets of \d+ bytes to \S+ \(\S+\) are lost, (in fragments too, )?although small ones arrive \(path MTU\); /;
const FRAMES = 100;

/** Runs two sides with a router between them. */
function overRouter(
  ip: "ipv4" | "ipv6",
  router: RouterOptions,
  use: (sites: Sites, router: string) => Promise<void>,
  options: SitesOptions = {},
): Promise<void> {
  return withSites({ ...routedFlags(ip), ...options }, async (sites) => {
    const namespace = await addRouter(sites, router);
    await sites.start();
    await use(sites, namespace);
  });
}

/** Dials, and exchanges full-size frames until all of them return. */
async function untilFullSize(sites: Sites) {
  const ac = sites.ac();
  const host = sites.host();
  await host.dial();
  await untilAllReturn(host);
  return { ac, host };
}

async function untilAllReturn(host: SimulatedHost): Promise<void> {
  // Several are under way at once, so that TCP sends packets of the full size.
  await until("full-size frames return", async () => {
    const { returned } = await host.exchange({ frames: FRAMES, timeoutMs: 500 });
    return returned === FRAMES;
  }, patient(40_000));
}

/** Makes the server's system drop fragments, because it has no memory for them. */
function loseFragments({ serverNamespace }: Sites): Promise<void> {
  return inNamespace(
    serverNamespace,
    "cd /proc/sys/net/ipv4; echo 0 > ipfrag_low_thresh; echo 0 > ipfrag_high_thresh",
  );
}

function warnings({ client, server }: Sites): number[] {
  return [client, server].map((program) => program.matching(LOST).length);
}

/** The directions in which large packets are lost, and the number of warnings of client and server. */
const DIRECTIONS = [
  [["to-server", "to-client"], [1, 1]],
  [["to-server"], [1, 0]],
  [["to-client"], [0, 1]],
] as const;

for (const [narrow, expected] of DIRECTIONS) {
  testUnless(
    skipped,
    `a tunnel over IPv4 lives on when large packets ${narrow.join(" and ")} are lost, and says so`,
    () =>
      overRouter("ipv4", { narrow: [...narrow] }, async (sites) => {
        const { ac } = await untilFullSize(sites);
        assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
        assertEquals(sites.client.matching(/Tunnel up/).length, 1);
        assertEquals(warnings(sites), [...expected]);
        for (const [n, program] of [sites.client, sites.server].entries()) {
          const problems = (await program.status()).problems.filter(({ id }) => id === "path-mtu");
          assertEquals(problems.length, expected[n]);
          for (const { what, advice } of problems) {
            assertMatch(what, LOST);
            assertMatch(what, /; routers may now split them$/);
            assertMatch(advice, /^let firewalls pass ICMP .* clamp the MSS/);
          }
        }
      }),
  );
}

for (const [narrow, expected] of DIRECTIONS) {
  testUnless(
    skipped,
    `a session over IPv6 lives on when large packets ${
      narrow.join(" and ")
    } are lost, in a tunnel with small ones`,
    () =>
      overRouter("ipv6", { narrow: [...narrow] }, async (sites) => {
        const { ac } = await untilFullSize(sites);
        assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
        assertEquals(warnings(sites), [...expected]);
        // Each side that has found the fault has ended one tunnel.
        const ended = expected[0] + expected[1];
        assertEquals(sites.client.matching(/Tunnel up/).length, 1 + ended);
        for (const [n, program] of [sites.client, sites.server].entries()) {
          const reason = /(Tunnel lost|Client gone).*large packets are lost \(path MTU\)/;
          assertEquals(program.matching(reason).length, expected[n]);
          assertEquals(
            program.matching(/Only small packets are sent to this peer/).length > 0,
            expected[n] > 0,
          );
          const problems = (await program.status()).problems.filter(({ id }) => id === "path-mtu");
          assertEquals(problems.length, expected[n]);
          for (const { what, advice } of problems) {
            assertMatch(what, LOST);
            assertMatch(what, /at most 1280 bytes, which is slower$/);
            assertMatch(advice, /^let firewalls pass ICMP/);
          }
        }
      }),
  );
}

testUnless(
  skipped,
  "a client learns of the end of its tunnel over IPv6 at once although only full-size frames are sent to it",
  () =>
    overRouter("ipv6", { narrow: ["to-client"] }, async (sites) => {
      const ac = sites.ac();
      const host = sites.host();
      await host.dial();
      const [id] = ac.sessions.keys();
      // Nothing small goes that way, and nothing at all the other way.
      await until("the tunnel ends", () => {
        ac.send(id, new Uint8Array(1400));
        return sites.client.matching(/Tunnel lost/)[0];
      }, patient(20_000));
      assertMatch(sites.client.matching(/Tunnel lost/)[0], /Connection reset by peer/);
      await until("the tunnel is up again", () => sites.client.matching(/Tunnel up/)[1]);
      await untilAllReturn(host);
      assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
      assertEquals(warnings(sites), [0, 1]);
    }),
);

testUnless(
  skipped,
  "a tunnel over IPv4 sends small packets in the end if fragments are lost too",
  () =>
    overRouter("ipv4", { narrow: ["to-server"] }, async (sites) => {
      await loseFragments(sites);
      const { ac } = await untilFullSize(sites);
      assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
      assertEquals(warnings(sites), [2, 0]);
      assertMatch(sites.client.matching(LOST)[1], /in fragments too.*at most 1280 bytes/);
      assertEquals(sites.client.matching(/Tunnel up/).length, 2);
    }),
);

testUnless(
  skipped,
  "a tunnel over IPv4 sends packets of 576 bytes in the end if those of 1280 bytes are lost too",
  () =>
    overRouter("ipv4", { narrow: ["to-server"], mtu: 600 }, async (sites) => {
      await loseFragments(sites);
      const { ac, host } = await untilFullSize(sites);
      assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
      const [first, second, third] = sites.client.matching(LOST);
      assertMatch(first, /Packets of 1500 bytes.*routers may now split them/);
      assertMatch(second, /Packets of 1500 bytes.*in fragments too.*at most 1280 bytes/);
      assertMatch(third, /Packets of 1280 bytes.*in fragments too.*at most 576 bytes/);
      assertEquals(warnings(sites), [3, 0]);
      await sites.resetTunnels();
      await sites.client.untilLine(/Only packets of at most 576 bytes are sent to this peer/);
      await untilAllReturn(host);
      assertEquals(warnings(sites), [3, 0]);
    }),
);

for (
  const [ip, burst, remedies] of [
    ["ipv4", 500, [/routers may now split them/, /at most 1280 bytes/, /at most 576 bytes/]],
    ["ipv6", 1000, [/at most 1280 bytes/]],
  ] as const
) {
  testUnless(
    noTc,
    `a side says that nothing is left to try if the smallest packets of ${ip} are lost`,
    () =>
      overRouter(ip, { narrow: [] }, async (sites, router) => {
        const host = sites.host();
        sites.ac();
        await host.dial();
        // Packets above the burst are lost without a word, and so are fragments, because each is too large.
        const shape = ["tbf", "rate", "100mbit", "burst", `${burst}`, "limit", "1mb"];
        const args = ["-n", router, "qdisc", "add", "dev", "up0", "root", ...shape];
        assert((await new Deno.Command("tc", { args }).output()).success);
        if (ip === "ipv4") await loseFragments(sites);
        await until("the client has tried everything", async () => {
          await host.exchange({ frames: 10, timeoutMs: 500 });
          return sites.client.matching(/nothing is left to try/)[0];
        }, patient(60_000));
        const lines = sites.client.matching(LOST);
        assertEquals(lines.length, remedies.length + 1);
        for (const [n, remedy] of remedies.entries()) assertMatch(lines[n], remedy);
        const { problems } = await sites.client.status();
        assertMatch(
          problems.filter(({ id }) => id === "path-mtu").at(-1)!.what,
          /nothing is left to try until the cause is removed$/,
        );
      }),
  );
}

testUnless(
  skipped,
  "a tunnel over IPv6 leaves the path to a kernel that probes its MTU",
  () =>
    overRouter("ipv6", { narrow: ["to-server"] }, async (sites) => {
      const [{ clientNamespace }] = sites.sites;
      await inNamespace(clientNamespace, "echo 1 > /proc/sys/net/ipv4/tcp_mtu_probing");
      await untilFullSize(sites);
      assertEquals(warnings(sites), [0, 0]);
      assertEquals(sites.client.matching(/Tunnel up/).length, 1);
    }),
);

testUnless(
  skipped,
  "a tunnel keeps the remedy for the next connection over the same path",
  () =>
    overRouter("ipv4", { narrow: ["to-server", "to-client"] }, async (sites) => {
      const { host } = await untilFullSize(sites);
      await sites.resetTunnels();
      for (const program of [sites.client, sites.server]) {
        await program.untilLine(/Routers may split packets to this peer/);
      }
      await untilAllReturn(host);
      assertEquals(warnings(sites), [1, 1]);
    }),
);

/** Passes one connection on to the server over IPv4, with a header that tells an IPv6 address. */
function startProxy({ net, sites: [{ clientNamespace }] }: Sites): AsyncDisposable {
  const path = net.path(clientNamespace);
  const hostname = "127.0.0.1";
  const listener = inNetns(path, () => Deno.listen({ hostname, port: SITE.tunnelPort }));
  const conns: Deno.TcpConn[] = [];
  const serve = async () => {
    for await (const conn of listener) {
      const server = await inNetns(
        path,
        () => Deno.connect({ hostname: "10.0.2.2", port: SITE.tunnelPort }),
      );
      conns.push(conn, server);
      await server.write(HEADER);
      for (const [from, to] of [[conn, server], [server, conn]]) {
        from.readable.pipeTo(to.writable).catch(() => {});
      }
    }
  };
  const served = serve();
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      await served;
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // The end of a stream has closed it.
        }
      }
    },
  };
}

/** A PROXY header for TCP over IPv6, from 2001:db8::7, port 41000. */
const HEADER = Uint8Array.of(
  ...[13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x21, 0, 36],
  ...[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
  ...[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8],
  ...[0xa0, 0x28, 0, 80],
);

testUnless(
  skipped,
  "a tunnel lives on when the proxy of an IPv6 client loses large packets over IPv4",
  async () => {
    const { serverFlags = [] } = routedFlags("ipv4");
    await withSites({
      start: false,
      serverFlags: [...serverFlags, "--allow", "2001:db8::/32", "--proxy-protocol", "10.0.1.1"],
      clientFlags: ["--connect", `127.0.0.1:${SITE.tunnelPort}`],
    }, async (sites) => {
      await addRouter(sites, { narrow: ["to-client"] });
      await using _proxy = startProxy(sites);
      await sites.start();
      const { ac } = await untilFullSize(sites);
      assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
      assertEquals(sites.client.matching(/Tunnel up/).length, 1);
      const { problems, tunnels: [{ peer }] } = await sites.server.status();
      assertMatch(peer, /^\[2001:db8::7\]:41000$/);
      const [{ what }] = problems.filter(({ id }) => id === "path-mtu");
      assertMatch(
        what,
        /to the proxy of \S+ \(10\.0\.1\.1\) are lost.*; routers may now split them$/,
      );
    });
  },
);

testUnless(
  skipped,
  "a tunnel lets the kernel find the path MTU as long as routers tell it",
  () =>
    overRouter("ipv4", { narrow: ["to-server", "to-client"], tells: true }, async (sites) => {
      await untilFullSize(sites);
      assertEquals(sites.client.matching(/Tunnel up/).length, 1);
      assertEquals(warnings(sites), [0, 0]);
    }),
);

testUnless(
  skipped,
  "a path that carries nothing is not taken for one that loses large packets",
  () =>
    overRouter("ipv4", { narrow: [] }, async (sites, router) => {
      const { host } = await untilFullSize(sites);
      // More is under way than fits into the path, in both directions.
      const exchange = host.exchange({ frames: 2000, timeoutMs: 500 });
      await sites.net.ip(router, "rule", "add", "pref", "0", "iif", "up0", "blackhole");
      await sites.net.ip(router, "rule", "add", "pref", "0", "iif", "down0", "blackhole");
      await exchange;
      await until(
        "the tunnel ends",
        () => sites.client.matching(/Tunnel lost/)[0],
        patient(20_000),
      );
      assertEquals(warnings(sites), [0, 0]);
    }),
);
