// The problems of dials that have been named, from the moment at which each begins to that at which it ends.

import { assertInvariant } from "../../assert.ts";
import { Budget } from "../../budget.ts";
import type { Problem } from "../../problem.ts";
import type { Peer } from "../peer.ts";
import type { DialProblem, DialProblemId } from "./dial_problem.ts";

/** The number of problems with one id that are named at once. Others are only counted. */
export const NAMED_OF_A_KIND = 8;
/** The same if each peer beyond the number above has only one, so that no peer hides the problems of all others. */
export const NAMED_OF_A_KIND_MAX = 16;
/** The part of these that hosts without a session so far may take. */
export const STRANGERS_OF_A_KIND = 4;
/** The time after which a problem ends if nobody has met it again, in ms. */
export const QUIET_MS = 120_000;
/** The time between two descriptions of one problem, in ms. Each is a line in the log. */
const REPHRASED_MS = 60_000;
/** The least growth of a problem's age between two descriptions that differ only in their numbers. */
const GROWTH = 4;
/** The problems that may begin per second, and at once, so that stations cannot flood the log with them. */
const BEGUN_PER_SECOND = 1;
const BEGUN_BURST = 32;

/** The receiver of problems. */
export interface ProblemPorts {
  /** Reports a problem that begins, or that is described in other words. */
  problemBegun(problem: Problem): void;
  /** Reports the end of such a problem. */
  problemEnded(id: DialProblemId, subject: string): void;
}

/** The facts about a problem's host, besides the text. */
export interface Concerned {
  /** The peer of the host; undefined if the problem concerns all hosts. */
  peer: Peer | undefined;
  /** True if the host has had a session. */
  isKnown: boolean;
}

/** A problem that is named at the moment. */
export interface NamedProblem {
  readonly id: DialProblemId;
  readonly subject: string;
  readonly concerned: Concerned;
  what: string;
  /** The time at which it began, at which it was last met, and that of its last description. */
  readonly beganMs: number;
  lastMs: number;
  describedMs: number;
}

/** A bounded list of the problems that are named at the moment. */
export class Named {
  readonly #ports: ProblemPorts;
  readonly #entries = new Map<string, NamedProblem>();
  readonly #budget = new Budget(BEGUN_PER_SECOND, BEGUN_BURST, 0);

  constructor(ports: ProblemPorts) {
    this.#ports = ports;
  }

  /** The number of problems. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns true if a problem is named. */
  has(id: DialProblemId, subject: string): boolean {
    return this.#entries.has(keyOf(id, subject));
  }

  /** Returns true if another problem of this kind can be named. */
  hasRoom(id: DialProblemId, { peer, isKnown }: Concerned, nowMs: number): boolean {
    let alike = 0;
    let strangers = 0;
    let isFirst = true;
    for (const entry of this.#entries.values()) {
      if (entry.id !== id) continue;
      alike++;
      if (entry.concerned.peer === peer) isFirst = false;
      if (!entry.concerned.isKnown) strangers++;
    }
    const most = isFirst ? NAMED_OF_A_KIND_MAX : NAMED_OF_A_KIND;
    if (alike >= most) return false;
    if (!isFirst && !isKnown && strangers >= STRANGERS_OF_A_KIND) return false;
    return this.#budget.left(nowMs) >= 1;
  }

  /**
   * Names a problem, or describes it again.
   *
   * @returns The named problem; undefined if too many are named already
   */
  begin(
    problem: DialProblem,
    concerned: Concerned,
    nowMs: number,
  ): NamedProblem | undefined {
    const { id, subject, what } = problem;
    const key = keyOf(id, subject);
    const present = this.#entries.get(key);
    if (present !== undefined) {
      present.lastMs = nowMs;
      if (present.what === what || nowMs < rephrasedMs(present, what)) return present;
      present.what = what;
      present.describedMs = nowMs;
      this.#ports.problemBegun(problem);
      return present;
    }
    if (!this.hasRoom(id, concerned, nowMs)) return undefined;
    this.#budget.spend(1);
    const named = {
      id,
      subject,
      concerned,
      what,
      beganMs: nowMs,
      lastMs: nowMs,
      describedMs: nowMs,
    };
    this.#entries.set(key, named);
    this.#ports.problemBegun(problem);
    return named;
  }

  /** Notes that a problem is still there, if it is named. */
  meet(named: NamedProblem | undefined, nowMs: number): void {
    if (named !== undefined) named.lastMs = nowMs;
  }

  /** Ends a problem if it is named. */
  end(id: DialProblemId, subject: string): void {
    if (this.#entries.size === 0) return;
    const key = keyOf(id, subject);
    if (this.#entries.delete(key)) this.#ports.problemEnded(id, subject);
  }

  /** Ends the problems of a peer's hosts; without a peer, all problems. */
  endAll(peer?: Peer): void {
    for (const { id, subject, concerned } of [...this.#entries.values()]) {
      if (peer === undefined || concerned.peer === peer) this.end(id, subject);
    }
  }

  /** Ends the problems that nobody has met for long. */
  expire(nowMs: number): void {
    for (const { id, subject, lastMs } of [...this.#entries.values()]) {
      if (nowMs - lastMs >= QUIET_MS) this.end(id, subject);
    }
  }

  /**
   * Checks the bounds.
   *
   * @throws {InvariantError} If something is wrong
   */
  audit(): void {
    const kinds = Map.groupBy(this.#entries.values(), ({ id }) => id);
    for (const [id, alike] of kinds) {
      assertInvariant(
        alike.length <= NAMED_OF_A_KIND_MAX,
        `too many problems of kind ${id} are named`,
      );
    }
  }
}

/** Returns the time from which a problem may be described in other words. */
function rephrasedMs({ what: before, beganMs, describedMs }: NamedProblem, what: string): number {
  const ageMs = withoutNumbers(before) === withoutNumbers(what) ? describedMs - beganMs : 0;
  return describedMs + Math.max(REPHRASED_MS, GROWTH * ageMs);
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+/g, "");
}

function keyOf(id: DialProblemId, subject: string): string {
  return `${id} ${subject}`;
}
