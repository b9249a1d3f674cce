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

  /**
   * Returns the next part of the first snapshot; to be called only while `pending` is true.
   *
   * @param settle Finds out which frames have arrived, before the first sessions are described
   * @param totals Does so too, and describes everything else, before the last sessions are described
   */
  proceed(settle: () => void, totals: () => Totals): FromWorker {
    const [request] = this.#requests;
    const begins = this.#rest === undefined;
    this.#rest ??= this.#sessions[Symbol.iterator]();
    const part: Session[] = [];
    while (part.length < SESSIONS_PER_TURN) {
      const { done, value } = this.#rest.next();
      if (done) {
        this.#requests.shift();
        this.#rest = undefined;
        const others = totals();
        return { type: "snapshot", request, sessions: part.map(this.#describe), ...others };
      }
      part.push(value);
    }
    // Once is enough: it costs a system call for each tunnel.
    if (begins) settle();
    return { type: "snapshot-part", request, sessions: part.map(this.#describe) };
  }
}
