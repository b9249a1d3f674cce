// The events of one turn, collected for the main thread and posted at the turn's end.

import type { DataPlaneEvent, EventSink, Notice, SessionFacts } from "../observe/events.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import type { SessionStatus } from "../observe/status.ts";
import type { Problem, ProblemId } from "../problem.ts";
import {
  type DialFailure,
  DROP,
  DROP_REASONS,
  type DropReason,
  type Peer,
  type Session,
  type SessionEnd,
  type SessionLimit,
} from "../relay/mod.ts";
import type { Side } from "../side.ts";
import { formatMac, frameFields, printFrame } from "../wire/mod.ts";
import { formatHex } from "../wire/text.ts";
import type { Counters } from "../observe/counters.ts";
import type { FromWorker } from "./messages.ts";

/** The time between two notices of one kind. */
const NOTICE_EVERY_MS = 60_000;
/** The time between two events for a problem that is still there. */
const PROBLEM_EVERY_MS = 10_000;
/** The number of problems of one kind that become events in that time. */
const PROBLEMS_REPORTED = 20;
/** The number of discovery frames of each direction that become events in a second, with `debug`. */
const FRAMES_PER_SECOND = 50;

/** The number of failed dials with each outcome that become events in a second. */
const DIALS_PER_SECOND = 20;

/** The drops for which there is a notice, because the operator can raise the limit. */
const RAISABLE_LIMITS: ReadonlySet<number> = new Set([DROP["padi-rate"], DROP["session-limit"]]);

/** Collects events, and limits the rate of those that the network can cause. */
export class EventBatch implements EventSink {
  /** True to report every discovery frame. */
  debug: boolean;
  readonly #side: Side;
  readonly #now: () => number;
  readonly #post: (messages: FromWorker[]) => void;
  readonly #notices = new RateLimit(NOTICE_EVERY_MS);
  readonly #problems = new RateLimit(PROBLEM_EVERY_MS);
  readonly #problemKinds = new RateLimit(PROBLEM_EVERY_MS, PROBLEMS_REPORTED);
  readonly #frames = new RateLimit(1000, FRAMES_PER_SECOND);
  readonly #dials = new RateLimit(1000, DIALS_PER_SECOND);
  readonly #drops = new Float64Array(DROP_REASONS.length);
  #messages: FromWorker[] = [];

  /**
   * Makes an empty batch.
   *
   * @param side The side of this program
   * @param debug True to report every discovery frame
   * @param now Returns the time in ms, by a monotonic clock
   * @param post Takes the messages of a turn
   */
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

  push(event: DataPlaneEvent): void {
    this.#messages.push(event);
  }

  /** Answers a message of the main thread. */
  reply(message: FromWorker): void {
    this.#messages.push(message);
  }

  /** Posts the collected events. */
  flush(): void {
    if (this.#messages.length === 0) return;
    this.#post(this.#messages);
    this.#messages = [];
  }

  notice(notice: Notice): void {
    const key = notice.id === "limit" ? `${notice.reason} ${notice.sessions?.source}` : notice.id;
    const suppressed = this.#notices.allow(key, this.#now());
    if (suppressed >= 0) this.push({ type: "notice", notice, suppressed });
  }

  problem(problem: Problem, lastsMs?: number): void {
    const { id, what } = problem;
    const nowMs = this.#now();
    // There may be several problems of one kind, one for each station; a hostile station can cause any number.
    if (this.#problems.allow(what, nowMs) < 0) return;
    if (this.#problemKinds.allow(id, nowMs) < 0) return;
    this.push(
      lastsMs === undefined ? { type: "problem", problem } : { type: "problem", problem, lastsMs },
    );
  }

  /** Reports a problem that lasts until its end, or another description of it. */
  problemBegun(problem: Problem): void {
    this.push({ type: "problem-begun", problem });
  }

  /** Reports the end of such a problem. */
  problemEnded(id: ProblemId, subject: string): void {
    this.push({ type: "problem-ended", id, subject });
  }

  /** Reports a dial that has failed. */
  dialFailed({ outcome, peer, hostMac, acMac, sessionId, detail }: DialFailure): void {
    const suppressed = this.#dials.allow(outcome, this.#now());
    if (suppressed < 0) return;
    const ac = acMac && formatMac(acMac);
    const id = sessionId === undefined ? undefined : formatHex(sessionId, 4);
    const failure = { outcome, id, ac, host: formatMac(hostMac), tunnel: peer.name, detail };
    this.push({ type: "dial-failed", failure, suppressed });
  }

  /** Reports a drop that the operator can prevent. */
  dropped(reason: number, sessions?: SessionLimit): void {
    if (!RAISABLE_LIMITS.has(reason)) return;
    this.notice({ id: "limit", reason: DROP_REASONS[reason], sessions });
  }

  /** Reports the drops that were counted since the last call. */
  drops(counters: Counters): void {
    let counts: Partial<Record<DropReason, number>> | undefined;
    for (let reason = 0; reason < DROP_REASONS.length; reason++) {
      const dropped = counters.dropped(reason);
      if (dropped === this.#drops[reason]) continue;
      counts ??= {};
      counts[DROP_REASONS[reason]] = dropped - this.#drops[reason];
      this.#drops[reason] = dropped;
    }
    if (counts !== undefined) this.push({ type: "drops", counts });
  }

  /** Reports a discovery frame, with `debug`. */
  discovery(from: "link" | "tunnel", frame: Uint8Array): void {
    if (!this.debug) return;
    const suppressed = this.#frames.allow(from, this.#now());
    if (suppressed < 0) return;
    const fields = frameFields(frame);
    this.push({ type: "discovery", from, frame: printFrame(frame), fields, suppressed });
  }

  /** Reports the number of sessions that are held for a peer, if it can come back. */
  held({ key, sessions }: Peer): void {
    if (key !== undefined) this.push({ type: "held", peer: key, sessions: sessions.size });
  }

  opened(session: Session): void {
    this.push({ type: "session-opened", session: this.#facts(session) });
  }

  closed(session: Session, end: SessionEnd): void {
    const { framesFromLink, framesFromTunnel, bytesFromLink, bytesFromTunnel } = session;
    this.push({
      type: "session-closed",
      session: this.#facts(session),
      end,
      seconds: Math.round((this.#now() - session.openedMs) / 1000),
      counts: { framesFromLink, framesFromTunnel, bytesFromLink, bytesFromTunnel },
    });
  }

  /** Describes a session as the status shows it. */
  status(session: Session): SessionStatus {
    const { id: sessionId, ...facts } = this.#facts(session);
    const id = formatHex(sessionId, 4);
    const { framesFromTunnel, bytesFromTunnel } = session;
    const { framesArrived: framesFromLink, bytesArrived: bytesFromLink } = session;
    return {
      id,
      sessionId,
      ...facts,
      state: session.peer.held ? "held" : "open",
      ageSeconds: Math.floor((this.#now() - session.openedMs) / 1000),
      framesFromLink,
      framesFromTunnel,
      bytesFromLink,
      bytesFromTunnel,
      framesUp: framesFromLink,
      framesDown: framesFromTunnel,
      bytesUp: bytesFromLink,
      bytesDown: bytesFromTunnel,
    };
  }

  #facts({ tunnelId: id, nearMac, farMac, peer }: Session): SessionFacts {
    const near = formatMac(nearMac);
    const far = formatMac(farMac);
    const stations = this.#side === "server" ? { ac: near, host: far } : { ac: far, host: near };
    return { id, ...stations, tunnel: peer.name };
  }
}
