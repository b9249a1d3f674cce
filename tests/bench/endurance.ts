// Opens and closes a million sessions and carries an hour's frames as fast as possible, and prints the
// memory use meanwhile. Needs root, and ip from iproute2.
//
//     deno run -A tests/bench/endurance.ts [SESSIONS [FRAMES]]

import { endure } from "../support/endurance.ts";
import { print } from "./output.ts";

/** Number of frames in an hour at 10,000 frames per second. */
const HOUR = 36_000_000;

const [sessions = 1_000_000, frames = HOUR] = Deno.args.map(Number);
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1).padStart(7);
print("sessions   frames       RSS MiB  heap MiB");
await endure({
  sessions,
  frames,
  look: ({ sessions, frames, rssBytes, heapBytes }) =>
    print(
      `${`${sessions}`.padStart(8)}  ${`${frames}`.padStart(9)}  ${mib(rssBytes)}  ${
        mib(heapBytes)
      }`,
    ),
});
