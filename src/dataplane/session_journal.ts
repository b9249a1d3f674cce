// The record of sessions that the data plane keeps for the next run.

import type { Peer, Session } from "../relay/mod.ts";
import type { Journal, SessionRecord } from "../state/mod.ts";

/** The writer of the lines: a {@linkcode Journal}, or a substitute for one. */
export type JournalWriter = Pick<Journal, keyof Journal>;

/** Keeps sessions, and the PADTs that the link has not taken, for another run of the program. */
export class SessionJournal {
  readonly #journal: JournalWriter;
  readonly #clock: () => number;
  /** The peers that are noted as away. */
  readonly #noted: Set<string>;

  /**
   * Begins to note changes.
   *
   * @param journal The writer of the lines
   * @param away The keys of the peers that an earlier run has noted as away
   * @param clock Returns the time in ms since the epoch
   */
  constructor(journal: JournalWriter, away: Iterable<string>, clock: () => number = Date.now) {
    this.#journal = journal;
    this.#noted = new Set(away);
    this.#clock = clock;
  }

  /** Notes a new session; to be called before anybody learns that it is open. */
  opened(session: Session, nowMs: number): void {
    this.#journal.opened(this.#recordOf(session, nowMs));
    this.noteAway(session.peer, nowMs);
  }

  /** Notes that a session has ended. */
  closed(session: Session): void {
    this.#journal.closed(session.serial);
  }

  /** Notes the time at which a peer with held sessions lost its tunnel. */
  noteAway({ key, held, heldSinceMs, sessions }: Peer, nowMs: number): void {
    if (key === undefined || !held || sessions.size === 0 || this.#noted.has(key)) return;
    this.#noted.add(key);
    this.#journal.away(key, Math.round(this.#clock() - (nowMs - heldSinceMs)));
  }

  /** Notes that a peer is back, or is no longer waited for. */
  notAway({ key }: Peer): void {
    if (key !== undefined && this.#noted.delete(key)) this.#journal.back(key);
  }

  /** Notes a PADT that the link has not taken. */
  undelivered(padt: Uint8Array): void {
    this.#journal.undelivered(padt);
  }

  /** Notes that such a PADT has been sent or given up. */
  delivered(padt: Uint8Array): void {
    this.#journal.delivered(padt);
  }

  /**
   * Writes the whole state again if something could not be written before.
   *
   * @param sessions All open sessions
   * @param undelivered All PADTs that the link has not taken
   * @param nowMs The time
   * @param atMs The time by which the journal spaces its attempts; `Infinity` to try in any case
   * @returns True if everything is written
   */
  catchUp(
    sessions: Iterable<Session>,
    undelivered: readonly Uint8Array[],
    nowMs: number,
    atMs = nowMs,
  ): boolean {
    if (!this.#journal.broken) return true;
    if (!this.#journal.retry(this.#recordsOf(sessions, nowMs), undelivered, atMs)) return false;
    // The new journal has no notes about peers that are away yet.
    this.#noted.clear();
    for (const { peer } of sessions) this.noteAway(peer, nowMs);
    return true;
  }

  /** Closes the journal. */
  close(): void {
    this.#journal.close();
  }

  *#recordsOf(sessions: Iterable<Session>, nowMs: number): Generator<SessionRecord> {
    for (const session of sessions) yield this.#recordOf(session, nowMs);
  }

  #recordOf(session: Session, nowMs: number): SessionRecord {
    const { serial, peer, nearMac, farMac, shownMac, tunnelId, linkId, openedMs } = session;
    return {
      serial,
      peer: peer.key ?? "",
      name: peer.name,
      nearMac,
      farMac,
      shownMac,
      tunnelId,
      linkId,
      openedAtMs: Math.round(this.#clock() - (nowMs - openedMs)),
    };
  }
}
