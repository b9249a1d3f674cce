// The TCP congestion control of tunnels, on systems with different defaults.
import { assertEquals, assertMatch } from "@std/assert";
import { congestionControlFault } from "../../ffi/mod.ts";
import { withSites } from "../support/sites.ts";
import type { SideProgram, Sites, SitesOptions } from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { isAllowed, setSystemCongestion } from "../support/system_congestion.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noBbr = skipped ?? (congestionControlFault("bbr") === 0 ? undefined : "no bbr");
const bbrNotForAll = skipped ??
  (isAllowed("bbr") ? undefined : "bbr is not in tcp_allowed_congestion_control");
const WITHOUT_NET_ADMIN = [
  "setpriv",
  "--bounding-set=-net_admin",
  "--inh-caps=-net_admin",
  "--",
];
const CAP_NET_ADMIN = 12n;
const WARNING = /congestion control/;

/** Runs a server and a client with a tunnel, on systems whose default is `system`. */
async function onSystem(
  system: string,
  options: SitesOptions,
  use: (programs: SideProgram[], sites: Sites) => Promise<void>,
): Promise<void> {
  await withSites({ ...options, start: false }, async (sites) => {
    const [{ clientNamespace }] = sites.sites;
    await setSystemCongestion(sites.serverNamespace, system);
    await setSystemCongestion(clientNamespace, system);
    await sites.start();
    await use([sites.server, sites.client], sites);
  });
}

/** Returns the congestion control in a side's status, and asserts that the metrics agree. */
async function congestionOf(program: SideProgram): Promise<string | null> {
  const { mode, tunnels: [{ name, peer, congestion }] } = await program.untilStatus(
    "the tunnel is up",
    ({ tunnels }) => tunnels[0]?.state === "up",
  );
  // A client's port is another one each time, so a server's label leaves it out.
  const label = mode === "server" ? peer.replace(/:\d+$/, "") : peer;
  const metric =
    `pppoe_proxy_tunnel_congestion_info{tunnel="${name}",peer="${label}",congestion="${congestion}"}`;
  assertEquals((await program.metrics()).get(metric), 1);
  return congestion;
}

testUnless(
  noBbr,
  "a tunnel uses bbr at both ends, without a warning, if the system has another default",
  () =>
    onSystem("reno", {}, async (programs) => {
      for (const program of programs) {
        assertEquals(await congestionOf(program), "bbr");
        assertEquals(program.matching(WARNING), []);
      }
    }),
);

testUnless(
  bbrNotForAll,
  "a tunnel keeps bbr, without a warning, if that is the system's default",
  () =>
    onSystem("bbr", {}, async (programs) => {
      for (const program of programs) {
        assertEquals(await congestionOf(program), "bbr");
        assertEquals(program.matching(WARNING), []);
      }
    }),
);

testUnless(
  skipped,
  "--congestion system keeps the system's default without a warning",
  () =>
    onSystem("reno", { flags: ["--congestion", "system"] }, async (programs) => {
      for (const program of programs) {
        assertEquals(await congestionOf(program), "reno");
        assertEquals(program.matching(WARNING), []);
      }
    }),
);

testUnless(
  bbrNotForAll,
  "--congestion NAME uses that one, even if the system's default is bbr",
  () =>
    onSystem("bbr", { flags: ["--congestion", "reno"] }, async (programs) => {
      for (const program of programs) assertEquals(await congestionOf(program), "reno");
    }),
);

testUnless(
  skipped,
  "a tunnel uses the system's default if there is no bbr, and the log has one warning with advice",
  () => {
    const main = new URL("../support/no_bbr_main.ts", import.meta.url);
    return onSystem("reno", { main }, async (programs, sites) => {
      for (const program of programs) assertEquals(await congestionOf(program), "reno");
      // Another tunnel does not repeat the warning.
      await sites.resetTunnels();
      await sites.client.untilStatus(
        "another tunnel is up",
        ({ reconnects, tunnels }) => reconnects === 1 && tunnels[0].state === "up",
      );
      for (const program of programs) {
        assertEquals(await congestionOf(program), "reno");
        const lines = program.matching(WARNING);
        assertEquals(lines.length, 1, lines.join("\n"));
        assertMatch(lines[0], /WARN.*congestion control reno, .*loses packets.*modprobe tcp_bbr/);
      }
    });
  },
);

testUnless(
  bbrNotForAll ?? (hasProgram("setpriv") ? undefined : "no setpriv"),
  "a process without CAP_NET_ADMIN uses bbr if the system allows it to every process",
  () =>
    onSystem("reno", { before: WITHOUT_NET_ADMIN }, async (programs) => {
      for (const program of programs) {
        const status = Deno.readTextFileSync(`/proc/${program.pid}/status`);
        const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)!;
        assertEquals(BigInt(`0x${effective}`) >> CAP_NET_ADMIN & 1n, 0n);
        assertEquals(await congestionOf(program), "bbr");
        assertEquals(program.matching(WARNING), []);
      }
    }),
);
