// Which PADRs of a discovery are still to be answered.

import type { Session } from "../session.ts";

/**
 * The PADRs of one discovery, each of which can open one session. Hosts repeat theirs and ACs answer each
 * of them, so that a PADS for a session that has ended may still be on its way: what was asked before
 * that PADS was first seen has had its answer, and opens nothing.
 */
export class Requests {
  #asked = 0;
  #answered = 0;
  /** How many PADRs there had been when the last PADS of each session came. */
  readonly #askedBy = new WeakMap<Session, number>();

  /** How many have no answer yet. */
  get open(): number {
    return this.#asked - this.#answered;
  }

  /** A PADR has come. */
  ask(): void {
    this.#asked++;
  }

  /** A PADS has come that opens nothing. */
  refuse(): void {
    this.#answered++;
  }

  /** A PADS has opened a session. */
  grant(session: Session): void {
    this.#answered++;
    this.repeat(session);
  }

  /** A PADS has come once more for such a session. */
  repeat(session: Session): void {
    this.#askedBy.set(session, this.#asked);
  }

  /**
   * Such a session is over.
   *
   * @param withdrawn Its host wants nothing more of what it has asked for.
   */
  end(session: Session, withdrawn: boolean): void {
    const asked = withdrawn ? this.#asked : this.#askedBy.get(session) ?? 0;
    this.#answered = Math.max(this.#answered, asked);
  }
}
