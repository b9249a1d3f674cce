// Paths that lose large packets without a word, and paths that only seem to.
import { assertEquals, assertMatch } from "@std/assert";
import type { SimulatedHost } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import { addRouter, inNamespace, routedFlags, type RouterOptions } from "../support/narrow_path.ts";
import { type Sites, type SitesOptions, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const LOST =
  /Packets of 1500 bytes to \S+ \(\S+\) are lost, (in fragments too, )?although small ones get through/;
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

function warnings({ client, server }: Sites): number[] {
  return [client, server].map((program) => program.matching(LOST).length);
}

for (
  const [narrow, expected] of [
    [["to-server", "to-client"], [1, 1]],
    [["to-server"], [1, 0]],
    [["to-client"], [0, 1]],
  ] as const
) {
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
            assertMatch(advice, /routers may now split them; the path MTU .* clamp the MSS/);
          }
        }
      }),
  );
}

for (
  const [narrow, expected] of [
    [["to-server", "to-client"], [1, 1]],
    [["to-server"], [1, 0]],
    [["to-client"], [0, 1]],
  ] as const
) {
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
          assertEquals(program.matching(/Only small packets are sent/).length > 0, expected[n] > 0);
          const problems = (await program.status()).problems.filter(({ id }) => id === "path-mtu");
          assertEquals(problems.length, expected[n]);
          for (const { what, advice } of problems) {
            assertMatch(what, LOST);
            assertMatch(advice, /at most 1280 bytes, which is slower; the path MTU/);
          }
        }
      }),
  );
}

testUnless(
  skipped,
  "a tunnel over IPv4 sends small packets in the end if fragments are lost too",
  () =>
    overRouter("ipv4", { narrow: ["to-server"] }, async (sites) => {
      // Without memory for fragments, the kernel drops them.
      await inNamespace(
        sites.serverNamespace,
        "cd /proc/sys/net/ipv4; echo 0 > ipfrag_low_thresh; echo 0 > ipfrag_high_thresh",
      );
      const { ac } = await untilFullSize(sites);
      assertEquals([ac.sessions.size, ac.closed.length], [1, 0]);
      assertEquals(warnings(sites), [2, 0]);
      assertMatch(sites.client.matching(LOST)[1], /in fragments too.*at most 1280 bytes/);
      assertEquals(sites.client.matching(/Tunnel up/).length, 2);
    }),
);

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
        await program.untilLine(/Packets may be split on the way/);
      }
      await untilAllReturn(host);
      assertEquals(warnings(sites), [1, 1]);
    }),
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
