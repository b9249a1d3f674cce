// The fairness of the data plane's turns: each is bounded, so no direction, lane or reader starves another.

import { assert, assertEquals } from "@std/assert";
import type { FromWorker } from "../../src/dataplane/messages.ts";
import {
  CODE,
  emitDiscovery,
  ETH_BROADCAST,
  LCP_CODE,
  PPP_PROTOCOL,
  readProtocol,
  readSessionId,
  TAG,
  textTag,
} from "../../src/wire/mod.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { type OpenSession, TwoPlanes } from "../support/two_planes.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");

/** More frames than one turn takes. */
const FLOOD = 3000;

function flood(planes: TwoPlanes, frame: Uint8Array): void {
  planes.hosts.prepare([frame]);
  for (let sent = 0; sent < FLOOD; sent += 60) planes.hosts.burst(60);
}

testUnless(noNet, "DataPlane.step() takes a bounded number of frames from the link", async () => {
  await using planes = await TwoPlanes.make();
  const [session] = planes.open(1);
  flood(planes, planes.fromHost(session, 100));
  planes.client.step(0);
  assertEquals(planes.client.totals().balance.fromLink.session.offered, 256);
});

testUnless(
  noNet,
  "DataPlane.step() takes a bounded number of frames from a tunnel",
  async () => {
    await using planes = await TwoPlanes.make();
    const [session] = planes.open(1);
    flood(planes, planes.fromHost(session, 60));
    const before = planes.counters.server.read().frames.fromTunnel.session;
    for (let i = 0; i < 20; i++) planes.client.step(0);
    let taken = before;
    // On a busy machine some may wait in the client, or for too long.
    const lost = () => planes.counters.client.read().drops["queue-delay"];
    for (let turns = 0; taken + lost() < FLOOD; turns++) {
      assert(turns < 10_000, `${taken} frames were taken`);
      planes.client.step(0);
      planes.server.step(0);
      const { session } = planes.counters.server.read().frames.fromTunnel;
      assert(session - taken <= 512, `${session - taken} frames in a turn`);
      taken = session;
    }
    assertEquals(planes.acs.takeData(), taken);
  },
);

testUnless(
  noNet,
  "DataPlane carries a frame from the tunnel at once during a flood from the link",
  async () => {
    await using planes = await TwoPlanes.make();
    const [session] = planes.open(1);
    flood(planes, planes.fromHost(session, 100));
    planes.acs.send(planes.fromAc(session, 100));
    let turns = 0;
    for (; planes.hosts.takeData() === 0; turns++) {
      assert(turns < 4, "the frame waits for the flood's end");
      planes.step();
    }
    assert(planes.client.totals().balance.fromLink.session.offered < FLOOD, "the flood goes on");
  },
);

testUnless(
  noNet,
  "DataPlane carries a control frame from the link ahead of waiting data",
  async () => {
    await using planes = await TwoPlanes.make();
    const [session] = planes.open(1);
    flood(planes, planes.fromHost(session, 100));
    const echo = planes.fromHost(session, 60, PPP_PROTOCOL.LCP);
    echo[22] = LCP_CODE.ECHO_REQUEST;
    planes.hosts.send(echo);
    planes.step();
    planes.step();
    const [first] = planes.acs.takeControl();
    assertEquals(readProtocol(first, 0), PPP_PROTOCOL.LCP);
    assert(planes.acs.takeData() < FLOOD / 2, "it arrived with the first data");
  },
);

testUnless(
  noNet,
  "DataPlane loses no LCP echo during a flood of data with a PPP protocol of one byte",
  async () => {
    await using planes = await TwoPlanes.make();
    const [session] = planes.open(1);
    // The protocol is 0xfd (compressed data); the next byte is the first byte of the data.
    const compressed = 0xfd80;
    const ways = [
      { from: planes.hosts, to: planes.acs, frame: planes.fromHost.bind(planes), side: "client" },
      { from: planes.acs, to: planes.hosts, frame: planes.fromAc.bind(planes), side: "server" },
    ] as const;
    for (const { from, to, frame, side } of ways) {
      // In the control lane, these would all be ahead of the echo.
      from.prepare([frame(session, 1400, compressed)]);
      for (let sent = 0; sent < FLOOD; sent += 60) from.burst(60);
      const echo = frame(session, 60, PPP_PROTOCOL.LCP);
      echo[22] = LCP_CODE.ECHO_REQUEST;
      from.send(echo);
      let taken: Uint8Array[] = [];
      let carried = 0;
      for (let turns = 0; taken.length === 0; turns++) {
        assert(turns < 100, `the echo does not come through at the ${side}`);
        planes.step();
        taken = to.takeControl();
        carried += to.takeData();
      }
      assertEquals(taken.map((bytes) => readProtocol(bytes)), [PPP_PROTOCOL.LCP]);
      assert(carried < FLOOD, "it arrived before the end of the flood");
      assertEquals(planes.counters[side].read().drops.kernel, 0);
    }
  },
);

