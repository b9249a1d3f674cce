// A million sessions opened and closed, and an hour's frames, as fast as it goes; prints what memory
// there is meanwhile. Needs root, and ip from iproute2.
//
//     deno run -A tests/bench/endurance.ts [SESSIONS [FRAMES]]

import { endure } from "../support/endurance.ts";
import { print } from "./output.ts";

/** An hour at 10,000 frames a second. */
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
