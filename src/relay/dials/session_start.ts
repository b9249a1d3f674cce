// The start of one session: which of its stations have negotiated LCP, and what they have said at its end.

import { LCP_CODE } from "../../wire/mod.ts";
import type { NamedProblem } from "./named.ts";

/** The time after a Configure-Request in which the other station must have answered one, in ms. */
const ANSWER_MS = 9000;

/** The station that does not negotiate LCP, and what it does not do. */
export interface Silence {
  who: "ac" | "host" | "both";
  /** True if the station has sent nothing at all. */
  isMute: boolean;
}

/** What one station has sent. */
interface Sent {
  /** The time of its first Configure-Request; `Infinity` if there was none. */
  requestMs: number;
  /** True if it has answered a Configure-Request. */
  answers: boolean;
  /** True if it has sent any PPP control frame. */
  any: boolean;
}

/** The first seconds of a session. Notes a frame without an allocation. */
export class SessionStart {
  readonly #ac: Sent = { requestMs: Infinity, answers: false, any: false };
  readonly #host: Sent = { requestMs: Infinity, answers: false, any: false };
  /** True if a later phase of PPP than LCP has been seen. */
  #isLater = false;
  /** True if it was said that a station is silent, and the problem if it is named. */
  told = false;
  named: NamedProblem | undefined = undefined;
  /** True if the session has not ended within seconds. */
  lasted = false;
  /** True if the AC has rejected the host's credentials. */
  authFailed = false;
  /** The text of an LCP Terminate-Request. */
  farewell: string | undefined = undefined;

  /** True if both stations have negotiated LCP. */
  get isUp(): boolean {
    return this.#isLater || (this.#ac.answers && this.#host.answers);
  }

  /** Notes an LCP packet. */
  lcp(code: number, fromAc: boolean, nowMs: number): void {
    const sent = fromAc ? this.#ac : this.#host;
    sent.any = true;
    if (code === LCP_CODE.CONFIGURE_REQUEST) {
      if (nowMs < sent.requestMs) sent.requestMs = nowMs;
    } else if (code >= LCP_CODE.CONFIGURE_ACK && code <= LCP_CODE.CONFIGURE_REJECT) {
      sent.answers = true;
    }
  }

  /** Notes a packet of a later phase. */
  up(): void {
    this.#isLater = true;
  }

  /**
   * Finds the station that does not negotiate LCP with the other one, which does.
   *
   * @returns Undefined if both do, or neither has begun
   */
  silence(nowMs: number): Silence | undefined {
    if (this.isUp) return undefined;
    const ac = this.#host.requestMs + ANSWER_MS <= nowMs && !this.#ac.answers;
    const host = this.#ac.requestMs + ANSWER_MS <= nowMs && !this.#host.answers;
    if (ac && host) return { who: "both", isMute: false };
    if (ac) return { who: "ac", isMute: !this.#ac.any };
    if (host) return { who: "host", isMute: !this.#host.any };
    return undefined;
  }
}
