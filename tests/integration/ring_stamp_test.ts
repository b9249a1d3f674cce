// Wrong stamps in the ring, and a wall clock that is set while frames wait.

import { assertEquals } from "@std/assert";
import { monotonicMs } from "../../ffi/clock.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { type OpenSession, TwoPlanes } from "../support/two_planes.ts";
import { until } from "../support/until.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");
const HOUR_MS = 3_600_000;
const FRAMES = 50;

async function untilCarried(planes: TwoPlanes, frames: number): Promise<void> {
  let carried = 0;
  await until(`${frames} frames are carried`, () => {
    planes.step();
    carried += planes.acs.takeData();
    return carried === frames;
  });
}

/** Sends frames with a certain stamp, which then wait in the client's ring. */
function sendStamped(planes: TwoPlanes, session: OpenSession, stampMs: () => number): void {
  using sender = planes.hosts.stamped();
  for (let i = 0; i < FRAMES; i++) sender.send(planes.fromHost(session, 200), stampMs());
}

const STAMPS: [string, () => number][] = [
  ["monotonic, as a TCP segment of the same machine has it on kernels 4.20 to 5.17", monotonicMs],
  ["an hour ahead", () => Date.now() + HOUR_MS],
  ["an hour ago", () => Date.now() - HOUR_MS],
];

for (const [stamp, stampMs] of STAMPS) {
  testUnless(noNet, `DataPlane carries frames whose stamp is ${stamp}`, async () => {
    await using planes = await TwoPlanes.make();
    const [session] = planes.open(1);
    // Send the frames one by one, then many at once with others between them.
    for (let i = 0; i < 10; i++) {
      using sender = planes.hosts.stamped();
      sender.send(planes.fromHost(session, 200), stampMs());
      await untilCarried(planes, 1);
    }
    planes.hosts.prepare([planes.fromHost(session, 100)]);
    planes.hosts.burst(FRAMES);
    sendStamped(planes, session, stampMs);
    planes.hosts.burst(FRAMES);
    await untilCarried(planes, 3 * FRAMES);
    assertEquals(planes.counters.client.read().drops["queue-delay"], 0);
  });
}

// The tests above depend on this behaviour.
testUnless(noNet, "DataLane returns the stamp with which a frame was sent", async () => {
  await using planes = await TwoPlanes.make();
  const [session] = planes.open(1);
  using witness = planes.witness("isp");
  using sender = planes.acs.stamped();
  sender.send(planes.fromAc(session, 200), 123_456);
  await until("the frame has arrived", () => witness.lane.next());
  assertEquals(witness.lane.timestampMs, 123_456);
});

for (const stepMs of [HOUR_MS, -HOUR_MS, 300, -300]) {
  const how = `${Math.abs(stepMs) / 1000} s ${stepMs < 0 ? "back" : "forward"}`;
  testUnless(
    noNet,
    `DataPlane drops nothing when the wall clock is set ${how} while frames wait`,
    async () => {
      let setMs = 0;
      const wall = () => Date.now() + setMs;
      await using planes = await TwoPlanes.make({ wall });
      const [session] = planes.open(1);
      for (let i = 0; i < 3; i++) {
        sendStamped(planes, session, wall);
        setMs += stepMs;
        sendStamped(planes, session, wall);
        await untilCarried(planes, 2 * FRAMES);
        sendStamped(planes, session, wall);
        await untilCarried(planes, FRAMES);
      }
      assertEquals(planes.counters.client.read().drops["queue-delay"], 0);
    },
  );
}

testUnless(
  noNet,
  "DataPlane drops frames that waited in the ring for seconds, even if the wall clock was set meanwhile",
  async () => {
    for (const stepMs of [HOUR_MS, -HOUR_MS]) {
      let setMs = 0;
      const wall = () => Date.now() + setMs;
      await using planes = await TwoPlanes.make({ wall });
      const [session] = planes.open(1);
      sendStamped(planes, session, wall);
      // Frames only grow old while time passes, so this wait is real.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      setMs = stepMs;
      planes.client.step(0);
      assertEquals(planes.counters.client.read().drops["queue-delay"], FRAMES);
      sendStamped(planes, session, wall);
      await untilCarried(planes, FRAMES);
    }
  },
);
