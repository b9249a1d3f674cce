// Silent sessions: on both sides, and on one.

import { assertEquals } from "@std/assert";
import { causeTag, describeEnd, TICK_MS } from "../../../src/relay/mod.ts";
import { emitLcp, emitSession, LCP_CODE, PPP_PROTOCOL, PPPOE } from "../../../src/wire/mod.ts";
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

const OTHER = { host: "ac", ac: "host" } as const;
const WORD = { host: "host", ac: "AC" } as const;
const SIDES = ["client", "server"] as const;
const STATIONS = ["host", "ac"] as const;

type Station = typeof STATIONS[number];

/** The frame of an LCP packet from a station, as the tested side gets it. */
interface Lcp {
  code: number;
  identifier?: number;
  /** The value of its length field, and the number of bytes present; by default as long as an echo. */
  says?: number;
  has?: number;
}

/** A session with id 1, opened at 0 s, at the tested side. */
class Line {
  readonly recorded: RecordedRelay;
  readonly #joined: JoinedRelays;
  readonly #side: typeof SIDES[number];
  #tickMs = TICK_MS;

  constructor(
    { side = "client", ...times }: {
      idleMs: number;
      deadMs: number;
      graceMs?: number;
      side?: typeof SIDES[number];
    },
  ) {
    this.#side = side;
    this.#joined = new JoinedRelays(times);
    this.#joined.dial({ sessionId: 1 });
    this.recorded = this.#joined[side];
    this.recorded.takeTunnel();
    this.recorded.takeLink();
  }

  get nowMs(): number {
    return this.#joined.nowMs;
  }

  get open(): boolean {
    return this.recorded.sessions.length === 1;
  }

  get reasons(): string[] {
    return this.recorded.closed.map(({ end }) => describeEnd(end));
  }

  /** Lets time pass, with a tick at each interval. */
  until(ms: number): void {
    this.#before(ms);
    if (this.#tickMs === ms) this.#tick();
  }

  host(atMs = this.nowMs): void {
    this.#send("host", atMs, ([from, to]) => data(from, to, 1));
  }

  ac(atMs = this.nowMs): void {
    this.#send("ac", atMs, ([from, to]) => data(from, to, 1));
  }

  /** Sends an LCP Echo-Request. */
  ask(station: Station, atMs: number, identifier = 1): void {
    this.lcp(station, atMs, { code: LCP_CODE.ECHO_REQUEST, identifier });
  }

  /** Sends an LCP Echo-Reply. */
  answer(station: Station, atMs = this.nowMs): void {
    this.lcp(station, atMs, { code: LCP_CODE.ECHO_REPLY });
  }

  /** Sends an LCP frame in a buffer that extends beyond it, as in the data plane. */
  lcp(station: Station, atMs: number, { code, identifier = 1, says = 8, has = says }: Lcp): void {
    const packet = emitLcp({ code, identifier, data: new Uint8Array(4) });
    packet[2] = says >> 8;
    packet[3] = says;
    this.#send(station, atMs, ([source, destination]) => {
      const frame = emitSession({
        source,
        destination,
        sessionId: 1,
        protocol: PPP_PROTOCOL.LCP,
        payload: packet,
      });
      frame[PPPOE.length[0] + 1] = 2 + has;
      return frame;
    });
  }

  /** Breaks the tunnel, and makes a new one, through which the sides exchange their lists. */
  rejoin(): void {
    this.#joined.break();
    this.#joined.rejoin();
    this.#joined.settle();
    this.recorded.takeTunnel();
  }

  #send(station: Station, atMs: number, make: (way: [Uint8Array, Uint8Array]) => Uint8Array): void {
    this.#before(atMs);
    const { relay } = this.recorded;
    const atClient = this.#side === "client";
    if ((station === "host") === atClient) {
      const frame = make(atClient ? [HOST, CLIENT_LINK] : [AC, SERVER_LINK]);
      relay.sessionFromLink(frame, 0, atMs);
    } else {
      const [tunnel] = relay.peersByTunnel.keys();
      relay.sessionFromTunnel(tunnel, make(atClient ? [AC, HOST] : [HOST, AC]), 0, atMs);
    }
  }

  // Runs the ticks before a time. A frame at the time of a tick comes before the tick.
  #before(ms: number): void {
    while (this.#tickMs < ms) this.#tick();
    this.#joined.nowMs = ms;
  }

  #tick(): void {
    this.#joined.nowMs = this.#tickMs;
    this.recorded.relay.tick(this.#tickMs);
    this.#tickMs += TICK_MS;
  }
}

Deno.test("Relay.tick() closes an idle session at the timeout, with a PADT to both stations", () => {
  const line = new Line({ idleMs: 30 * MINUTE_MS, deadMs: 3 * MINUTE_MS });
  line.until(30 * MINUTE_MS - TICK_MS);
  assertEquals(line.open, true);
  line.until(30 * MINUTE_MS);
  assertEquals(line.reasons, ["idle"]);
  assertEquals(line.recorded.link, [discovery("PADT", CLIENT_LINK, HOST, [], 1)]);
  const padt = discovery("PADT", HOST, AC, [causeTag("idle")], 1);
  assertEquals(line.recorded.tunnel, [{ tunnel: 1, frame: padt }]);
});

