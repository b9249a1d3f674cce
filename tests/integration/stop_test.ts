// The end of the program: after one signal, after two, or because its data worker died.
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertPadts,
  padtsAt,
  type Sites,
  untilPadts,
  variantName,
  variantOptions,
  VARIANTS,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const SESSIONS = 5;
const STOP_MS = 2000;

async function settled(sites: Sites): Promise<void> {
  await sites.settled(sites.acs);
  await sites.settled(sites.hosts);
}

for (const variant of VARIANTS) {
  for (const side of ["server", "client"] as const) {
    testUnless(
      skipped,
      `SIGTERM of the ${side} ${variantName(variant)} sends one PADT for each session to each side`,
      () =>
        withSites(variantOptions(variant), async (sites) => {
          const ac = sites.ac();
          const { hosts } = await sites.dialMany(SESSIONS);
          const results = await Promise.all(hosts.map((host) => host.exchange({ frames: 10 })));
          assertEquals(results.map(({ returned }) => returned), new Array(SESSIONS).fill(10));
          const [told, other] = side === "server"
            ? [sites.server, sites.client]
            : [sites.client, sites.server];

          const { code, ms } = await told.end("SIGTERM");
          assertEquals(code, 0);
          assert(ms < STOP_MS, `${ms} ms`);
          await Promise.all(hosts.map((host) => host.closed()));
          await untilPadts(sites.acs, SESSIONS);
          assertEquals(ac.sessions.size, 0);
          // The other side has lost its tunnel, and has no sessions left.
          await other.untilStatus("the tunnel is gone", ({ tunnels, sessions }) =>
            sessions.length === 0 && tunnels.every(({ state }) =>
              state !== "up"
            ));
          assertMatch(await other.untilLine(/Client gone|Tunnel lost/), /goodbye \(shutdown\)/);
          await settled(sites);
          assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [SESSIONS, SESSIONS]);
          const closed = (reason: string) =>
            new RegExp(`Session closed.*reason="?${reason}"?( |$)`);
          assertEquals(
            other.matching(closed("shutdown, as reported by the peer")).length,
            SESSIONS,
          );
          assertEquals(told.matching(closed("shutdown")).length, SESSIONS);
          assertMatch(told.lines.at(-1)!, /Stopped/);

          assertEquals((await other.end("SIGINT")).code, 0);
          await settled(sites);
          assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [SESSIONS, SESSIONS]);
        }),
    );
  }
}

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `A second signal immediately ends a ${side} that waits for its peer`,
    () =>
      withSites({}, async (sites) => {
        const ac = sites.ac();
        await sites.dialMany(1);
        const [told, other] = side === "server"
          ? [sites.server, sites.client]
          : [sites.client, sites.server];
        other.signal("SIGSTOP");
        const startMs = performance.now();
        told.signal("SIGTERM");
        // The side has closed its session, and now waits for its peer to close the connection.
        await untilPadts(side === "server" ? sites.acs : sites.hosts, 1);
        const { code } = await told.end("SIGINT");
        assertEquals(code, 130);
        assert(performance.now() - startMs < STOP_MS);
        other.signal("SIGCONT");
        // Both PADTs had been sent before.
        await until("the AC knows", () => ac.sessions.size === 0);
        await until("the host knows", () => padtsAt(sites.hosts) === 1);
      }),
  );
}

testUnless(
  skipped,
  "SIGTERM ends a client that can reach no server",
  () =>
    withSites({ start: false }, async (sites) => {
      const { client } = sites;
      client.start();
      await client.untilLine(/Cannot connect to 10\.0\.1\.2:\d+: Connection refused/);
      const { code, ms } = await client.end("SIGTERM");
      assertEquals(code, 0);
      assert(ms < STOP_MS, `${ms} ms`);
    }),
);

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `A dying data worker ends the ${side} with status 1, and closes each session on both sides`,
    () =>
      withSites({ main: new URL("../support/faulty_main.ts", import.meta.url) }, async (sites) => {
        const program = sites[side];
        sites.ac();
        await sites.dialMany(3);
        program.signal("SIGUSR2");
        // Each request causes a message to the worker; the first one after the signal ends it.
        while (await program.get("/api/status").then(({ status }) => status === 200, () => false));
        assertEquals((await program.ended()).code, 1);
        assertEquals(program.matching(/ERROR The data worker died: /).length, 1);
        await assertPadts(sites, sites.acs, 3);
        await assertPadts(sites, sites.hosts, 3);
      }),
  );
}
