// The sessions of several clients and ACs, with stations that have the same address.
import { assert, assertEquals } from "@std/assert";
import type { Offer, SimulatedAc, SimulatedHost } from "../../src/lab/mod.ts";
import { CODE, ETH_P_PPP_SES, parseMac, readEtherType } from "../../src/wire/mod.ts";
import {
  type Sites,
  untilPadts,
  variantName,
  variantOptions,
  VARIANTS,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const HOST = parseMac("02:00:00:00:cc:01");
const HOST_2 = parseMac("02:00:00:00:cc:02");
const ACS = [parseMac("02:00:00:00:ac:01"), parseMac("02:00:00:00:ac:02")];
const FRAMES = 200;

/** The hosts of two clients, with the same address unless both appear on the AC's Ethernet. */
function twoMacs({ mac }: { mac: string }): [Uint8Array, Uint8Array] {
  return [HOST, mac === "transparent" ? HOST_2 : HOST];
}

/** Two ACs on the server's segment, with the same session ids. */
function twoAcs(sites: Sites): SimulatedAc[] {
  return ACS.map((mac, n) => sites.ac({ mac, name: `bras${n + 1}`, firstSessionId: 7 }));
}

function sessionIds(ac: SimulatedAc): number[] {
  return [...ac.sessions.keys()];
}

function collecting(acName: string) {
  const choose = (offers: readonly Offer[]) => offers.find((offer) => offer.acName === acName)!;
  return { offerWaitMs: 200, choose };
}

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `Server gives each of two clients ${variantName(variant)} only its own frames`,
    () =>
      withSites(
        { ...variantOptions(variant), clients: 2, log: { data: true, limit: 10_000 } },
        async (sites) => {
          const [first, second] = twoAcs(sites);
          const macs = twoMacs(variant);
          const [one, two] = sites.sites.map((site, n) => {
            const alike = { hostUniq: Uint8Array.of(0xab, 0xcd) };
            return sites.host({ ...alike, mac: macs[n], acName: `bras${n + 1}` }, site);
          });
          const [linkOne, linkTwo] = sites.sites.map(({ hosts }) => hosts.log);

          await one.dial();
          for (const { hosts } of sites.sites) await sites.settled(hosts);
          const heard = linkOne.frames.filter(({ direction }) => direction === "in");
          assertEquals(linkOne.count("in", CODE.PADS), 1);
          assertEquals(linkTwo.count("in", CODE.PADO) + linkTwo.count("in", CODE.PADS), 0);

          await two.dial();
          for (const { hosts } of sites.sites) await sites.settled(hosts);
          const heardNow = linkOne.frames.filter(({ direction }) => direction === "in");
          // Only the marker of the second wait arrives.
          assertEquals(heardNow.length, heard.length + 1);

          // The frames differ only in length.
          const lengths = [400, 500];
          const results = await Promise.all(
            [one, two].map((host, n) =>
              host.exchange({ frames: FRAMES, payloadLength: () => lengths[n] })
            ),
          );
          assertEquals(results.map(({ returned }) => returned), [FRAMES, FRAMES]);
          for (const { hosts } of sites.sites) await sites.settled(hosts);
          [linkOne, linkTwo].forEach((log, n) => {
            const data = log.frames.filter(({ direction, bytes }) =>
              direction === "in" && readEtherType(bytes) === ETH_P_PPP_SES
            );
            assertEquals(data.length, FRAMES);
            assertEquals(data.filter(({ bytes }) => bytes.length !== 22 + lengths[n]), []);
          });

          // Each host learns only of its own session's end.
          assertEquals([sessionIds(first), sessionIds(second)], [[7], [7]]);
          second.hangUp(7);
          assertEquals(await two.closed(), "ac");
          assertEquals(one.protocol.state, "open");
          one.hangUp();
          await untilPadts(sites.acs, 1);
          assertEquals(sessionIds(first), []);
          assertEquals(linkOne.count("in", CODE.PADT), 0);
          assertEquals(linkTwo.count("in", CODE.PADT), 1);
        },
      ),
  );

  testUnless(
    skipped,
    `Server gives two clients ${variantName(variant)} sessions of one AC at once`,
    () =>
      withSites({ ...variantOptions(variant), clients: 2 }, async (sites) => {
        const ac = sites.ac();
        const macs = twoMacs(variant);
        const hosts = sites.sites.map((site, n) =>
          sites.host({ mac: macs[n], hostUniq: Uint8Array.of(1) }, site)
        );
        // Both discoveries go on at the same time.
        await Promise.all(hosts.map((host) => host.dial()));
        assertEquals(sessionIds(ac), [1, 2]);
        const results = await Promise.all(hosts.map((host) => host.exchange({ frames: FRAMES })));
        assertEquals(results.map(({ returned }) => returned), [FRAMES, FRAMES]);
        const status = await sites.server.untilCarried();
        assertEquals(status.tunnels.length, 2);
        assertEquals(status.sessions.map(({ framesUp }) => framesUp), [FRAMES, FRAMES]);
      }),
  );

  testUnless(
    skipped,
    `Server and Client let a host ${variantName(variant)} choose between two ACs`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const acs = twoAcs(sites);
        for (const name of ["bras2", "bras1"]) {
          const host = sites.host({ mac: HOST, ...collecting(name) });
          assertEquals((await host.dial()).acName, name);
          assertEquals(host.offers.map(({ acName }) => acName).toSorted(), ["bras1", "bras2"]);
          assertEquals((await host.exchange({ frames: 20 })).returned, 20);
          const chosen = acs[name === "bras1" ? 0 : 1];
          assertEquals(acs.map((ac) => ac.sessions.size), acs.map((ac) => ac === chosen ? 1 : 0));
          host.hangUp();
          await untilPadts(sites.acs, name === "bras1" ? 2 : 1);
          host.close();
        }
        assertEquals(acs.map((ac) => ac.closed.length), [1, 1]);
      }),
  );

  testUnless(
    skipped,
    `Server and Client carry two sessions of one host ${variantName(variant)} with the same id`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const [first, second] = twoAcs(sites);
        const hosts: SimulatedHost[] = [];
        for (const n of [1, 2]) {
          const host = sites.host({ mac: HOST, hostUniq: Uint8Array.of(n), acName: `bras${n}` });
          await host.dial();
          hosts.push(host);
        }
        assertEquals([sessionIds(first), sessionIds(second)], [[7], [7]]);
        const ids = hosts.map((host) => host.protocol.sessionId);
        if (variant.mac !== "own") assertEquals(ids, [7, 7]);
        else assert(ids[0] !== ids[1], `${ids}`);
        // A host that sees one address for both ACs distinguishes its sessions only by their ids.
        const results = await Promise.all(hosts.map((host) => host.exchange({ frames: FRAMES })));
        assertEquals(results.map(({ returned }) => returned), [FRAMES, FRAMES]);
        const { sessions } = await sites.client.status();
        assertEquals(sessions.map(({ sessionId }) => sessionId), [7, 7]);

        second.hangUp(7);
        assertEquals(await hosts[1].closed(), "ac");
        assertEquals((await hosts[0].exchange({ frames: 20 })).returned, 20);
        hosts[0].hangUp();
        await untilPadts(sites.acs, 1);
        assertEquals(sessionIds(first), []);
        assertEquals(first.closed.map(({ closedBy }) => closedBy), ["host"]);
      }),
  );
}
