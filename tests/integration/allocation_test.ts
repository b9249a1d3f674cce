// The data path allocates nothing for a frame.

import { assert, assertEquals } from "@std/assert";
import { type Allocation, allocationsOf } from "../support/allocations.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { MOST_TURNS, TwoPlanes } from "../support/two_planes.ts";

const FRAMES = 200_000;
const BURST = 32;
/** The number of attempts, in case the machine stalls and frames grow too old to be carried. */
const ATTEMPTS = 5;
/** A turn reads the clock three times, and each reading is an object of 16 bytes, in each of two planes. */
const BYTES_A_FRAME = 8;

const noNet = whyNot("linux", "root", "iproute2", "namespaces");

for (
  const [frameBytes, options, words] of [
    [1514, {}, ""],
    [100, {}, ""],
    [1514, { smallPackets: true }, ", over a path that loses large packets"],
    [1514, { encrypted: true }, ", over TLS"],
    [100, { encrypted: true }, ", over TLS"],
  ] as const
) {
  testUnless(
    noNet,
    `DataPlane.step() allocates nothing for a frame of ${frameBytes} bytes${words}`,
    async () => {
      await using planes = await TwoPlanes.make(options);
      const sessions = planes.open(10);
      planes.hosts.prepare(sessions.map((session) => planes.fromHost(session, frameBytes)));
      planes.acs.prepare(sessions.map((session) => planes.fromAc(session, frameBytes)));
      let up = 0;
      let down = 0;
      const carry = (count: number) => {
        up = down = 0;
        for (let sent = 0; sent < count; sent += BURST) {
          planes.hosts.burst(BURST);
          planes.acs.burst(BURST);
          for (let turns = 0; up < sent + BURST || down < sent + BURST; turns++) {
            if (turns === MOST_TURNS) return;
            planes.step();
            up += planes.acs.takeData();
            down += planes.hosts.takeData();
          }
        }
      };
      // Warm up until everything is compiled, and each slot of the rings has its views.
      carry(32_000);
      let allocations: Allocation[] = [];
      for (let n = 0; n < ATTEMPTS && (n === 0 || up + down < FRAMES); n++) {
        allocations = await allocationsOf(() => carry(FRAMES / 2));
      }
      assertEquals([up, down], [FRAMES / 2, FRAMES / 2]);
      const bytes = allocations.reduce((sum, allocation) => sum + allocation.bytes, 0);
      const most = allocations.slice(0, 5).map(({ where, bytes }) => `${bytes} in ${where}`);
      assert(
        bytes < BYTES_A_FRAME * FRAMES,
        `${bytes / FRAMES} bytes for each frame: ${most.join(", ")}`,
      );
    },
  );
}
