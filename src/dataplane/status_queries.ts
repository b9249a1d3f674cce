// All sessions for the status, some in each turn: to describe thousands at once would hold frames up.

import type { SessionStatus, TunnelStatus } from "../observe/status.ts";
import type { Session } from "../relay/mod.ts";
import type { FromWorker } from "./messages.ts";

/** How many sessions one turn describes: under half a millisecond of work. */
const SESSIONS_A_TURN = 128;

/** The snapshots of all sessions that were asked for. */
export class StatusQueries {
  readonly #sessions: Iterable<Session>;
  readonly #describe: (session: Session) => SessionStatus;
  readonly #requests: number[] = [];
  /** Of the first request: the sessions that are left. It goes on where sessions come and go. */
  #left: Iterator<Session> | undefined;

  constructor(sessions: Iterable<Session>, describe: (session: Session) => SessionStatus) {
    this.#sessions = sessions;
    this.#describe = describe;
  }

  /** Whether `proceed` has something to do. */
  get pending(): boolean {
    return this.#requests.length > 0;
  }

  /** Asks for one more. */
  ask(request: number): void {
    this.#requests.push(request);
  }

  /** The next part of the first one; only while one is pending. */
  proceed(tunnels: () => TunnelStatus[]): FromWorker {
    const [request] = this.#requests;
    this.#left ??= this.#sessions[Symbol.iterator]();
    const sessions: SessionStatus[] = [];
    while (sessions.length < SESSIONS_A_TURN) {
      const { done, value } = this.#left.next();
      if (done) {
        this.#requests.shift();
        this.#left = undefined;
        return { type: "snapshot", request, tunnels: tunnels(), sessions };
      }
      sessions.push(this.#describe(value));
    }
    return { type: "snapshot-part", request, sessions };
  }
}
