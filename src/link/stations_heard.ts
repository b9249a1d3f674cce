// The kinds of stations that are heard on a link, which show if it is the right one. No I/O.
//
// Hosts belong on a client's link, and ACs on a server's. Each side can recognize the other kind by the discovery
// frames that only that kind sends:
//
//     heard at a client                   means
//     nothing since the start             the wrong interface, or no host dials (quiet-link)
//     an AC, and hosts                    a second AC, which answers the hosts as well (second-ac)
//     an AC, and no host                  the sides are swapped, or it is the wrong interface (sides-swapped)
//
//     heard at a server                   means
//     hosts, and an AC                    nothing: an AC's segment may have hosts of its own
//     hosts, and no AC                    the same as the last line above, once no AC has answered a PADI
//
// A link that has had the right stations since it came up stays the right one: an AC may be off for a while, with
// hosts or another server of this program beside it.
//
// A server hears an AC only if that answers to this server, so it asks with a PADI of its own before it says that
// there is none.

import type { EventSink } from "../observe/events.ts";
import type { Problem } from "../problem.ts";
import type { Side } from "../side.ts";
import { CODE, ETHERNET, formatMac, readCode, sameMac } from "../wire/mod.ts";

/** The time without any frame after which a client's link is quiet, in ms. */
export const QUIET_MS = 10_000;
/** The time for which a station counts as there after its last frame, in ms. */
export const HEARD_MS = 60_000;
/** The time that an AC has to answer a PADI of this server's own, in ms. */
export const ANSWER_MS = 3000;
/** The time between two such PADIs, in ms. */
export const ASK_EVERY_MS = 10_000;
/** The time for which a client waits for the PADI of a host after it has heard an AC, in ms. */
export const HOST_MS = 2000;

const HOST_CODES: ReadonlySet<number> = new Set([CODE.PADI, CODE.PADR]);
const AC_CODES: ReadonlySet<number> = new Set([CODE.PADO, CODE.PADS, CODE.PADM, CODE.PADN]);

/** The stations of one kind. */
interface Kind {
  /** The address of the last one. */
  readonly mac: Uint8Array;
  /** The time of its first frame since the kind was last away. */
  firstMs: number;
  lastMs: number;
}

/** The surroundings of {@linkcode StationsHeard}. */
export interface StationsHeardParts {
  readonly side: Side;
  /** The name of the link's interface. */
  readonly name: string;
  readonly events: Pick<EventSink, "push" | "problem">;
  /** Sends a PADI of this server's own. */
  ask(): void;
}

/** The link as it is at a tick. */
export interface LinkNow {
  isUp: boolean;
  /** The number of open sessions, held ones included. */
  sessions: number;
  /** The number of session frames that came from the link since the start. */
  sessionFrames: number;
}

/** Notes which stations are heard on one link, and reports those that do not belong there. */
export class StationsHeard {
  readonly #parts: StationsHeardParts;
  #hosts = unheard();
  #acs = unheard();
  /** True once any PPPoE frame has come from the link. */
  #anything = false;
  /** The time since which the link is up. */
  #upMs: number | undefined;
  /** The time of the first PADI of our own that was not answered; undefined if none was sent. */
  #askedMs: number | undefined;
  #askAgainMs = -Infinity;
  #swapped = false;
  /** True once the stations that belong here were heard, or had a session, since the link came up. */
  #isRight = false;
  #quiet = false;

  /** Makes a watch that has heard nothing. */
  constructor(parts: StationsHeardParts) {
    this.#parts = parts;
  }

  /** True while stations are heard that belong to the other side, and none that belong here. */
  get isSwapped(): boolean {
    return this.#swapped;
  }

  /**
   * Notes a discovery frame from the link.
   *
   * @param memory The memory that has the frame, which is complete
   * @param offset The offset of the frame
   * @param linkMac The address of the link's interface, whose own frames do not count
   * @param nowMs The time
   */
  discovery(memory: Uint8Array, offset: number, linkMac: Uint8Array, nowMs: number): void {
    this.#anything = true;
    const source = offset + ETHERNET.source[0];
    if (sameMac(memory, source, linkMac, 0)) return;
    const code = readCode(memory, offset);
    const kind = HOST_CODES.has(code) ? this.#hosts : AC_CODES.has(code) ? this.#acs : undefined;
    if (kind === undefined) return;
    kind.mac.set(memory.subarray(source, source + kind.mac.length));
    if (!isThere(kind, nowMs)) kind.firstMs = nowMs;
    kind.lastMs = nowMs;
    if (kind === this.#acs && this.#parts.side === "server") this.#refuted();
  }

  /**
   * Looks for what is wrong; to be called about once a second.
   *
   * @param link The link as it is now
   * @param nowMs The time
   */
  tick({ isUp, sessions, sessionFrames }: LinkNow, nowMs: number): void {
    if (!isUp) return this.#forget();
    this.#upMs ??= nowMs;
    if (sessionFrames > 0) this.#anything = true;
    const isClient = this.#parts.side === "client";
    const { lastMs } = isClient ? this.#hosts : this.#acs;
    if (sessions > 0 || lastMs > -Infinity) this.#isRight = true;
    if (isClient) {
      this.#lookForHosts(nowMs);
      this.#tellQuiet(sessions, nowMs);
    } else this.#lookForAcs(nowMs);
  }

  // Another cable may be in when the link is back.
  #forget(): void {
    this.#upMs = undefined;
    this.#isRight = false;
    this.#hosts = unheard();
    this.#acs = unheard();
    this.#refuted();
    this.#setQuiet(false);
  }

