// The orders of an operator to a data plane: closing a session, and ending a stale one at the AC.

import type { LinkDevice } from "../link/device.ts";
import type { Control, ControlResult } from "../observe/control.ts";
import type { SessionStatus } from "../observe/status.ts";
import type { Relay, Session } from "../relay/mod.ts";
import { formatMac, parseMac, sameMac } from "../wire/mod.ts";
import { matcher } from "./session_search.ts";

/** Carries out orders of an operator. */
export class Operator {
  readonly #relay: Relay;
  readonly #link: LinkDevice;
  readonly #describe: (session: Session) => SessionStatus;

  /**
   * Connects the parts.
   *
   * @param relay The relay, which has the sessions
   * @param link The link, which must be up for a PADT
   * @param describe Describes a session as the status shows it
   */
  constructor(relay: Relay, link: LinkDevice, describe: (session: Session) => SessionStatus) {
    this.#relay = relay;
    this.#link = link;
    this.#describe = describe;
  }

  /** Carries out an order, and says what was done or why nothing was. */
  carryOut(control: Exclude<Control, { order: "discover" }>): ControlResult {
    switch (control.order) {
      case "close":
        return this.#close(control);
      case "padt":
        return this.#padt(control);
    }
  }

  #close({ filter }: Extract<Control, { order: "close" }>): ControlResult {
    const matches = matcher(this.#relay.options.side, filter);
    let found: Session | undefined;
    for (const session of this.#relay.sessions) {
      if (!matches(session)) continue;
      if (found !== undefined) return { refused: "several-sessions" };
      found = session;
    }
    if (found === undefined) return { refused: "unknown-session" };
    const session = this.#describe(found);
    this.#relay.close(found, "closed-by-operator", { link: true, tunnel: true });
    return { done: "closed", session };
  }

  #padt({ ac, host, id }: Extract<Control, { order: "padt" }>): ControlResult {
    const { side } = this.#relay.options;
    if (side === "client") return { refused: "no-ac-here" };
    const acMac = parseMac(ac);
    const hostMac = host === undefined ? this.#relay.linkMac : parseMac(host);
    if (sameMac(acMac, 0, this.#relay.linkMac, 0)) return { refused: "own-address" };
    if (this.#link.lanes === undefined) return { refused: "link-down" };
    if (!this.#relay.hangUpStale(acMac, hostMac, id)) return { refused: "known-session" };
    return { done: "sent", ac: formatMac(acMac), host: formatMac(hostMac), id };
  }
}
