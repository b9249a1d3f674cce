// Sessions that are silent: on both sides, and on one.

import { assertEquals } from "@std/assert";
import { TICK_MS } from "../../../src/relay/mod.ts";
import { emitLcp, emitSession, LCP_CODE, PPP_PROTOCOL } from "../../../src/wire/mod.ts";
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

function echoRequest(source: Uint8Array, destination: Uint8Array): Uint8Array {
  const echo = emitLcp({ code: LCP_CODE.ECHO_REQUEST, identifier: 1, data: new Uint8Array(4) });
  const { LCP } = PPP_PROTOCOL;
  return emitSession({ source, destination, sessionId: 1, protocol: LCP, payload: echo });
}

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

  /** An LCP Echo-Request. */
  ask(side: "host" | "ac", atMs: number): void {
    this.#before(atMs);
    const { relay } = this.client;
    if (side === "host") relay.sessionFromLink(echoRequest(HOST, CLIENT_LINK), 0, atMs);
    else relay.sessionFromTunnel(1, echoRequest(AC, HOST), 0, atMs);
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
  Deno.test(`Relay.tick() counts the idle time from the last frame, when it is the ${side}'s that is missing`, () => {
    const line = new Line({ idleMs: 10 * MINUTE_MS, deadMs: 0 });
    const other = side === "host" ? "ac" : "host";
    line[side](9 * MINUTE_MS);
    line[other](9 * MINUTE_MS);
    for (let at = 10 * MINUTE_MS; at < 19 * MINUTE_MS; at += MINUTE_MS) line[other](at);
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
  relay.discoveryFromTunnel(1, discovery("PADQ", AC, HOST, [], 1), line.nowMs);
  line.until(19 * MINUTE_MS - TICK_MS);
  assertEquals(line.open, true);
});

for (const side of ["host", "ac"] as const) {
  const other = side === "host" ? "ac" : "host";
  const silent = other === "ac" ? "AC" : "host";

  Deno.test(`Relay.tick() closes a session in which the ${other} leaves the ${side}'s echoes unanswered`, () => {
    const line = new Line({ idleMs: 0, deadMs: 3 * MINUTE_MS });
    line[other](MINUTE_MS);
    const asked = 10 * MINUTE_MS;
    for (let at = asked; at < asked + 3 * MINUTE_MS; at += 30 * SECOND_MS) line.ask(side, at);
    line.until(asked + 3 * MINUTE_MS - TICK_MS);
    assertEquals(line.open, true);
    line.until(asked + 3 * MINUTE_MS);
    assertEquals(line.reasons, [`no answer from the ${silent}`]);
    assertEquals(line.client.link.length, 1);
    assertEquals(line.client.tunnel.length, 1);
  });

  Deno.test(`Relay.tick() keeps a session in which only the ${side} talks, and asks nothing`, () => {
    const line = new Line({ idleMs: 0, deadMs: 3 * MINUTE_MS });
    for (let at = MINUTE_MS; at < HOUR_MS; at += SECOND_MS) line[side](at);
    assertEquals(line.open, true);
  });

  Deno.test(`Relay.tick() takes any frame of the ${other}'s for an answer to the ${side}`, () => {
    const line = new Line({ idleMs: 0, deadMs: 3 * MINUTE_MS });
    for (let at = MINUTE_MS; at < 2 * HOUR_MS; at += 10 * SECOND_MS) {
      line.ask(side, at);
      if (at % (2 * MINUTE_MS) === 0) line[other](at + 1);
    }
    assertEquals(line.reasons, []);
  });
}

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
