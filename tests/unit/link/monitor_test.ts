// The health of a link that goes down, changes, or has a small MTU.

import { assertEquals } from "@std/assert";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { MemoryLink } from "../../../src/link/memory.ts";
import { LinkMonitor } from "../../../src/link/monitor.ts";
import { FRAME_PROBLEM_MS, joinedFrames, smallMtu } from "../../../src/link/problems.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { MemoryDescriptors } from "../../../src/poll/memory.ts";

const OURS = Uint8Array.of(2, 0, 0, 0, 0, 1);
const MAC = "02:00:00:00:00:01";

class Bench {
  readonly counters = new Counters();
  readonly link: MemoryLink;
  readonly monitor: LinkMonitor;
  /** The number of calls of `onUp`. */
  ups = 0;
  readonly #posted: FromWorker[] = [];
  readonly #events = new EventBatch("client", false, () => 0, (all) => this.#posted.push(...all));

  constructor(mtu?: number) {
    this.link = new MemoryLink(new MemoryDescriptors(), {
      name: "eth1",
      mac: OURS,
      mtu,
      promiscuous: false,
      wall: () => 0,
      sent: () => {},
    });
    this.monitor = new LinkMonitor(this.link, this.counters, this.#events, () => this.ups++);
    this.monitor.start();
  }

  told(): FromWorker[] {
    this.#events.flush();
    return this.#posted.splice(0);
  }
}

Deno.test("LinkMonitor reports once that a link goes down, and once that it comes up", () => {
  const bench = new Bench();
  assertEquals(bench.told(), []);
  for (const state of ["down", "up"] as const) {
    bench.link.change({ state });
    bench.monitor.refresh();
    bench.monitor.tick(0);
    assertEquals(bench.told(), [{ type: "link", name: "eth1", state, mac: MAC }]);
  }
  assertEquals(bench.ups, 1);
});

Deno.test("LinkMonitor says why a link is down, and again once another reason lasts", () => {
  const bench = new Bench();
  bench.link.whyDown = "switched off";
  bench.link.change({ state: "down" });
  bench.monitor.refresh();
  const event = { type: "link", name: "eth1", state: "down", mac: MAC };
  assertEquals(bench.told() as unknown, [{ ...event, reason: "switched off" }]);
  bench.monitor.tick(0);
  bench.link.whyDown = "without a carrier";
  bench.monitor.tick(1000);
  assertEquals(bench.told(), []);
  bench.monitor.tick(2000);
  bench.monitor.tick(3000);
  assertEquals(bench.told() as unknown, [{ ...event, reason: "without a carrier" }]);
});

Deno.test("LinkMonitor waits for a reason to last, even if it did before the link was up", () => {
  const bench = new Bench();
  const event = { type: "link", name: "eth1", state: "down", mac: MAC };
  bench.link.whyDown = "without a carrier";
  bench.link.change({ state: "down" });
  bench.monitor.refresh();
  bench.monitor.tick(0);
  bench.link.change({ state: "up" });
  bench.monitor.refresh();
  bench.link.whyDown = "switched off";
  bench.link.change({ state: "down" });
  bench.monitor.refresh();
  bench.told();
  bench.link.whyDown = "without a carrier";
  bench.monitor.tick(1000);
  assertEquals(bench.told(), []);
  bench.monitor.tick(2000);
  assertEquals(bench.told() as unknown, [{ ...event, reason: "without a carrier" }]);
});

Deno.test("LinkMonitor.tick() notices a link that went down without a notification", () => {
  const bench = new Bench();
  bench.monitor.failed();
  assertEquals(bench.told().map((event) => event.type === "link" && event.state), ["down"]);
  bench.monitor.tick(0);
  assertEquals(bench.told().map((event) => event.type === "link" && event.state), ["up"]);
});

Deno.test("LinkMonitor calls its hook when the address has changed", () => {
  const bench = new Bench();
  bench.link.change({ mac: Uint8Array.of(2, 0, 0, 0, 0, 9) });
  bench.monitor.refresh();
  assertEquals([bench.ups, bench.told()], [1, []]);
});

Deno.test("LinkMonitor reports each small MTU once, and its end", () => {
  const bench = new Bench(1400);
  const begun = (mtu: number) => ({ type: "problem-begun", problem: smallMtu("eth1", mtu) });
  assertEquals(bench.told() as unknown, [begun(1400)]);
  for (const mtu of [1400, 1500, 1280]) {
    bench.link.change({ mtu });
    bench.monitor.refresh();
  }
  assertEquals(bench.told() as unknown, [
    { type: "problem-ended", id: "small-mtu" },
    begun(1280),
  ]);
});

Deno.test("LinkMonitor.tick() counts frames that the kernel lost since the last tick", () => {
  const bench = new Bench();
  for (const drops of [5, 5, 7]) {
    bench.link.kernelDrops = drops;
    bench.monitor.tick(0);
  }
  assertEquals(bench.counters.read().drops.kernel, 7);
});

Deno.test("LinkMonitor.frameTooLarge() counts each frame, and reports them at a limited rate", () => {
  const bench = new Bench();
  for (let n = 0; n < 3; n++) bench.monitor.frameTooLarge(4000);
  assertEquals(bench.counters.read().drops["frame-too-large"], 3);
  assertEquals(bench.told(), [
    { type: "problem", problem: joinedFrames("eth1", 4000), lastsMs: FRAME_PROBLEM_MS },
  ]);
});
