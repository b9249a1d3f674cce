// Sessions that are silent: on both sides, and on one.

import { assertEquals } from "@std/assert";
import { TICK_MS } from "../../../src/relay/mod.ts";
import {
  AC,
  CLIENT_LINK,
  data,
  discovery,
  HOST,
  JoinedRelays,
  type RecordedRelay,
  SERVER_LINK,
} from "../../support/relays.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A session with id 1, opened at 0 s, of which the client's side is looked at. */
class Line {
  readonly client: RecordedRelay;
  readonly #joined: JoinedRelays;
  #tickMs = TICK_MS;

  constructor(options: { idleMs: number; deadMs: number }) {
    this.#joined = new JoinedRelays(options);
    this.#joined.dial({ sessionId: 1 });
    this.client = this.#joined.client;
    this.client.takeTunnel();
  }

  get nowMs(): number {
    return this.#joined.nowMs;
  }

  get open(): boolean {
    return this.client.sessions.length === 1;
  }

  get reasons(): string[] {
    return this.client.closed.map(({ reason }) => reason);
  }

  /** Lets the time pass, with a look at each tick up to then. */
  until(ms: number): void {
    this.#before(ms);
    if (this.#tickMs === ms) this.#tick();
  }

  host(atMs = this.nowMs): void {
    this.#before(atMs);
    this.client.relay.sessionFromLink(data(HOST, CLIENT_LINK, 1), 0, atMs);
  }

  ac(atMs = this.nowMs): void {
    this.#before(atMs);
    this.client.relay.sessionFromTunnel(1, data(AC, HOST, 1), 0, atMs);
  }

  // What comes at the time of a tick comes before it.
  #before(ms: number): void {
    while (this.#tickMs < ms) this.#tick();
    this.#joined.nowMs = ms;
  }

  #tick(): void {
    this.#joined.nowMs = this.#tickMs;
    this.client.relay.tick(this.#tickMs);
    this.#tickMs += TICK_MS;
  }
}

Deno.test("Relay.tick() closes an idle session at the time-out, and tells both stations", () => {
  const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
  line.until(30 * MINUTE_MS - TICK_MS);
  assertEquals(line.open, true);
  line.until(30 * MINUTE_MS);
  assertEquals(line.reasons, ["idle"]);
  assertEquals(line.client.link, [discovery("PADT", CLIENT_LINK, HOST, [], 1)]);
  assertEquals(line.client.tunnel, [{ tunnel: 1, frame: discovery("PADT", HOST, AC, [], 1) }]);
});

for (const side of ["host", "ac"] as const) {
  Deno.test(`Relay.tick() counts the idle time from the last frame, of the ${side}`, () => {
    const line = new Line({ idleMs: 10 * MINUTE_MS, deadMs: 0 });
    line[side](9 * MINUTE_MS);
    line.until(19 * MINUTE_MS - TICK_MS);
    assertEquals(line.open, true);
    line.until(19 * MINUTE_MS);
    assertEquals(line.reasons, ["idle"]);
  });
}

Deno.test("Relay.tick() takes a session's discovery frames for signs of life", () => {
  const line = new Line({ idleMs: 10 * MINUTE_MS, deadMs: 0 });
  line.until(9 * MINUTE_MS);
  const { relay } = line.client;
  relay.discoveryFromLink(discovery("PADG", HOST, CLIENT_LINK, [], 1), line.nowMs);
  line.until(18 * MINUTE_MS);
  relay.discoveryFromTunnel(1, discovery("PADQ", AC, HOST, [], 1), line.nowMs);
  line.until(28 * MINUTE_MS - TICK_MS);
  assertEquals(line.open, true);
});

for (const side of ["host", "ac"] as const) {
  for (const everyMs of [SECOND_MS / 10, SECOND_MS, 30 * SECOND_MS]) {
    Deno.test(`Relay.tick() closes a session in which only the ${side} talks, every ${everyMs} ms`, () => {
      const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
      line.host(MINUTE_MS);
      line.ac();
      const from = 10 * MINUTE_MS;
      for (let at = from; at < from + 3 * MINUTE_MS - TICK_MS; at += everyMs) line[side](at);
      assertEquals(line.open, true);
      line[side](from + 3 * MINUTE_MS);
      line[side](from + 3 * MINUTE_MS + everyMs);
      line.until(from + 3 * MINUTE_MS + everyMs + 2 * TICK_MS);
      assertEquals(line.reasons, ["one side is silent"]);
      assertEquals(line.client.link.length, 1);
      assertEquals(line.client.tunnel.length, 1);
    });
  }
}

Deno.test("Relay.tick() keeps a session in which the other side answers in time", () => {
  const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
  for (let at = MINUTE_MS; at < 2 * HOUR_MS; at += 10 * SECOND_MS) {
    line.host(at);
    if (at % (2 * MINUTE_MS) === 0) line.ac();
  }
  assertEquals(line.reasons, []);
});

Deno.test("Relay.tick() keeps a session whose echoes and replies fall on two sides of each tick", () => {
  for (const everyMs of [SECOND_MS, 5 * SECOND_MS, 30 * SECOND_MS]) {
    const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
    for (let at = MINUTE_MS; at < HOUR_MS; at += everyMs) {
      line.host(at - 1);
      line.ac(at + 1);
    }
    assertEquals(line.reasons, []);
  }
});

Deno.test("Relay.tick() keeps a session with frames at the very time of the ticks", () => {
  const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
  for (let at = MINUTE_MS; at < HOUR_MS; at += SECOND_MS) {
    line.host(at);
    line.ac(at);
  }
  assertEquals(line.reasons, []);
});

Deno.test("Relay.tick() does not count the silence of both as one side's", () => {
  const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
  // The end of one exchange and the start of the next, each cut off by a tick.
  for (let at = MINUTE_MS; at < 2 * HOUR_MS; at += 5 * MINUTE_MS) {
    line.host(at - 1);
    line.ac(at + 1);
    line.host(at + SECOND_MS + 1);
    line.until(at + 2 * SECOND_MS);
  }
  assertEquals(line.reasons, []);
});

Deno.test("Relay.tick() closes nothing for a time-out of 0", () => {
  const line = new Line({ idleMs: 0, deadMs: 0 });
  line.until(HOUR_MS);
  for (let at = HOUR_MS; at < 2 * HOUR_MS; at += SECOND_MS) line.host(at);
  assertEquals(line.open, true);
});

Deno.test("Relay.tick() closes every session that is due, and no other", () => {
  const joined = new JoinedRelays({ idleMs: MINUTE_MS });
  for (let sessionId = 1; sessionId <= 5; sessionId++) {
    joined.nowMs = sessionId * SECOND_MS;
    joined.dial({ sessionId });
  }
  joined.server.relay.tick(MINUTE_MS + 3 * SECOND_MS);
  joined.settle();
  assertEquals(joined.server.sessions.map(({ tunnelId }) => tunnelId), [4, 5]);
  assertEquals(joined.client.sessions.map(({ tunnelId }) => tunnelId), [4, 5]);
  assertEquals(
    joined.server.takeLink(),
    [1, 2, 3].map((id) => discovery("PADT", SERVER_LINK, AC, [], id)),
  );
});