for (const side of ["host", "ac"] as const) {
  Deno.test(`Relay.tick() counts the idle time from the last frame of the ${side}`, () => {
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

Deno.test("Relay.tick() counts a session's discovery frames as signs of life", () => {
  const line = new Line({ idleMs: 10 * MINUTE_MS, deadMs: 0 });
  line.until(9 * MINUTE_MS);
  const { relay } = line.recorded;
  relay.discoveryFromLink(discovery("PADG", HOST, CLIENT_LINK, [], 1), line.nowMs);
  relay.discoveryFromTunnel(1, discovery("PADQ", AC, HOST, [], 1), line.nowMs);
  line.until(19 * MINUTE_MS - TICK_MS);
  assertEquals(line.open, true);
});

for (const side of SIDES) {
  for (const silent of STATIONS) {
    const asking = OTHER[silent];
    const at = `at the ${side}`;
    const line = (deadMs = 3 * MINUTE_MS) => new Line({ side, idleMs: 0, deadMs });
    /** Asks every `everyMs` from `fromMs` until `untilMs`. */
    const askOften = (line: Line, fromMs: number, untilMs: number, everyMs: number) => {
      for (let ms = fromMs; ms < untilMs; ms += everyMs) line.ask(asking, ms);
      line.until(untilMs);
    };

    Deno.test(`Relay.tick() ${at} never closes a session whose ${WORD[silent]} has never answered an echo`, () => {
      const subject = line();
      subject[silent](MINUTE_MS);
      askOften(subject, 2 * MINUTE_MS, 2 * HOUR_MS, 10 * SECOND_MS);
      assertEquals(subject.reasons, []);
    });

    Deno.test(`Relay.tick() ${at} closes a session whose ${WORD[silent]} answered echoes before and is silent now`, () => {
      const subject = line();
      subject.ask(asking, MINUTE_MS);
      subject.answer(silent, MINUTE_MS + 1);
      const asked = 10 * MINUTE_MS;
      askOften(subject, asked, asked + 3 * MINUTE_MS - TICK_MS, 30 * SECOND_MS);
      assertEquals(subject.open, true);
      subject.until(asked + 3 * MINUTE_MS);
      assertEquals(subject.reasons, [
        `the ${WORD[silent]} answered LCP echo before, but not for the last 180 s`,
      ]);
      const atClient = side === "client";
      const toLink = atClient ? [CLIENT_LINK, HOST] : [SERVER_LINK, AC];
      const toTunnel = atClient ? [HOST, AC] : [AC, HOST];
      assertEquals(subject.recorded.link, [discovery("PADT", toLink[0], toLink[1], [], 1)]);
      const told = causeTag(silent === "ac" ? "ac-silent" : "host-silent");
      assertEquals(subject.recorded.tunnel, [
        { tunnel: 1, frame: discovery("PADT", toTunnel[0], toTunnel[1], [told], 1) },
      ]);
    });

    Deno.test(`Relay.tick() ${at} keeps a session with one or two unanswered echoes of the ${WORD[asking]}, however old`, () => {
      const subject = line();
      subject.answer(silent, MINUTE_MS);
      subject.ask(asking, 2 * MINUTE_MS);
      subject.until(30 * MINUTE_MS);
      subject.ask(asking, 30 * MINUTE_MS);
      subject.until(HOUR_MS);
      assertEquals(subject.reasons, []);
      subject.ask(asking, HOUR_MS);
      subject.until(HOUR_MS + 4 * SECOND_MS);
      assertEquals(subject.reasons, [], "the third may have an answer yet");
      subject.until(HOUR_MS + 5 * SECOND_MS);
      assertEquals(subject.reasons.length, 1, "the third");
    });

    Deno.test(`Relay.tick() ${at} keeps a session whose ${WORD[silent]} answers one of three rare echoes`, () => {
      const subject = line();
      for (let ms = 0; ms < 10 * HOUR_MS; ms += 30 * MINUTE_MS) {
        subject.ask(asking, ms + 10 * MINUTE_MS);
        subject.ask(asking, ms + 20 * MINUTE_MS);
        subject.ask(asking, ms + 30 * MINUTE_MS);
        subject.answer(silent, ms + 30 * MINUTE_MS + 2 * SECOND_MS);
      }
      assertEquals(subject.reasons, []);
    });

    Deno.test(`Relay.tick() ${at} keeps a session with many unanswered echoes of the ${WORD[asking]} until the time is over`, () => {
      const subject = line();
      subject.answer(silent, MINUTE_MS);
      askOften(subject, 2 * MINUTE_MS, 5 * MINUTE_MS - TICK_MS, SECOND_MS);
      assertEquals(subject.reasons, []);
      subject[silent](5 * MINUTE_MS - 1);
      askOften(subject, 5 * MINUTE_MS, 8 * MINUTE_MS - TICK_MS, SECOND_MS);
      assertEquals(subject.reasons, []);
      subject.until(8 * MINUTE_MS);
      assertEquals(subject.reasons.length, 1);
    });

    Deno.test(`Relay.tick() ${at} counts each echo of the ${WORD[asking]} with the same identifier`, () => {
      const subject = line();
      subject.answer(silent, MINUTE_MS);
      for (const ms of [2, 3, 4]) subject.ask(asking, ms * MINUTE_MS, 7);
      subject.until(5 * MINUTE_MS);
      assertEquals(subject.reasons.length, 1);
    });

    Deno.test(`Relay.tick() ${at} counts any frame of the ${WORD[silent]} as a sign of life`, () => {
      const subject = line();
      subject.answer(silent, MINUTE_MS);
      for (let ms = MINUTE_MS; ms < 2 * HOUR_MS; ms += 10 * SECOND_MS) {
        subject.ask(asking, ms);
        if (ms % (2 * MINUTE_MS) === 0) subject[silent](ms + 1);
      }
      assertEquals(subject.reasons, []);
    });

    Deno.test(`Relay.tick() ${at} keeps a session in which only the ${WORD[asking]} sends, without echoes`, () => {
      const subject = line();
      subject.answer(silent, MINUTE_MS);
      for (let ms = MINUTE_MS; ms < HOUR_MS; ms += SECOND_MS) subject[asking](ms);
      assertEquals(subject.reasons, []);
    });

    Deno.test(`Relay.tick() ${at} closes no session because of the ${WORD[silent]}'s silence with a dead time of 0`, () => {
      const subject = line(0);
      subject.answer(silent, MINUTE_MS);
      askOften(subject, 2 * MINUTE_MS, 2 * HOUR_MS, 10 * SECOND_MS);
      assertEquals(subject.reasons, []);
    });

    Deno.test(`Relay.tick() ${at} ignores malformed echoes of the ${WORD[asking]}`, () => {
      const { ECHO_REQUEST, DISCARD_REQUEST, CONFIGURE_REQUEST } = LCP_CODE;
      const others: Lcp[] = [
        { code: DISCARD_REQUEST },
        { code: CONFIGURE_REQUEST },
        // These are truncated in the header, before the magic number, and in the data.
        { code: ECHO_REQUEST, has: 0 },
        { code: ECHO_REQUEST, has: 3 },
        { code: ECHO_REQUEST, says: 4 },
        { code: ECHO_REQUEST, says: 8, has: 7 },
        { code: ECHO_REQUEST, says: 9, has: 8 },
        { code: ECHO_REQUEST, says: 0, has: 8 },
        { code: ECHO_REQUEST, says: 0xffff, has: 8 },
      ];
      for (const lcp of others) {
        const subject = line();
        subject.answer(silent, MINUTE_MS);
        for (let ms = 2 * MINUTE_MS; ms < 10 * MINUTE_MS; ms += 10 * SECOND_MS) {
          subject.lcp(asking, ms, lcp);
        }
        assertEquals(subject.reasons, [], JSON.stringify(lcp));
      }
    });

    Deno.test(`Relay.tick() ${at} accepts only an Echo-Reply of the ${WORD[silent]} as an answer`, () => {
      const { ECHO_REPLY, ECHO_REQUEST, CONFIGURE_ACK } = LCP_CODE;
      const others: Lcp[] = [
        { code: ECHO_REQUEST },
        { code: CONFIGURE_ACK },
        { code: ECHO_REPLY, says: 8, has: 7 },
        { code: ECHO_REPLY, says: 4 },
      ];
      for (const lcp of others) {
        const subject = line();
        subject.lcp(silent, MINUTE_MS, lcp);
        askOften(subject, 2 * MINUTE_MS, 10 * MINUTE_MS, 10 * SECOND_MS);
        assertEquals(subject.reasons, [], JSON.stringify(lcp));
      }
    });

    Deno.test(`Relay.tick() ${at} remembers after a break of the tunnel that the ${WORD[silent]} answers, and counts echoes from zero`, () => {
      const subject = new Line({ side, idleMs: 0, deadMs: 3 * MINUTE_MS, graceMs: MINUTE_MS });
      subject.answer(silent, MINUTE_MS);
      askOften(subject, 2 * MINUTE_MS, 4 * MINUTE_MS, 10 * SECOND_MS);
      subject.rejoin();
      subject.ask(asking, 4 * MINUTE_MS);
      subject.ask(asking, 5 * MINUTE_MS);
      subject.until(10 * MINUTE_MS);
      assertEquals(subject.reasons, []);
      subject.ask(asking, 10 * MINUTE_MS);
      subject.until(11 * MINUTE_MS);
      assertEquals(subject.reasons.length, 1);
    });
  }
}

Deno.test("Relay.tick() closes no session with a timeout of 0", () => {
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
