// The ports of a relay, as far as they count.

import { assertEquals } from "@std/assert";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import { relayPorts, type RelaySurroundings } from "../../../src/dataplane/relay_ports.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { DROP } from "../../../src/relay/mod.ts";

Deno.test("The relay's drops count as offered and dropped in the direction that it names", () => {
  const counters = new Counters();
  const events = new EventBatch("client", false, () => 0, () => {});
  const ports = relayPorts({ counters, events } as unknown as RelaySurroundings);
  for (const from of ["link", "tunnel", "tunnel"] as const) ports.drop(DROP["padi-rate"], from);
  const none = { discovery: 0, session: 0 };
  const { fromLink, fromTunnel } = counters.balance({ fromLink: none, fromTunnel: none });
  const dropped = (count: number) => ({ offered: count, carried: 0, dropped: count, queued: 0 });
  assertEquals([fromLink.discovery, fromTunnel.discovery], [dropped(1), dropped(2)]);
  assertEquals([fromLink.session, fromTunnel.session], [dropped(0), dropped(0)]);
});
