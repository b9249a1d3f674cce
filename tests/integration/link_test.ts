// A side's interface that goes down, disappears or comes back while the program runs.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Station } from "../../src/lab/mod.ts";
import { formatMac } from "../../src/wire/mod.ts";
import { padtsAt, type Sites, untilPadts, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const NEW_MAC = "02:00:00:00:fe:ed";
const SIDES = ["Client", "Server"] as const;

/** Replaces the client's interface with a macvlan on a new veth pair, which leads to the hosts. */
async function replaceByMacvlan(sites: Sites, mode: "bridge" | "passthru"): Promise<void> {
  const { net, sites: [site] } = sites;
  const namespace = site.clientNamespace;
  await sites.cut(site);
  await net.veth({ namespace: site.hostNamespace, name: "lan0" }, { namespace, name: "low0" });
  await net.macvlan({ namespace, name: "lan0" }, "low0", mode);
  site.hosts = Station.open({ namespace: net.path(site.hostNamespace), interface: "lan0" });
}

/** Returns the parts of one side that the scenarios need. */
function sideOf(sites: Sites, side: typeof SIDES[number]) {
  const [site] = sites.sites;
  const client = side === "Client";
  return {
    program: client ? sites.client : sites.server,
    namespace: client ? site.clientNamespace : sites.serverNamespace,
    name: client ? sites.clientInterface : sites.serverInterface,
  };
}

for (const side of SIDES) {
  testUnless(
    skipped,
    `${side} keeps its sessions while its interface is down`,
    () =>
      withSites({}, async (sites) => {
        const { program, namespace, name } = sideOf(sites, side);
        sites.ac();
        const { hosts: [host] } = await sites.dialMany(1);
        await sites.net.ip(namespace, "link", "set", name, "down");
        await program.untilHealth(503);
        assertEquals((await program.status()).interfaceState, "down");
        assertMatch(await program.untilLine(/is down/), new RegExp(`Interface ${name} is down`));

        await sites.net.up({ namespace, name });
        await program.untilHealth(200);
        assertEquals((await program.status()).interfaceState, "up");
        // Its address is the same, so the stations have not noticed anything.
        assertEquals((await host.exchange({ frames: 20 })).returned, 20);
        assertEquals(padtsAt(sites.hosts) + padtsAt(sites.acs), 0);
        assertEquals((await sites.dialMany(2)).sessions.length, 2);
        assertEquals((await sites.client.status()).reconnects, 0);
      }),
  );

  testUnless(
    skipped,
    `${side} closes its sessions when its macvlan comes back with another address`,
    () =>
      withSites({ link: "macvlan" }, async (sites) => {
        const { program, namespace, name } = sideOf(sites, side);
        const lower = side === "Client" ? "lan0" : "isp0";
        const ac = sites.ac();
        const dialled = await sites.dialMany(2);
        await sites.net.ip(namespace, "link", "del", name);
        await program.untilHealth(503);
        assertEquals((await program.status()).interfaceState, "missing");

        await sites.net.macvlan({ namespace, name, mac: NEW_MAC }, lower);
        await program.untilHealth(200);
        assertMatch(
          await program.untilLine(/is up/),
          new RegExp(`Interface ${name} is up .*mac=${NEW_MAC}`),
        );
        await Promise.all(dialled.hosts.map((host) => host.closed()));
        await untilPadts(sites.acs, 2);
        assertEquals(ac.sessions.size, 0);

        const host = sites.host();
        await host.dial();
        assertEquals((await host.exchange({ frames: 100 })).returned, 100);
        const seen = side === "Client"
          ? host.protocol.offer!.mac
          : [...ac.sessions.values()][0].host;
        assertEquals(
          [...seen].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
          NEW_MAC,
        );
        assertEquals((await sites.client.status()).reconnects, 0);
      }),
  );

  testUnless(
    skipped,
    `${side} works again after its veth pair is deleted and recreated`,
    () =>
      withSites({}, async (sites) => {
        const { program, namespace, name } = sideOf(sites, side);
        const ac = sites.ac();
        const { hosts: [host] } = await sites.dialMany(1);
        // The other end of the pair is gone as well.
        await sites.cut(side === "Client" ? sites.sites[0] : undefined);
        await program.untilHealth(503);
        assertEquals((await program.status()).interfaceState, "missing");
        await sites.join(side === "Client" ? sites.sites[0] : undefined);
        await program.untilHealth(200);
        assertMatch(await program.untilLine(/is up/), new RegExp(`Interface ${name} is up`));

        if (side === "Client") {
          await untilPadts(sites.acs, 1);
          assertEquals(ac.sessions.size, 0);
        } else {
          assertEquals(await host.closed(), "ac");
          sites.ac({ firstSessionId: 100 });
        }
        const another = sites.host();
        await another.dial();
        assertEquals((await another.exchange({ frames: 100 })).returned, 100);
        assert((await sites.net.ip(namespace, "link", "show", name)).includes("UP"));
      }),
  );
}

testUnless(
  skipped,
  "Client closes its sessions when its interface gets another address",
  () =>
    withSites({}, async (sites) => {
      const [{ clientNamespace }] = sites.sites;
      const ac = sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      await sites.net.ip(clientNamespace, "link", "set", "lan0", "address", NEW_MAC);
      assertEquals(await host.closed(), "ac");
      await untilPadts(sites.acs, 1);
      assertEquals(ac.sessions.size, 0);
      host.close();
      assertEquals(formatMac((await sites.dialMany(1)).sessions[0].ac), NEW_MAC);
    }),
);

testUnless(
  skipped,
  "Client waits for an interface that is down at the start",
  () =>
    withSites({ start: false }, async (sites) => {
      const [site] = sites.sites;
      await sites.net.ip(site.clientNamespace, "link", "set", "lan0", "down");
      sites.server.start();
      sites.client.start();
      await sites.server.untilHealth(200);
      await sites.client.untilHealth(503);
      await sites.client.untilStatus(
        "its tunnel is up",
        ({ tunnels }) => tunnels[0].state === "up",
      );
      const reason = "switched off by the administrator: ip link set lan0 up";
      const { interfaceState, interfaceReason } = await sites.client.status();
      assertEquals([interfaceState, interfaceReason], ["down", reason]);
      await sites.client.untilLine(new RegExp(`WARN {2}Interface lan0 is down, ${reason}`));
      await sites.net.up({ namespace: site.clientNamespace, name: "lan0" });
      await sites.client.untilHealth(200);
      assertEquals((await sites.client.status()).interfaceReason, undefined);
      sites.ac();
      const host = sites.host();
      await host.dial();
      assertEquals((await host.exchange({ frames: 20 })).returned, 20);
    }),
);

testUnless(
  skipped,
  "Client with --mac transparent carries sessions on a macvlan in passthru mode",
  () =>
    withSites({ flags: ["--mac", "transparent"], start: false }, async (sites) => {
      await replaceByMacvlan(sites, "passthru");
      await sites.start();
      const ac = sites.ac();
      const { hosts, sessions } = await sites.dialMany(2);
      for (const host of hosts) assertEquals((await host.exchange({ frames: 20 })).returned, 20);
      // Hosts see the AC's own address, so their frames are for a foreign address on the client's link.
      for (const session of sessions) assertEquals(session.ac, ac.mac);
    }),
);

testUnless(
  skipped,
  "Client with --mac transparent warns and waits if its interface comes back as a macvlan in bridge mode",
  () =>
    withSites({ flags: ["--mac", "transparent"] }, async (sites) => {
      const { client, net, sites: [site] } = sites;
      const namespace = site.clientNamespace;
      await replaceByMacvlan(sites, "bridge");
      assertMatch(
        await client.untilLine(/Cannot capture/),
        /WARN.* lan0 with the addresses of other stations: it is a macvlan in bridge mode/,
      );
      await client.untilHealth(503);
      assertEquals((await client.status()).interfaceState, "down");

      await net.ip(namespace, "link", "del", "lan0");
      await net.macvlan({ namespace, name: "lan0" }, "low0", "passthru");
      await client.untilHealth(200);
      sites.ac();
      const { hosts: [host] } = await sites.dialMany(1);
      assertEquals((await host.exchange({ frames: 20 })).returned, 20);
      assertEquals((await client.status()).reconnects, 0);
      assertEquals(client.matching(/WARN.*Cannot capture/).length, 1);
    }),
);
