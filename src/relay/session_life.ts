// The life of a session, and the only place that changes its state, once session.ts has set the first one.
//
//     open         its tunnel is up, and its peer has it too, as far as is known
//     unconfirmed  its tunnel is up again, and its peer has not told yet if it still has it
//     held         its peer has no tunnel, within the grace time
//     closed       it is over, and no longer in the table
//
//     event    from                     to           what happened
//     open     nothing                  open         a PADS granted it (held, if its peer has no tunnel by now)
//     restore  nothing                  held         an earlier run of the program left it
//     hold     open, unconfirmed        held         its peer's tunnel is gone
//     resume   open, unconfirmed, held  unconfirmed  its peer has a tunnel, or another one
//     confirm  unconfirmed              open         its peer's list names it, or its PADS came once more
//     end      all but closed           closed       any of the causes in cause.ts
//
// A session is held exactly while its peer has no tunnel: peers.ts changes the peer, and `hold` or `resume`
// follows in the same call. `SessionTable.audit` checks it. Session frames pass while a session is open or
// unconfirmed. After the end, discovery is told (at a client with MAC mode own, the id then rests).

import { assertInvariant } from "../assert.ts";
import type { SessionEnd } from "./cause.ts";
import type { Peer } from "./peer.ts";
import type { Session, SessionKey, SessionState } from "./session.ts";
import type { SessionTable } from "./session_table.ts";

const NEXT: { readonly [state in SessionState]: readonly SessionState[] } = {
  open: ["held", "unconfirmed", "closed"],
  unconfirmed: ["open", "held", "unconfirmed", "closed"],
  held: ["unconfirmed", "closed"],
  closed: [],
};

/** Those who have to know that a session begins or ends. */
export interface LifeHooks {
  /** Hears of a session that is in the table now, opened or restored. */
  entered(session: Session): void;
  /** Hears of a session that was opened, after `entered`. */
  opened(session: Session): void;
  /** Hears of a session that is no longer in the table; see `DiscoveryRelay.closed` for `hungUp`. */
  closed(session: Session, end: SessionEnd, hungUp: boolean): void;
}

/** The events in the lives of a table's sessions. */
export class SessionLife {
  readonly #table: SessionTable;
  readonly #hooks: LifeHooks;

  /** Changes the sessions of a table, which nobody else changes. */
  constructor(table: SessionTable, hooks: LifeHooks) {
    this.#table = table;
    this.#hooks = hooks;
  }

  /** Opens the session that a PADS granted. */
  open(key: SessionKey, nowMs: number): Session {
    const session = this.#table.open(key, nowMs);
    this.#hooks.entered(session);
    this.#hooks.opened(session);
    return session;
  }

  /** Takes up a session of an earlier run. */
  restore(
    key: SessionKey,
    { serial, openedMs }: { serial: number; openedMs: number },
    nowMs: number,
  ): Session {
    const session = this.#table.open(key, nowMs, serial, openedMs);
    this.#hooks.entered(session);
    return session;
  }

  /** Holds the sessions of a peer that has no tunnel. */
  hold({ sessions }: Peer): void {
    for (const session of sessions) enter(session, "held");
  }

  /** Resumes the sessions of a peer that has a tunnel. */
  resume({ sessions }: Peer, nowMs: number): void {
    for (const session of sessions) {
      enter(session, "unconfirmed");
      session.restartTimers(nowMs);
    }
  }

  /** Notes that the peer has a session too. */
  confirm(session: Session): void {
    if (session.state === "unconfirmed") enter(session, "open");
  }

  /** Ends a session; one that is closed stays so. */
  end(session: Session, end: SessionEnd, hungUp: boolean): void {
    if (session.state === "closed") return;
    this.#table.close(session);
    enter(session, "closed");
    this.#hooks.closed(session, end, hungUp);
  }
}

function enter(session: Session, state: SessionState): void {
  assertInvariant(
    NEXT[session.state].includes(state),
    `session ${session.serial} went from ${session.state} to ${state}`,
  );
  session.state = state;
}
