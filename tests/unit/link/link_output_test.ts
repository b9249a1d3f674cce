// Frames for a link that is down, full, or has a small MTU.

import { assertEquals } from "@std/assert";
import { Pinned } from "../../../ffi/mod.ts";
import { EventBatch } from "../../../src/dataplane/event_batch.ts";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { LinkOutput } from "../../../src/link/link_output.ts";
import { MemoryLink } from "../../../src/link/memory.ts";
import { FRAME_PROBLEM_MS, frameTooLarge } from "../../../src/link/problems.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { MemoryDescriptors } from "../../../src/poll/memory.ts";
import { FATE, SessionTable } from "../../../src/relay/mod.ts";
import { CODE, emitDiscovery, emitSession, PPP_PROTOCOL } from "../../../src/wire/mod.ts";

const OURS = Uint8Array.of(2, 0, 0, 0, 0, 1);
const STATION = Uint8Array.of(2, 0, 0, 0, 0, 2);
/** An owner with an endless budget. */
const RICH = { controlFromTunnel: () => FATE.AHEAD };
const HEADER = { destination: STATION, source: OURS };

/** A link in memory, and everything that its output reports. */
class Bench {
  readonly sent: Uint8Array[] = [];
  readonly counters = new Counters();
  readonly journal: string[] = [];
  readonly link: MemoryLink;
  readonly output: LinkOutput;
  full = false;
  readonly #posted: FromWorker[] = [];
  readonly #events = new EventBatch("client", false, () => 0, (all) => this.#posted.push(...all));

  constructor() {
    this.link = new MemoryLink(new MemoryDescriptors(), {
      name: "eth1",
      mac: OURS,
      promiscuous: false,
      wall: () => 0,
      sent: (frame) => this.sent.push(frame),
      refuses: () => this.full,
    });
    this.output = new LinkOutput(this.link, this.counters, this.#events, {
      undelivered: () => this.journal.push("undelivered"),
      delivered: () => this.journal.push("delivered"),
    });
  }

  setLink(state: "up" | "down"): void {
    this.link.change({ state });
    this.link.refresh();
  }

  /** Returns the events since the last call. */
  told(): FromWorker[] {
    this.output.report();
    this.#events.flush();
    return this.#posted.splice(0);
  }

  get drops(): Record<string, number> {
    const drops = Object.entries(this.counters.read().drops);
    return Object.fromEntries(drops.filter(([, count]) => count > 0));
  }
}

function padt(sessionId: number): Uint8Array {
  return emitDiscovery({ ...HEADER, code: CODE.PADT, sessionId, tags: [] });
}

Deno.test("LinkOutput.deliver() sends undelivered PADTs, and records both", () => {
  const bench = new Bench();
  bench.setLink("down");
  bench.output.discovery(padt(7));
  bench.output.deliver(new SessionTable());
  assertEquals([bench.sent, bench.output.undelivered.length], [[], 1]);
  bench.setLink("up");
  bench.output.deliver(new SessionTable());
  assertEquals([bench.sent, bench.output.undelivered.length], [[padt(7)], 0]);
  assertEquals(bench.journal, ["undelivered", "delivered"]);
  assertEquals(bench.told(), [{ type: "padts", undelivered: 1, delivered: 1, givenUp: 0 }]);
  assertEquals(bench.counters.read().frames.fromTunnel.discovery, 1);
});

Deno.test("LinkOutput.deliver() gives up a PADT whose id now belongs to another session", () => {
  const bench = new Bench();
  bench.setLink("down");
  bench.output.discovery(padt(7));
  bench.setLink("up");
  const sessions = { atLinkAs: () => ({}) } as unknown as SessionTable;
  bench.output.deliver(sessions);
  assertEquals([bench.sent, bench.output.undelivered.length], [[], 0]);
  assertEquals(bench.told(), [{ type: "padts", undelivered: 1, delivered: 0, givenUp: 1 }]);
});

Deno.test("LinkOutput.discovery() keeps only PADTs for a link that is down", () => {
  const bench = new Bench();
  bench.setLink("down");
  bench.output.discovery(
    emitDiscovery({ ...HEADER, code: CODE.PADS, sessionId: 7, tags: [] }),
  );
  assertEquals(bench.output.undelivered.length, 0);
  assertEquals(bench.drops, { "link-down": 1 });
});

Deno.test("LinkOutput counts refused frames by reason", () => {
  const bench = new Bench();
  const frame = (bytes: number) => {
    const payload = new Uint8Array(bytes);
    return emitSession({ ...HEADER, sessionId: 7, protocol: PPP_PROTOCOL.IPV4, payload });
  };
  const push = (bytes: number) => {
    const memory = new Pinned(frame(bytes) as Uint8Array<ArrayBuffer>);
    const queued = bench.output.session(memory, 0, memory.bytes.length, RICH, 0);
    bench.output.flush();
    return queued;
  };
  assertEquals(push(1492), true);
  assertEquals(bench.drops, {});
  assertEquals(push(1493), true);
  assertEquals(bench.drops, { "frame-too-large": 1 });
  assertEquals(bench.told(), [
    { type: "problem", problem: frameTooLarge("eth1"), lastsMs: FRAME_PROBLEM_MS },
  ]);
  bench.full = true;
  assertEquals(push(100), true);
  assertEquals(bench.drops, { "frame-too-large": 1, "link-full": 1 });
  bench.setLink("down");
  assertEquals(push(100), false);
  assertEquals(bench.drops, { "frame-too-large": 1, "link-full": 1, "link-down": 1 });
  assertEquals(bench.sent.length, 1);
});

Deno.test("LinkOutput sends the control frames of a batch before the data frames", () => {
  const bench = new Bench();
  const frame = (protocol: number) =>
    new Pinned(
      emitSession({
        ...HEADER,
        sessionId: 7,
        protocol,
        payload: new Uint8Array(8),
      }) as Uint8Array<ArrayBuffer>,
    );
  const [data, control] = [frame(PPP_PROTOCOL.IPV4), frame(PPP_PROTOCOL.LCP)];
  for (const memory of [data, control]) {
    bench.output.session(memory, 0, memory.bytes.length, RICH, 0);
  }
  bench.output.flush();
  assertEquals(bench.sent, [control.bytes, data.bytes]);
});
