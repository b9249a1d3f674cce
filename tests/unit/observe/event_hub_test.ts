// Tests of server-sent events: what they say, to whom, and at what cost.

import { assert, assertEquals } from "@std/assert";
import { faultIn } from "../../../src/observe/api/schema.ts";
import { SCHEMAS } from "../../../src/observe/api/schemas.ts";
import { EventHub } from "../../../src/observe/event_hub.ts";
import { HttpStream } from "../../../src/observe/http_stream.ts";
import type { StatusSummary } from "../../../src/observe/status.ts";
import { aSource, ServedApi } from "../../support/api.ts";
import { aStatus, directions } from "../../support/status.ts";

const SESSION = { id: 17, ac: "02:00:00:00:00:a1", host: "02:00:00:00:00:11", tunnel: "osaka" };

/** An event as a client reads it. */
interface ReadEvent {
  id: number;
  type: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** A client of a hub that has no connection. */
class Listener {
  readonly stream: HttpStream;
  #text = "";

  constructor(hub: EventHub, maxBytes = 1_000_000) {
    this.stream = new HttpStream(maxBytes);
    hub.listen(this.stream);
  }

  /** Waits for the next event. */
  async next(): Promise<ReadEvent> {
    while (true) {
      const [block, ...rest] = this.#text.split("\n\n");
      if (rest.length === 0) {
        for (const bytes of await this.stream.take() ?? []) {
          this.#text += new TextDecoder().decode(bytes);
        }
        if (this.stream.isOver) throw new Error("The stream is over");
        continue;
      }
      this.#text = rest.join("\n\n");
      const [, id, type, json] = /^id: (\d+)\nevent: ([\w-]+)\ndata: ([^\r\n]*)$/.exec(block) ?? [];
      if (id !== undefined) return { id: Number(id), type, data: JSON.parse(json) };
    }
  }
}

/** A hub with the number of summaries that it has asked for. */
class AskedHub {
  asked = 0;
  failures = 0;
  summary: () => Promise<StatusSummary> = () => Promise.resolve(aStatus());
  readonly hub = new EventHub({
    summary: () => {
      this.asked++;
      return this.summary();
    },
    failed: () => void this.failures++,
  });
}

Deno.test("EventHub sends a summary at once, then every second, with the rates since the one before", async () => {
  const asked = new AskedHub();
  let frames = 100;
  asked.summary = () => {
    frames *= 2;
    const counts = { discovery: 0, session: frames };
    return Promise.resolve(aStatus({
      frames: directions(counts, { discovery: 0, session: 7 }),
      bytes: directions({ discovery: 0, session: 100 * frames }, { discovery: 0, session: 700 }),
      sessionCounts: { open: 3, held: 1 },
    }));
  };
  const listener = new Listener(asked.hub);
  const first = await listener.next();
  assertEquals([first.type, first.data.rates, first.data.droppedPerSecond], ["status", null, null]);
  assertEquals(first.data.sessionCounts, { open: 3, held: 1 });
  assertEquals(first.data.tunnelCount, 2);
  assertEquals("sessions" in first.data, false);
  const second = await listener.next();
  assertEquals(second.id, first.id + 1);
  const { fromLink, fromTunnel } = second.data.rates;
  assert(fromLink.framesPerSecond > 0 && fromLink.framesPerSecond <= 200);
  // Each frame has 100 bytes; both rates are rounded.
  assert(Math.abs(fromLink.bitsPerSecond - 800 * fromLink.framesPerSecond) <= 800);
  assertEquals(fromTunnel, { framesPerSecond: 0, bitsPerSecond: 0 });
  assertEquals(second.data.droppedPerSecond, 0);
  for (const { data } of [first, second]) {
    assertEquals(faultIn(SCHEMAS.StatusEvent, data, SCHEMAS), undefined);
  }
  asked.hub.close();
});

Deno.test("EventHub lists at most a hundred tunnels in a summary, and counts all", async () => {
  const asked = new AskedHub();
  const [tunnel] = aStatus().tunnels;
  asked.summary = () => Promise.resolve(aStatus({ tunnels: Array(1000).fill(tunnel) }));
  const { data } = await new Listener(asked.hub).next();
  assertEquals([data.tunnels.length, data.tunnelCount], [100, 1000]);
  asked.hub.close();
});

Deno.test("EventHub asks for nothing while nobody listens, and once for all who listen", async () => {
  const asked = new AskedHub();
  const { hub } = asked;
  hub.publish({ type: "session-opened", session: SESSION });
  assertEquals(asked.asked, 0);
  const listeners = [new Listener(hub), new Listener(hub), new Listener(hub)];
  const firsts = await Promise.all(listeners.map((listener) => listener.next()));
  assertEquals(new Set(firsts.map(({ id }) => id)).size, 1);
  assertEquals(asked.asked, 1);
  const late = new Listener(hub);
  // One that comes later has the last summary at once.
  assertEquals((await late.next()).data.sessionCounts, { open: 1, held: 0 });
  assertEquals([asked.asked, hub.listeners], [1, 4]);
  for (const { stream } of [...listeners, late]) stream.end();
  assertEquals(hub.listeners, 0);
  // The test would fail with a timer that is left.
});

Deno.test("EventHub passes on events with session ids as they are written everywhere", async () => {
  const { hub } = new AskedHub();
  const listener = new Listener(hub);
  await listener.next();
  hub.publish({ type: "session-opened", session: SESSION });
  hub.publish({
    type: "session-closed",
    session: SESSION,
    end: { cause: "closed-by-operator" },
    seconds: 7,
    counts: { framesFromLink: 1, framesFromTunnel: 2, bytesFromLink: 3, bytesFromTunnel: 4 },
  });
  hub.publish({ type: "tunnel-down", id: 1, reason: "closed", cause: "peer-closed" });
  const opened = await listener.next();
  const session = { ...SESSION, id: "0x0011" };
  assertEquals([opened.type, opened.data.session], ["session-opened", session]);
  assert(Math.abs(Date.parse(opened.data.time) - Date.now()) < 60_000);
  const closed = await listener.next();
  assertEquals([closed.type, closed.data.session], ["session-closed", session]);
  assertEquals(closed.data.end, { cause: "closed-by-operator" });
  assertEquals([closed.id, (await listener.next()).type], [opened.id + 1, "tunnel-down"]);
  hub.close();
});

Deno.test("EventHub tells the begin and the end of each problem that is shown, and of no other", async () => {
  const { hub } = new AskedHub();
  const listener = new Listener(hub);
  await listener.next();
  const words = { what: "No AC answers", advice: "look" };
  hub.publish({ type: "problem-begun", problem: { id: "no-ac", ...words } });
  hub.publish({ type: "problem", problem: { id: "loop", ...words } });
  hub.publish({ type: "problem-ended", id: "no-ac" });
  const problem = {
    id: "no-ac",
    since: "2026-01-31T12:00:00.000Z",
    ...words,
    blocks: true,
  } as const;
  hub.publishProblem({ began: true, problem, seconds: 0 });
  hub.publishProblem({ began: false, problem, seconds: 9 });
  const [begun, ended] = [await listener.next(), await listener.next()];
  assertEquals([begun.type, begun.data.problem], ["problem-begun", problem]);
  assertEquals([ended.type, ended.data.problem, ended.data.seconds], ["problem-ended", problem, 9]);
  hub.close();
});

Deno.test("EventHub keeps an event on one line, whatever a name contains", async () => {
  const { hub } = new AskedHub();
  const listener = new Listener(hub);
  await listener.next();
  const tunnel = "a\n\nevent: x\rdata: y\u2028";
  hub.publish({ type: "session-opened", session: { ...SESSION, tunnel } });
  assertEquals((await listener.next()).data.session.tunnel, tunnel);
  hub.close();
});

Deno.test("EventHub ends those who do not take their events, and no others", async () => {
  const { hub } = new AskedHub();
  const slow = new Listener(hub, 4000);
  const quick = new Listener(hub);
  await quick.next();
  for (let n = 0; n < 100; n++) hub.publish({ type: "session-opened", session: SESSION });
  assertEquals([slow.stream.isOver, quick.stream.isOver, hub.listeners], [true, false, 1]);
  for (let n = 0; n < 100; n++) assertEquals((await quick.next()).type, "session-opened");
  hub.close();
});

Deno.test("EventHub goes on after a summary that has failed", async () => {
  const asked = new AskedHub();
  asked.summary = () => {
    asked.summary = () => Promise.resolve(aStatus());
    return Promise.reject(new Error("late"));
  };
  assertEquals((await new Listener(asked.hub).next()).type, "status");
  assertEquals(asked.failures, 1);
  asked.hub.close();
});

Deno.test("GET /api/events answers at most sixteen clients at a time", async () => {
  await using served = await ServedApi.start(aSource());
  const url = `http://127.0.0.1:${served.endpoint.port}/api/events`;
  const responses: Response[] = [];
  while (responses.length < 16) responses.push(await fetch(url));
  assertEquals(responses.map(({ status }) => status), Array(16).fill(200));
  assertEquals(responses[0].headers.get("content-type"), "text/event-stream");
  const refused = await fetch(url);
  assertEquals([refused.status, await refused.text()], [
    503,
    "Too many clients listen already; try again later\n",
  ]);
  for (const { body } of responses) await body?.cancel();
});
