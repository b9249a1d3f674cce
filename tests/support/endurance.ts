// A check for memory leaks: opens and closes sessions, and carries frames, at full speed.

import v8 from "node:v8";
import vm from "node:vm";
import { MOST_TURNS, TwoPlanes } from "./two_planes.ts";

// V8 collects garbage late if there is plenty of memory, so garbage is collected before each measurement.
v8.setFlagsFromString("--expose-gc");
const collect: () => void = vm.runInNewContext("gc");

/** Options of {@linkcode endure}. */
export interface EnduranceOptions {
  sessions: number;
  /** The number of frames in both directions together. */
  frames: number;
  /** Called with each measurement. */
  look?: (memory: Memory) => void;
}

/** The memory of the process without garbage, after a number of sessions and frames. */
export interface Memory {
  sessions: number;
  frames: number;
  rssBytes: number;
  heapBytes: number;
}

/** The number of sessions that are open at once. */
const AT_ONCE = 200;
const BURST = 32;
const LOOKS = 20;

/** Runs both sides with simulated hosts and an AC in this process; returns all measurements. */
export async function endure(options: EnduranceOptions): Promise<Memory[]> {
  // The same hosts dial repeatedly, so the limit on dialling is off.
  const unlimited = { limits: { padiPerHost: 0 } };
  await using planes = await TwoPlanes.make({ client: unlimited, server: unlimited });
  const steady = planes.open(10);
  planes.hosts.prepare(steady.map((session) => planes.fromHost(session, 1514)));
  planes.acs.prepare(steady.map((session) => planes.fromAc(session, 1514)));
  const looks: Memory[] = [];
  let sessions = 0;
  let frames = 0;
  for (let look = 1; look <= LOOKS; look++) {
    for (; sessions < options.sessions * look / LOOKS; sessions += AT_ONCE) {
      planes.cycle(AT_ONCE);
      // Discard the events, which the main thread would have logged.
      planes.messages.client.length = planes.messages.server.length = 0;
    }
    let [up, down] = [frames / 2, frames / 2];
    while (frames < options.frames * look / LOOKS) {
      planes.hosts.burst(BURST);
      planes.acs.burst(BURST);
      frames += 2 * BURST;
      for (let turns = 0; up < frames / 2 || down < frames / 2; turns++) {
        // The frames are too old to be carried if the machine has stalled meanwhile.
        if (turns === MOST_TURNS) up = down = frames / 2;
        planes.step();
        up += planes.acs.takeData();
        down += planes.hosts.takeData();
      }
    }
    collect();
    const { rss: rssBytes, heapUsed: heapBytes } = Deno.memoryUsage();
    looks.push({ sessions, frames, rssBytes, heapBytes });
    options.look?.(looks.at(-1)!);
  }
  return looks;
}