testUnless(
  noNet,
  "DataPlane sends a snapshot in parts, and carries frames in between",
  async () => {
    await using planes = await TwoPlanes.make();
    const sessions = planes.open(300);
    planes.messages.client.length = 0;
    planes.client.query(7);
    const parts: Extract<FromWorker, { type: "snapshot" | "snapshot-part" }>[] = [];
    const frame = planes.fromHost(sessions[0], 100);
    let carried = 0;
    while (parts.at(-1)?.type !== "snapshot") {
      planes.hosts.send(frame);
      planes.step();
      planes.step();
      carried += planes.acs.takeData();
      for (const message of planes.messages.client.splice(0)) {
        if (message.type === "snapshot" || message.type === "snapshot-part") parts.push(message);
      }
      assert(carried < 50, "the snapshot does not end");
    }
    const lengths = parts.map(({ sessions }) => sessions.length);
    assert(lengths.length >= 3 && Math.max(...lengths) <= 128, `${lengths} sessions`);
    assert(parts.every(({ request }) => request === 7));
    const ids = parts.flatMap(({ sessions }) => sessions.map(({ sessionId }) => sessionId));
    assertEquals(new Set(ids).size, 300);
    assert(carried >= 2, `${carried} frames meanwhile`);
  },
);

for (const from of ["hosts", "acs"] as const) {
  testUnless(
    noNet,
    `DataPlane loses no LCP echo of a session while another one floods the ${from}' link with LCP`,
    async () => {
      await using planes = await TwoPlanes.make();
      const [flooding, other] = planes.open(2);
      const side = from === "hosts" ? "client" : "server";
      const [wire, far] = from === "hosts"
        ? [planes.hosts, planes.acs]
        : [planes.acs, planes.hosts];
      const frame = (session: OpenSession) => {
        const echo = from === "hosts"
          ? planes.fromHost(session, 60, PPP_PROTOCOL.LCP)
          : planes.fromAc(session, 60, PPP_PROTOCOL.LCP);
        echo[22] = LCP_CODE.ECHO_REQUEST;
        return echo;
      };
      wire.prepare([frame(flooding)]);
      const echo = frame(other);
      // The first frames show that it is a flood.
      for (let n = 0; n < 10; n++) {
        wire.burst(60);
        planes.step();
      }
      far.takeControl();
      const otherId = from === "hosts" ? other.acSessionId : other.sessionId;
      let arrived = 0;
      const take = () => {
        arrived += far.takeControl().filter((frame) => readSessionId(frame) === otherId).length;
        far.takeData();
      };
      for (let n = 0; n < 90; n++) {
        // These are more frames than the control lane has room for.
        for (let sent = 0; sent < 6000; sent += 60) wire.burst(60);
        wire.send(echo);
        for (let turn = 0; turn < 4; turn++) planes.step();
        take();
      }
      for (let turns = 0; arrived < 90 && turns < 1000; turns++) {
        planes.step();
        take();
      }
      assertEquals(arrived, 90);
      assert(planes.counters[side].read().controlAsData.fromLink > 500);
    },
  );
}

testUnless(
  noNet,
  "DataPlane lets a host that has dialled before dial again beside a flood of PADIs",
  async () => {
    await using planes = await TwoPlanes.make();
    const [first] = planes.open(1);
    const tags = [textTag(TAG.SERVICE_NAME, "")];
    const padi = (n: number) => {
      const source = Uint8Array.of(0x0a, 0, 0, n >>> 16, n >>> 8, n);
      const destination = ETH_BROADCAST;
      return emitDiscovery({ destination, source, code: CODE.PADI, sessionId: 0, tags });
    };
    const flooded = 26_000;
    let [at, offered] = [0, 0];
    const balance = () => planes.client.totals().balance.fromLink.discovery;
    for (let dials = 0; dials < 3; dials++) {
      const before = balance().offered;
      for (const end = at + flooded; at < end; at += 50) {
        planes.hosts.prepare(Array.from({ length: 50 }, (_, i) => padi(at + i)));
        planes.hosts.burst(50);
        planes.step();
        planes.acs.takeControl();
        // On a busy machine a turn has no time for all of them.
        const sent = 50 + at + flooded - end;
        for (let turns = 0; balance().offered - before < sent - 1000; turns++) {
          assert(turns < 1000, "the PADIs are not taken");
          planes.step();
        }
      }
      for (let turns = 0; balance().offered - before < flooded; turns++) {
        assert(turns < 10_000, "the PADIs are not taken");
        planes.step();
      }
      offered += balance().offered - before;
      const [again] = planes.open(1);
      assertEquals(again.hostMac, first.hostMac);
    }
    const { drops } = planes.counters.client.read();
    assertEquals([offered, drops.kernel], [3 * flooded, 0]);
    // Strangers may send 5000 at once, and 1000 per second.
    assert(drops["padi-rate"] > flooded, `${drops["padi-rate"]} dropped`);
    const { offered: all, carried, dropped, queued } = balance();
    assertEquals([all, dropped], [carried + dropped + queued, drops["padi-rate"]]);
  },
);
