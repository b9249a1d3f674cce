// What the data plane tells the main thread: collected over a turn, and posted at its end.

import { RateLimit } from "../observe/rate_limit.ts";
import type { LinkState, SessionStatus } from "../observe/status.ts";
import type { Problem } from "../problem.ts";
import { DROP, DROP_REASONS, type Session, type Side } from "../relay/mod.ts";
import { formatMac, printFrame } from "../wire/mod.ts";
import type { FromWorker, LogEvent } from "./messages.ts";

/** How often a thing that the network can cause is logged. */
const WARN_EVERY_MS = 60_000;
/** How many problems of one kind are logged in a minute. */
const PROBLEMS_LOGGED = 5;
/** How often the main thread is told that a problem is still there. */
const PROBLEM_EVERY_MS = 10_000;
/** How many problems of one kind it is told of in that time. */
const PROBLEMS_POSTED = 20;
/** How many discovery frames of each direction are logged a second, at level debug. */
const TRACES_A_SECOND = 50;

/** What is said when a limit that can be set has made a host wait, or refused it. */
const LIMITS: ReadonlyMap<number, string> = new Map([
  [
    DROP["padi-rate"],
    "A PADI or PADR was dropped: its host, or all of its client's, dial too often " +
    "(--padi-rate, --padi-rate-client)",
  ],
  [
    DROP["session-limit"],
    "A session was refused: its client has as many as it may have (--max-sessions), or no id is left",
  ],
]);

/** Which of a session's two stations is which, by the side that this is. */
function stations(side: Side, session: Session): { ac: string; host: string } {
  const near = formatMac(session.nearMac);
  const far = formatMac(session.farMac);
  return side === "server" ? { ac: near, host: far } : { ac: far, host: near };
}

/** Collects messages for the main thread. */
export class Reporter {
  readonly #side: Side;
  /** Whether every discovery frame is logged. */
  debug: boolean;
  readonly #now: () => number;
  readonly #post: (messages: FromWorker[]) => void;
  readonly #warnings = new RateLimit(WARN_EVERY_MS);
  readonly #problems = new RateLimit(PROBLEM_EVERY_MS);
  readonly #posts = new RateLimit(PROBLEM_EVERY_MS, PROBLEMS_POSTED);
  readonly #kinds = new RateLimit(WARN_EVERY_MS);
  readonly #lines = new RateLimit(WARN_EVERY_MS, PROBLEMS_LOGGED);
  readonly #traces = new RateLimit(1000, TRACES_A_SECOND);
  #messages: FromWorker[] = [];

  /** `now` is a clock that only goes forward, in ms. */
  constructor(
    side: Side,
    debug: boolean,
    now: () => number,
    post: (messages: FromWorker[]) => void,
  ) {
    this.#side = side;
    this.debug = debug;
    this.#now = now;
    this.#post = post;
  }

  /** Adds a message to the next post. */
  push(message: FromWorker): void {
    this.#messages.push(message);
  }

  /** Posts what has been collected. */
  flush(): void {
    if (this.#messages.length === 0) return;
    this.#post(this.#messages);
    this.#messages = [];
  }

  /** Logs a line. */
  log(level: LogEvent["level"], message: string, fields: LogEvent["fields"] = {}): void {
    this.push({ type: "log", level, message, fields });
  }

  /** Logs what the network can cause, once in a while for each key. */
  warn(key: string, message: string): void {
    const suppressed = this.#warnings.allow(key, this.#now());
    if (suppressed >= 0) this.log("warning", message, suppressed > 0 ? { suppressed } : {});
  }

  /** Logs a problem once in a while, and has the status show it. */
  problem(problem: Problem): void {
    const { id, what, advice } = problem;
    const nowMs = this.#now();
    if (this.#problems.allow(what, nowMs) >= 0 && this.#posts.allow(id, nowMs) >= 0) {
      this.push({ type: "problem", problem });
    }
    // Of one kind there may be several, such as stations; and any number, where one of them is hostile.
    const suppressed = this.#kinds.allow(what, nowMs);
    if (suppressed < 0 || this.#lines.allow(id, nowMs) < 0) return;
    this.log("warning", `${what}: ${advice}`, suppressed > 0 ? { suppressed } : {});
  }

  /** Logs what the operator's own limits cost; all else that is dropped is counted only. */
  dropped(reason: number): void {
    const why = LIMITS.get(reason);
    if (why !== undefined) this.warn(DROP_REASONS[reason], why);
  }

  /** Logs the state of the link. */
  link({ name, state, mac }: { name: string; state: LinkState; mac: Uint8Array }): void {
    const words = { up: "is up", down: "is down", missing: "is gone" }[state];
    const level = state === "up" ? "info" : "warning";
    this.log(level, `Interface ${name} ${words}`, { mac: formatMac(mac) });
  }

  /** Logs a discovery frame, where that is wanted. */
  trace(from: "link" | "tunnel", frame: Uint8Array): void {
    if (!this.debug) return;
    const suppressed = this.#traces.allow(from, this.#now());
    if (suppressed < 0) return;
    const message = `From the ${from}: ${printFrame(frame)}`;
    this.log("debug", message, suppressed > 0 ? { suppressed } : {});
  }

  opened(session: Session): void {
    this.log("info", "Session opened", this.#about(session));
  }

  closed(session: Session, reason: string): void {
    this.log("info", "Session closed", {
      ...this.#about(session),
      reason,
      seconds: Math.round((this.#now() - session.openedMs) / 1000),
      framesUp: session.framesUp,
      framesDown: session.framesDown,
      bytesUp: session.bytesUp,
      bytesDown: session.bytesDown,
    });
  }

  /** A session as the status shows it. */
  status(session: Session): SessionStatus {
    return {
      sessionId: session.tunnelId,
      ...stations(this.#side, session),
      tunnel: session.peer.name,
      state: session.peer.held ? "held" : "open",
      ageSeconds: Math.floor((this.#now() - session.openedMs) / 1000),
      framesUp: session.framesUp,
      framesDown: session.framesDown,
      bytesUp: session.bytesUp,
      bytesDown: session.bytesDown,
    };
  }

  #about(session: Session): Record<string, string | number> {
    const id = `0x${session.tunnelId.toString(16).padStart(4, "0")}`;
    return { id, ...stations(this.#side, session), tunnel: session.peer.name };
  }
}
