// A client's way to its server: the addresses of a name, and changes of the client's own network.
import { assert, assertEquals } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { type HostSession, type SimulatedHost, SITE } from "../../src/lab/mod.ts";
import {
  assertExchange,
  padtsAt,
  type Sites,
  type SitesOptions,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const PORT = SITE.tunnelPort;
const NAME = "server.test";
const SERVER = "10.0.1.2";
/** An address whose packets go nowhere, and one where a program accepts connections and says nothing. */
const DEAD = "10.0.1.9";
const MUTE = "10.0.1.8";

/** The grace time is shorter than the 10 s that a single address may take. */
const TIMERS = { graceMs: 4000 };

/** Runs a test with a client whose names are found in a file of its own, and by no name server. */
async function withNames(
  addresses: string[],
  use: (sites: Sites, names: (addresses: string[]) => Promise<void>) => Promise<void>,
  more: Partial<SitesOptions> = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const names = (addresses: string[]) =>
    Deno.writeTextFile(
      `${folder}/hosts`,
      ["127.0.0.1 localhost", ...addresses.map((address) => `${address} ${NAME}`), ""].join("\n"),
    );
  try {
    await names(addresses);
    await Deno.writeTextFile(`${folder}/resolv.conf`, "nameserver 127.0.0.1\n");
    const mount = ["hosts", "resolv.conf"].map((file) =>
      `mount --bind ${folder}/${file} /etc/${file}`
    );
    const before = ["unshare", "--mount", "sh", "-c", `${mount.join(" && ")} && exec "$@"`, "sh"];
    const options: SitesOptions = {
      before,
      timers: TIMERS,
      serverOptions: { listen: { hostname: SERVER, port: PORT } },
      clientOptions: { connect: { hostname: NAME, port: PORT } },
      start: false,
      ...more,
    };
    await withSites(options, (sites) => use(sites, names));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens a session, and returns it. */
async function dial(sites: Sites): Promise<{ host: SimulatedHost; session: HostSession }> {
  sites.ac();
  const { hosts: [host], sessions: [session] } = await sites.dialMany(1);
  return { host, session };
}

/** Asserts that the only session is still the same one, and carries frames. */
async function assertContinues(sites: Sites, host: SimulatedHost): Promise<void> {
  await sites.client.untilStatus("the session continues", ({ sessions, tunnels }) => {
    return tunnels[0]?.state === "up" && sessions.length === 1 && sessions[0].state === "open";
  });
  await assertExchange([host]);
  assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [0, 0]);
  assertEquals(sites.client.matching(/Session closed/), []);
}

testUnless(
  skipped,
  "Client finds the address that works, and continues its sessions there, beside dead and mute ones",
  () =>
    withNames([DEAD, MUTE, SERVER], async (sites) => {
      const { net, sites: [{ clientNamespace, wan }] } = sites;
      const neighbour = [DEAD, "lladdr", "02:00:00:00:de:ad", "dev", "wan0"];
      await net.ip(clientNamespace, "neighbour", "add", ...neighbour);
      await net.ip(sites.serverNamespace, "address", "add", `${MUTE}/24`, "dev", wan);
      using _mute = inNamespace(
        net.path(sites.serverNamespace),
        () => Deno.listen({ hostname: MUTE, port: PORT }),
      );
      await sites.start();
      const [{ peer }] = (await sites.client.status()).tunnels;
      assertEquals(peer, `${SERVER}:${PORT}`);
      const { host } = await dial(sites);
      for (let reset = 0; reset < 3; reset++) {
        const { reconnects } = await sites.client.status();
        await sites.resetTunnels(sites.sites[0]);
        await sites.client.untilStatus("it is connected again", (status) => {
          return status.reconnects > reconnects;
        });
        await assertContinues(sites, host);
      }
    }),
);

testUnless(
  skipped,
  "Client continues its sessions at the last address while the name cannot be looked up",
  () =>
    withNames([SERVER], async (sites, names) => {
      await sites.start();
      const { host } = await dial(sites);
      await names([]);
      await sites.resetTunnels(sites.sites[0]);
      await sites.client.untilLine(/Cannot find server\.test: .*; its last addresses are tried/);
      await assertContinues(sites, host);
    }),
);

testUnless(
  skipped,
  "Client uses the new address of a name when the old one has stopped working",
  () =>
    withNames([SERVER], async (sites, names) => {
      await sites.start();
      const { host } = await dial(sites);
      const { net, sites: [site], serverNamespace } = sites;
      await net.ip(serverNamespace, "address", "add", "10.0.1.3/24", "dev", site.wan);
      await names(["10.0.1.3"]);
      await sites.reachable(site, false);
      await sites.resetTunnels(site);
      await assertContinues(sites, host);
      const [{ peer }] = (await sites.client.status()).tunnels;
      assertEquals(peer, `10.0.1.3:${PORT}`);
    }, { serverOptions: { listen: { hostname: "0.0.0.0", port: PORT } } }),
);

testUnless(
  skipped,
  "Client continues its sessions at once when its own address changes",
  () =>
    withSites({ timers: TIMERS }, async (sites) => {
      const { host } = await dial(sites);
      const { net, sites: [{ clientNamespace, address }] } = sites;
      await net.ip(clientNamespace, "address", "del", `${address}/24`, "dev", "wan0");
      await net.ip(clientNamespace, "address", "add", "10.0.1.77/24", "dev", "wan0");
      await sites.client.untilLine(
        /Tunnel lost reason="this machine no longer has the tunnel's own address" held=1/,
      );
      await assertContinues(sites, host);
    }),
);

testUnless(
  skipped,
  "Client keeps its tunnel when its own address is removed and added again, as by a new lease",
  () =>
    withSites({ flags: ["--log-level", "debug"] }, async (sites) => {
      const { host } = await dial(sites);
      const { client, net, sites: [{ clientNamespace, address }] } = sites;
      const seen = (lost: boolean) => client.matching(RegExp(`has changed lost=${lost}`)).length;
      // The client waits for half a second, so a machine that takes longer shows nothing.
      for (let tookMs = Infinity, times = 1; tookMs > 400; times++) {
        assert(times <= 5, `the change takes ${tookMs} ms`);
        const startMs = performance.now();
        await net.ip(clientNamespace, "address", "del", `${address}/24`, "dev", "wan0");
        await until("the client sees the loss", () => seen(true) === times);
        await net.ip(clientNamespace, "address", "add", `${address}/24`, "dev", "wan0");
        await until("the client sees the address", () => seen(false) === times);
        tookMs = performance.now() - startMs;
        if (tookMs <= 400) assertEquals(client.matching(/Tunnel lost/).length, 0);
      }
      await assertContinues(sites, host);
    }),
);

testUnless(
  skipped,
  "Client continues its sessions by another route when the first one has stopped working",
  () =>
    withSites({ timers: TIMERS }, async (sites) => {
      const { host } = await dial(sites);
      const { net, serverNamespace, sites: [{ clientNamespace, serverAddress, wan }] } = sites;
      await net.veth(
        { namespace: clientNamespace, name: "other" },
        { namespace: serverNamespace, name: "other" },
      );
      await net.ip(clientNamespace, "address", "add", "10.2.1.1/24", "dev", "other");
      await net.ip(serverNamespace, "address", "add", "10.2.1.2/24", "dev", "other");
      await net.ip(serverNamespace, "link", "set", wan, "down");
      const route = [`${serverAddress}/32`, "via", "10.2.1.2"];
      await net.ip(clientNamespace, "route", "add", ...route);
      const line = await sites.client.untilLine(/Tunnel lost/);
      assert(line.includes("no answer after a change of this machine's network"), line);
      await assertContinues(sites, host);
    }),
);
