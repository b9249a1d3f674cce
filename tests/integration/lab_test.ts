// Tests of the lab itself: a host and an AC with only a veth pair between them.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { httpGet, SimulatedAc, SimulatedHost, Station } from "../../src/lab/mod.ts";
import { CODE, parseMac, PPP_PROTOCOL, readCode, TAG } from "../../src/wire/mod.ts";
import { TestNet } from "../support/namespaces.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "namespaces", "iproute2");
const HOSTS = [1, 2, 3].map((n) => parseMac(`02:00:00:00:00:0${n}`));

interface Segment {
  hosts: Station;
  acs: Station;
}

async function withSegment(
  options: { padding?: boolean },
  use: (segment: Segment) => Promise<void>,
): Promise<void> {
  await using net = await TestNet.make("lab");
  const [host, ac] = [await net.namespace("host"), await net.namespace("ac")];
  await net.veth({ namespace: host, name: "lan0" }, { namespace: ac, name: "isp0" });
  const hosts = Station.open({ namespace: net.path(host), interface: "lan0", ...options });
  const acs = Station.open({ namespace: net.path(ac), interface: "isp0", ...options });
  try {
    await use({ hosts, acs });
  } finally {
    await hosts.close();
    await acs.close();
  }
}

testUnless(
  skipped,
  "SimulatedHost and SimulatedAc carry 2000 frames over a veth pair",
  () =>
    withSegment({}, async ({ hosts, acs }) => {
      const host = new SimulatedHost(hosts, { mac: hosts.mac, hostUniq: new Uint8Array([1, 2]) });
      const ac = new SimulatedAc(acs, { mac: acs.mac, name: "bras1" });
      const session = await host.dial();
      assertEquals(session.ac, acs.mac);
      const result = await host.exchange({ frames: 2000, payloadLength: () => 1400 });
      assertEquals(result.returned, 2000);
      assertEquals(result.bytesReturned, 2000 * 1400);
      assertEquals(ac.sessions.get(session.sessionId)?.corrupted, 0);
      assertEquals(hosts.drops() + acs.drops(), 0);
      assert(await host.echo() > 0);
      host.hangUp();
      await acs.log.waitFor(({ direction, bytes }) =>
        direction === "in" && readCode(bytes) === CODE.PADT
      );
      assertEquals(ac.sessions.size, 0);
    }),
);

testUnless(
  skipped,
  "SimulatedHost and SimulatedAc ignore padding",
  () =>
    withSegment({ padding: true }, async ({ hosts, acs }) => {
      const host = new SimulatedHost(hosts, { mac: hosts.mac });
      const ac = new SimulatedAc(acs, { mac: acs.mac, name: "bras1" });
      const { sessionId } = await host.dial();
      assertEquals(hosts.log.frames.every(({ bytes }) => bytes.length >= 60), true);
      const result = await host.exchange({ frames: 30, payloadLength: (number) => 8 + number });
      assertEquals(result.returned, 30);
      await host.echo();
      ac.hangUp(sessionId);
      assertEquals(await host.closed(), "ac");
    }),
);

testUnless(
  skipped,
  "SimulatedHost.dial() works for several hosts with different addresses at once",
  () =>
    withSegment({}, async ({ hosts, acs }) => {
      const ac = new SimulatedAc(acs, { mac: acs.mac, name: "bras1" });
      const dialling = HOSTS.map((mac) => new SimulatedHost(hosts, { mac }));
      await Promise.all(dialling.map((host) => host.dial()));
      const seen = [...ac.sessions.values()].map((session) => session.host);
      assertEquals(seen, HOSTS);
      const results = await Promise.all(dialling.map((host) => host.exchange({ frames: 100 })));
      assertEquals(results.map(({ returned }) => returned), [100, 100, 100]);
    }),
);

testUnless(
  skipped,
  "SimulatedHost.dial() can choose between two ACs on one interface",
  () =>
    withSegment({}, async ({ hosts, acs }) => {
      const [first, second] = HOSTS.slice(0, 2).map((mac, n) =>
        new SimulatedAc(acs, { mac, name: `bras${n + 1}`, firstSessionId: 7 })
      );
      const host = new SimulatedHost(hosts, { mac: hosts.mac, acName: "bras2" });
      const session = await host.dial();
      assertEquals(session.sessionId, 7);
      assertEquals(session.ac, second.mac);
      assertEquals(first.sessions.size, 0);
    }),
);

testUnless(
  skipped,
  "SimulatedHost.dial() rejects over a veth pair when the AC refuses",
  () =>
    withSegment({}, async ({ hosts, acs }) => {
      const refusal = { tag: TAG.SERVICE_NAME_ERROR, text: "closed today" };
      new SimulatedAc(acs, { mac: acs.mac, name: "bras1", refusal });
      const host = new SimulatedHost(hosts, { mac: hosts.mac });
      await assertRejects(() => host.dial(), Error, "refused: closed today");
    }),
);

testUnless(
  skipped,
  "SimulatedAc.send() reaches the host's onData",
  () =>
    withSegment({}, async ({ hosts, acs }) => {
      const ac = new SimulatedAc(acs, { mac: acs.mac, name: "bras1" });
      const host = new SimulatedHost(hosts, { mac: hosts.mac });
      const { sessionId } = await host.dial();
      const received = Promise.withResolvers<unknown>();
      host.onData = (payload, protocol) => received.resolve({ payload, protocol });
      const payload = new Uint8Array([1, 2, 3]);
      ac.send(sessionId, payload, PPP_PROTOCOL.IPV6);
      assertEquals(await received.promise, { payload, protocol: PPP_PROTOCOL.IPV6 });
    }),
);

testUnless(skipped, "Station.open() throws when there is no such interface", async () => {
  await using net = await TestNet.make("lab");
  const namespace = net.path(await net.namespace("host"));
  await assertRejects(
    async () => await Station.open({ namespace, interface: "lan0" }).close(),
    Error,
    "Cannot open lan0: No such device",
  );
});

testUnless(
  skipped,
  "httpGet() reaches a server on a namespace's own loopback, and only there",
  async () => {
    await using net = await TestNet.make("lab");
    const [there, elsewhere] = [await net.namespace("there"), await net.namespace("elsewhere")];
    const port = 8080;
    const server = inNamespace(net.path(there), () =>
      Deno.serve(
        { hostname: "127.0.0.1", port, onListen: () => {} },
        (request) =>
          new Response(`you asked for ${new URL(request.url).pathname}`, { status: 503 }),
      ));
    const address = { hostname: "127.0.0.1", port };
    try {
      assertEquals(await httpGet(net.path(there), address, "/healthz"), {
        status: 503,
        body: "you asked for /healthz",
      });
      await assertRejects(
        () => httpGet(net.path(elsewhere), address, "/healthz"),
        Deno.errors.ConnectionRefused,
      );
    } finally {
      await server.shutdown();
    }
  },
);
