// Questions about tunnels and sessions. Each turn describes a few sessions: thousands at once would delay frames.

import type { SessionQuery } from "../observe/control.ts";
import type { SessionStatus } from "../observe/status.ts";
import type { Session } from "../relay/mod.ts";
import type { Side } from "../side.ts";
import type { FromWorker, Totals } from "./messages.ts";
import { SessionSearch } from "./session_search.ts";

/** The number of sessions that one turn describes: less than half a millisecond of work. */
const SESSIONS_PER_TURN = 128;
/** The number of sessions that one turn looks at in a search. */
const LOOKS_PER_TURN = 1024;

/** A question: for everything, for everything but the sessions, or for some sessions. */
type Question =
  | { request: number; of: "all" }
  | { request: number; of: "totals" }
  | { request: number; of: "sessions"; query: SessionQuery };

/** A page of sessions that is being described. */
interface Page {
  search: SessionSearch;
  /** The sessions, once the search is over. */
  found: Session[] | undefined;
  described: SessionStatus[];
}

/** The questions, and the progress of the first one. */
export class StatusQueries {
  readonly #side: Side;
  readonly #sessions: Iterable<Session>;
  readonly #describe: (session: Session) => SessionStatus;
  readonly #questions: Question[] = [];
  /** The rest of the sessions for a snapshot; sessions may come and go meanwhile. */
  #rest: Iterator<Session> | undefined;
  #page: Page | undefined;

  /**
   * Makes an empty queue of questions.
   *
   * @param side The side, which tells where hosts and ACs are
   * @param sessions All sessions
   * @param describe Describes a session as the status shows it
   */
  constructor(
    side: Side,
    sessions: Iterable<Session>,
    describe: (session: Session) => SessionStatus,
  ) {
    this.#side = side;
    this.#sessions = sessions;
    this.#describe = describe;
  }

  /** True while there is something for `proceed` to do. */
  get pending(): boolean {
    return this.#questions.length > 0;
  }

  /** Adds a request for a snapshot of everything. */
  ask(request: number): void {
    this.#questions.push({ request, of: "all" });
  }

  /** Adds a request for everything but the sessions. */
  askTotals(request: number): void {
    this.#questions.push({ request, of: "totals" });
  }

  /** Adds a request for some of the sessions. */
  askSessions(request: number, query: SessionQuery): void {
    this.#questions.push({ request, of: "sessions", query });
  }

  /**
   * Works on the first question; to be called only while `pending` is true.
   *
   * @param settle Finds out which frames have arrived, before the first sessions are described
   * @param totals Does so too, and describes everything else, before the last sessions are described
   * @returns The answer or a part of it; undefined if there is none yet
   */
  proceed(settle: () => void, totals: () => Totals): FromWorker | undefined {
    const [question] = this.#questions;
    const { request } = question;
    switch (question.of) {
      case "all":
        return this.#snapshot(request, settle, totals);
      case "totals":
        this.#questions.shift();
        return { type: "answer", request, answer: totals() };
      case "sessions":
        return this.#search(request, question.query, settle);
    }
  }

  #snapshot(request: number, settle: () => void, totals: () => Totals): FromWorker {
    const begins = this.#rest === undefined;
    this.#rest ??= this.#sessions[Symbol.iterator]();
    const part: Session[] = [];
    while (part.length < SESSIONS_PER_TURN) {
      const { done, value } = this.#rest.next();
      if (done) {
        this.#questions.shift();
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

  #search(request: number, query: SessionQuery, settle: () => void): FromWorker | undefined {
    const page = this.#page ??= {
      search: new SessionSearch(this.#sessions, this.#side, query),
      found: undefined,
      described: [],
    };
    const { search, described } = page;
    if (page.found === undefined) {
      if (search.proceed(LOOKS_PER_TURN)) return undefined;
      page.found = search.page();
      settle();
    }
    const { found } = page;
    const next = found.slice(described.length, described.length + SESSIONS_PER_TURN);
    for (const session of next) described.push(this.#describe(session));
    if (described.length < found.length) return undefined;
    this.#questions.shift();
    this.#page = undefined;
    const last = search.hasMore ? found.at(-1) : undefined;
    const answer = { sessions: described, total: search.total, next: last?.serial ?? null };
    return { type: "answer", request, answer };
  }
}
