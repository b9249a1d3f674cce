// Whether memory stays what it is: sessions opened and closed, and frames carried, as fast as it goes.

import v8 from "node:v8";
import vm from "node:vm";
import { MOST_TURNS, TwoPlanes } from "./two_planes.ts";

// V8 leaves garbage where it is as long as there is plenty of memory: what counts is what is left of it.
v8.setFlagsFromString("--expose-gc");
const collect: () => void = vm.runInNewContext("gc");

/** How much to do. */
export interface EnduranceOptions {
  sessions: number;
  /** Both ways together. */
  frames: number;
  /** Told of each look at the memory. */
  look?: (memory: Memory) => void;
}

/** What the process has when its garbage is gone, after so many sessions and frames. */
export interface Memory {
  sessions: number;
  frames: number;
  rssBytes: number;
  heapBytes: number;
}

const AT_ONCE = 200;
const BURST = 32;
const LOOKS = 20;

/** Does it in this process, both sides of the tunnel with what stands for hosts and AC; gives every look. */
export async function endure(options: EnduranceOptions): Promise<Memory[]> {
  // The same hosts dial again and again.
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
      // Their log lines, which the main thread would have written.
      planes.messages.client.length = planes.messages.server.length = 0;
    }
    let [up, down] = [frames / 2, frames / 2];
    while (frames < options.frames * look / LOOKS) {
      planes.hosts.burst(BURST);
      planes.acs.burst(BURST);
      frames += 2 * BURST;
      for (let turns = 0; up < frames / 2 || down < frames / 2; turns++) {
        // Too old to be carried, where the machine stood still meanwhile.
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
