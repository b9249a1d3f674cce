// Frames with VLAN tags. A priority tag belongs to the untagged segment; every other tag does not.

import { assertEquals, assertMatch } from "@std/assert";
import { type Segment, SimulatedAc, SimulatedHost } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import {
  CODE,
  emitDiscovery,
  emitSession,
  ETH_BROADCAST,
  parseMac,
  PPP_PROTOCOL,
  readCode,
  TAG,
  textTag,
} from "../../src/wire/mod.ts";
import {
  padtsAt,
  untilPadts,
  variantName,
  variantOptions,
  VARIANTS,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const STRANGER = parseMac("02:00:00:00:ee:01");

/** Inserts tags after the addresses of a frame, each with a protocol and a value. */
function tagged(frame: Uint8Array, ...tags: [protocol: number, tci: number][]): Uint8Array {
  const bytes = tags.flatMap((
    [protocol, tci],
  ) => [protocol >> 8, protocol & 0xff, tci >> 8, tci & 0xff]);
  return Uint8Array.from([...frame.subarray(0, 12), ...bytes, ...frame.subarray(12)]);
}

/** A segment on which all frames have a tag with the highest priority and no VLAN. */
function prioritised(segment: Segment): Segment {
  return {
    send: (frame) => segment.send(tagged(frame, [0x8100, 0xe000])),
    listen: (listener) => segment.listen(listener),
  };
}

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `Server and Client carry priority-tagged frames as untagged ones ${variantName(variant)}`,
    () =>
      withSites(variantOptions(variant), async (sites) => {
        const { hosts, acs } = sites;
        const retry = { retryMs: patient(3000), attempts: 1 };
        const ac = new SimulatedAc(prioritised(acs), { mac: acs.mac, name: "bras1" });
        const host = new SimulatedHost(prioritised(hosts), { mac: hosts.mac, ...retry });
        try {
          const session = await host.dial();
          assertEquals(session.acName, "bras1");
          // Control and data frames go both ways.
          await host.echo();
          assertEquals((await host.exchange({ frames: 40 })).returned, 40);
          ac.hangUp([...ac.sessions.keys()][0]);
          assertEquals(await host.closed(), "ac");
          await host.dial();
          host.hangUp();
          await untilPadts(acs, 1);
          assertEquals(padtsAt(acs), 1);
          for (const program of [sites.client, sites.server]) {
            assertEquals(await program.drops(), {});
          }
        } finally {
          host.close();
          ac.close();
        }
      }),
  );
}

for (const mac of ["own", "transparent"] as const) {
  testUnless(
    skipped,
    `Client with --mac ${mac} drops and counts frames of a VLAN, and names the VLAN`,
    () =>
      withSites({ flags: ["--mac", mac] }, async ({ hosts, client, acs, clientInterface }) => {
        const padi = emitDiscovery({
          destination: ETH_BROADCAST,
          source: hosts.mac,
          code: CODE.PADI,
          sessionId: 0,
          tags: [textTag(TAG.SERVICE_NAME, "")],
        });
        const data = emitSession({
          destination: STRANGER,
          source: hosts.mac,
          sessionId: 1,
          protocol: PPP_PROTOCOL.IPV4,
          payload: new Uint8Array(1000),
        });
        const count = 40;
        for (let i = 0; i < count; i++) hosts.send(tagged(padi, [0x8100, 0x6007]));
        // The VLAN's tag may follow a provider's tag or a priority tag.
        hosts.send(tagged(padi, [0x88a8, 7], [0x8100, 9]));
        hosts.send(tagged(padi, [0x8100, 0xe000], [0x8100, 7]));
        // A frame for another station counts only if the client takes such frames.
        hosts.send(tagged(data, [0x8100, 7]));
        const wanted = count + 2 + (mac === "own" ? 0 : 1);
        await client.untilStatus(
          "frames of a VLAN are counted",
          ({ drops }) => drops.vlan >= wanted,
        );
        assertEquals(await client.drops(), { vlan: wanted });
        assertMatch(
          await client.untilLine(/VLAN/),
          new RegExp(
            `WARN.* Frames of VLAN 7 come to ${clientInterface}, and are dropped: .*` +
              `ip link add link ${clientInterface} name ${clientInterface}.7 type vlan id 7`,
          ),
        );
        // None of these frames was carried, and untagged frames still are.
        hosts.send(padi);
        await acs.log.waitFor(({ bytes }) => readCode(bytes) === CODE.PADI);
        assertEquals(acs.log.count("in", CODE.PADI), 1);
        assertEquals(client.matching(/VLAN/).length, 1);
      }),
  );
}
