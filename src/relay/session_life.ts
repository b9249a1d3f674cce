// The life of a session, and the only place that changes its state, once session.ts has set the first one.
//
//     open         its tunnel is up, and its peer is assumed to have it too
//     unconfirmed  its tunnel is up again, but its peer has not confirmed yet that it still has it
//     held         its peer has no tunnel, within the grace time
//     closed       it has ended, and is no longer in the table
//
//     event    from                     to           what happened
//     open     nothing                  open         a PADS granted it (held, if its peer has lost its tunnel)
//     restore  nothing                  held         an earlier run of the program left it
//     hold     open, unconfirmed        held         its peer's tunnel has ended
//     resume   open, unconfirmed, held  unconfirmed  its peer has a new tunnel
//     confirm  unconfirmed              open         its peer's list contains it, or its PADS was repeated
//     end      any except closed        closed       one of the causes in cause.ts
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

/** The functions that are called when a session begins or ends. */
export interface LifeHooks {
  /** Called when a session has been added to the table, because it was opened or restored. */
  entered(session: Session): void;
  /** Called when a session was opened, after `entered`. */
  opened(session: Session): void;
  /** Called when a session has left the table; see `DiscoveryRelay.closed` for `hungUp`. */
  closed(session: Session, end: SessionEnd, hungUp: boolean): void;
}

/** The events in the lives of a table's sessions. */
export class SessionLife {
  readonly #table: SessionTable;
  readonly #hooks: LifeHooks;

  /** Makes the only object that changes the sessions of a table. */
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

  /** Restores a session of an earlier run. */
  restore(
    key: SessionKey,
    { serial, openedMs }: { serial: number; openedMs: number },
    nowMs: number,
  ): Session {
    const session = this.#table.open(key, nowMs, serial, openedMs);
    this.#hooks.entered(session);
    return session;
  }

  /** Holds the sessions of a peer that has lost its tunnel. */
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

  /** Ends a session, unless it is already closed. */
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
