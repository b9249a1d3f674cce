// The life of a session: each event in each state.

import { assertEquals, assertThrows } from "@std/assert";
import { InvariantError } from "../../../src/assert.ts";
import { Peer } from "../../../src/relay/peer.ts";
import type { Session, SessionState } from "../../../src/relay/session.ts";
import { SessionLife } from "../../../src/relay/session_life.ts";
import { SessionTable } from "../../../src/relay/session_table.ts";
import { AC, CLIENT_LINK, HOST } from "../../support/relays.ts";

const EVENTS = ["hold", "resume", "confirm", "end"] as const;
type Event = typeof EVENTS[number];

/** A life with one session, and the hooks that were called. */
class Life {
  readonly table = new SessionTable();
  readonly hooks: string[] = [];
  readonly peer = new Peer("key", "peer", 0);
  readonly life = new SessionLife(this.table, {
    entered: ({ serial }) => this.hooks.push(`entered ${serial}`),
    opened: ({ serial }) => this.hooks.push(`opened ${serial}`),
    closed: ({ serial, state }, { cause }) =>
      this.hooks.push(`${state} ${serial}, ${cause}, of ${this.table.size}`),
  });
  readonly key = {
    peer: this.peer,
    nearMac: HOST,
    farMac: AC,
    shownMac: CLIENT_LINK,
    tunnelId: 7,
    linkId: 7,
  };

  open(tunnel = 1): Session {
    this.peer.tunnel = tunnel;
    return this.life.open(this.key, 10);
  }

  happen(event: Event, session: Session): void {
    if (event === "hold") this.life.hold(this.peer);
    else if (event === "resume") this.life.resume(this.peer, 20);
    else if (event === "confirm") this.life.confirm(session);
    else this.life.end(session, { cause: "idle" }, false);
  }

  /** Makes a session in a given state. */
  in(state: SessionState): Session {
    const session = this.open();
    const events: Record<SessionState, Event[]> = {
      open: [],
      unconfirmed: ["resume"],
      held: ["hold"],
      closed: ["end"],
    };
    for (const event of events[state]) this.happen(event, session);
    assertEquals(session.state, state);
    return session;
  }
}

const LIFE: Record<SessionState, Record<Event, SessionState>> = {
  open: { hold: "held", resume: "unconfirmed", confirm: "open", end: "closed" },
  unconfirmed: { hold: "held", resume: "unconfirmed", confirm: "open", end: "closed" },
  held: { hold: "held", resume: "unconfirmed", confirm: "held", end: "closed" },
  closed: { hold: "closed", resume: "closed", confirm: "closed", end: "closed" },
};

for (const [from, next] of Object.entries(LIFE)) {
  for (const event of EVENTS) {
    if (from === "held" && event === "hold") continue;
    Deno.test(`SessionLife.${event}() makes a session that is ${from} ${next[event]}`, () => {
      const life = new Life();
      const session = life.in(from as SessionState);
      life.happen(event, session);
      assertEquals(session.state, next[event]);
    });
  }
}

Deno.test("SessionLife.hold() throws when a session is held twice", () => {
  const life = new Life();
  life.in("held");
  assertThrows(() => life.life.hold(life.peer), InvariantError, "session 1 went from held to held");
});

Deno.test("SessionLife.open() makes a held session if the tunnel is already gone", () => {
  assertEquals(new Life().open(0).state, "held");
});

Deno.test("SessionLife.restore() makes a held session with its original opening time", () => {
  const life = new Life();
  const { serial, openedMs, linkMs, state } = life.life.restore(
    life.key,
    { serial: 5, openedMs: -100 },
    10,
  );
  assertEquals([serial, openedMs, linkMs, state], [5, -100, 10, "held"]);
  assertEquals(life.hooks, ["entered 5"]);
});

Deno.test("SessionLife.resume() restarts the timers of a session", () => {
  const life = new Life();
  const session = life.in("held");
  life.life.resume(life.peer, 500);
  assertEquals([session.openedMs, session.linkMs, session.tunnelMs], [10, 500, 500]);
});

Deno.test("SessionLife calls its hooks once each, the last one after the session has left the table", () => {
  const life = new Life();
  const session = life.open();
  life.happen("end", session);
  life.happen("end", session);
  assertEquals(life.hooks, ["entered 1", "opened 1", "closed 1, idle, of 0"]);
});
