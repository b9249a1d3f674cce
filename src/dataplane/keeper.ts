// What the data plane notes in the state directory, and takes up from there when it begins.

import { sameMac } from "../wire/mod.ts";
import type { Relay, Session } from "../relay/mod.ts";
import { Journal, type SessionRecord } from "../state/mod.ts";
import type { KeptState } from "./messages.ts";
import type { Reporter } from "./reporter.ts";

/** Keeps sessions, and the PADTs that the link has not taken, for another run of the program. */
export class Keeper {
  readonly #journal: Journal;

  /** Notes from now on what changes. */
  constructor(state: KeptState, report: Reporter) {
    this.#journal = Journal.open(state.path, state.segment, {
      full: (segment) => report.push({ type: "segment", segment }),
      failed: (error) =>
        report.warn("state", `Cannot keep sessions in ${state.path}: ${error.message}`),
    });
  }

  /** Notes a session before anybody is told that it is open. */
  opened(session: Session, nowMs: number): void {
    this.#journal.opened(recordOf(session, nowMs));
  }

  closed(session: Session): void {
    this.#journal.closed(session.serial);
  }

  owes(padt: Uint8Array): void {
    this.#journal.owes(padt);
  }

  paid(padt: Uint8Array): void {
    this.#journal.paid(padt);
  }

  /** Where it could not be written, tries again to write all of it. */
  tick(sessions: Iterable<Session>, owed: readonly Uint8Array[], nowMs: number): void {
    if (!this.#journal.broken) return;
    const records = Array.from(sessions, (session) => recordOf(session, nowMs));
    this.#journal.retry(records, owed);
  }

  close(): void {
    this.#journal.close();
  }
}

/** Takes up the sessions of an earlier run: held, until their remotes come or the grace is over. */
export function restore(relay: Relay, state: KeptState, nowMs: number): void {
  for (const { remote, name, openedAtMs, ...session } of state.sessions) {
    relay.restore(
      { ...session, openedMs: nowMs - Math.max(0, Date.now() - openedAtMs) },
      remote === ""
        ? { key: "gone", name, heldSinceMs: -Infinity }
        : { key: remote, name, heldSinceMs: nowMs - state.silentMs },
      nowMs,
    );
  }
  for (const session of [...relay.sessions]) {
    const { remote, farMac, facingMac } = session;
    if (sameMac(relay.facing(remote, farMac), 0, facingMac, 0)) continue;
    relay.close(session, "the address that its station knows is not ours any more", {
      link: true,
      tunnel: false,
    });
  }
}

function recordOf(session: Session, nowMs: number): SessionRecord {
  const { serial, remote, peerMac, farMac, facingMac, tunnelId, linkId, openedMs } = session;
  return {
    serial,
    remote: remote.key ?? "",
    name: remote.name,
    peerMac,
    farMac,
    facingMac,
    tunnelId,
    linkId,
    openedAtMs: Math.round(Date.now() - (nowMs - openedMs)),
  };
}
