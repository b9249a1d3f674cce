// Snapshots of all sessions for the status. Each turn describes a few: thousands at once would delay frames.

import type { SessionStatus } from "../observe/status.ts";
import type { Session } from "../relay/mod.ts";
import type { FromWorker, Totals } from "./messages.ts";

/** The number of sessions that one turn describes: less than half a millisecond of work. */
const SESSIONS_PER_TURN = 128;

/** The requests for snapshots, and the progress of the first one. */
export class StatusQueries {
  readonly #sessions: Iterable<Session>;
  readonly #describe: (session: Session) => SessionStatus;
  readonly #requests: number[] = [];
  /** The rest of the sessions for the first request; sessions may come and go meanwhile. */
  #rest: Iterator<Session> | undefined;

  /**
   * Makes an empty queue of requests.
   *
   * @param sessions All sessions
   * @param describe Describes a session as the status shows it
   */
  constructor(sessions: Iterable<Session>, describe: (session: Session) => SessionStatus) {
    this.#sessions = sessions;
    this.#describe = describe;
  }

  /** True while there is something for `proceed` to do. */
  get pending(): boolean {
    return this.#requests.length > 0;
  }

  /** Adds a request for a snapshot. */
  ask(request: number): void {
    this.#requests.push(request);
  }

  /** Returns the next part of the first snapshot; to be called only while `pending` is true. */
  proceed(totals: () => Totals): FromWorker {
    const [request] = this.#requests;
    this.#rest ??= this.#sessions[Symbol.iterator]();
    const sessions: SessionStatus[] = [];
    while (sessions.length < SESSIONS_PER_TURN) {
      const { done, value } = this.#rest.next();
      if (done) {
        this.#requests.shift();
        this.#rest = undefined;
        return { type: "snapshot", request, sessions, ...totals() };
      }
      sessions.push(this.#describe(value));
    }
    return { type: "snapshot-part", request, sessions };
  }
}