  #lookForHosts(nowMs: number): void {
    const { name, events } = this.#parts;
    if (!isThere(this.#acs, nowMs)) return this.#setSwapped(undefined);
    const mac = formatMac(this.#acs.mac);
    if (this.#isRight) {
      this.#setSwapped(undefined);
      return events.problem(secondAc(name, mac));
    }
    if (nowMs >= this.#acs.firstMs + HOST_MS) this.#setSwapped(acAmongHosts(name, mac));
  }

  #lookForAcs(nowMs: number): void {
    if (this.#isRight || !isThere(this.#hosts, nowMs)) return this.#refuted();
    if (nowMs >= this.#askAgainMs) {
      this.#askAgainMs = nowMs + ASK_EVERY_MS;
      this.#askedMs ??= nowMs;
      this.#parts.ask();
    }
    if (this.#askedMs === undefined || nowMs < this.#askedMs + ANSWER_MS) return;
    this.#setSwapped(hostsAmongAcs(this.#parts.name, formatMac(this.#hosts.mac)));
  }

  #refuted(): void {
    this.#askedMs = undefined;
    this.#setSwapped(undefined);
  }

  #tellQuiet(sessions: number, nowMs: number): void {
    const isQuiet = !this.#anything && sessions === 0;
    this.#setQuiet(isQuiet && nowMs >= this.#upMs! + QUIET_MS);
  }

  #setSwapped(problem: Problem | undefined): void {
    const { events } = this.#parts;
    if (problem === undefined) {
      if (this.#swapped) {
        events.push({ type: "problem-ended", id: "sides-swapped", subject: "" });
      }
    } else if (!this.#swapped) events.push({ type: "problem-begun", problem });
    this.#swapped = problem !== undefined;
  }

  #setQuiet(isQuiet: boolean): void {
    const { events, name } = this.#parts;
    if (isQuiet === this.#quiet) return;
    this.#quiet = isQuiet;
    if (isQuiet) events.push({ type: "problem-begun", problem: quietLink(name) });
    else events.push({ type: "problem-ended", id: "quiet-link" });
  }
}

function unheard(): Kind {
  return { mac: new Uint8Array(6), firstMs: -Infinity, lastMs: -Infinity };
}

function isThere({ lastMs }: Kind, nowMs: number): boolean {
  return nowMs < lastMs + HEARD_MS;
}

function hostsAmongAcs(name: string, mac: string): Problem {
  return {
    id: "sides-swapped",
    subject: "",
    what:
      `Hosts dial on ${name} (the last one is ${mac}), where the AC should be, and no AC answers ` +
      `there: client and server are swapped, or ${name} is the wrong interface`,
    advice:
      "run the server on the machine beside the AC and the client on that beside the hosts, " +
      "or name the interface that leads to the AC with --interface",
    blocks: true,
  };
}

function acAmongHosts(name: string, mac: string): Problem {
  return {
    id: "sides-swapped",
    subject: "",
    what:
      `An AC (${mac}) answers on ${name}, where the hosts should be, and no host dials there: ` +
      `client and server are swapped, or ${name} is the wrong interface`,
    advice:
      "run the client on the machine beside the hosts and the server on that beside the AC, " +
      "or name the interface that leads to the hosts with --interface",
    blocks: true,
  };
}

function secondAc(name: string, mac: string): Problem {
  return {
    id: "second-ac",
    subject: mac,
    what:
      `Another AC (${mac}) answers the hosts on ${name}, so they may get their sessions from it ` +
      "instead of the AC behind the server",
    advice: "find the station with this address: switch its PPPoE server off, keep it off this " +
      "segment, or set the AC's or the service's name at the hosts",
  };
}

function quietLink(name: string): Problem {
  return {
    id: "quiet-link",
    subject: "",
    what: `No PPPoE frame has come from ${name} since the start, so no host dials there`,
    advice:
      `check that ${name} leads to the hosts (--interface, cable, switch, VLAN), and that they ` +
      `dial with PPPoE (tcpdump -eni ${name} pppoed); a pppd of this machine needs a veth pair`,
  };
}
