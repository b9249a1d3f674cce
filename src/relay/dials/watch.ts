// A watch over the dials of hosts, from PADI to the first seconds of the session, which finds out what goes wrong.
//
// Theory of operation. Both sides see the same frames, so each has a watch of its own, and needs nothing from
// the other one:
//
//     PADI ──► PADO ──► PADR ──► PADS ──► LCP ──► authentication ──► ... ──► end
//       no-ac │ ac-refuses │ no-pads │ ac-refuses │ lcp-silent │ auth-failed │ short-sessions
//
// Discovery reports the frames that it has carried (`sought` to `refused`), the relay sessions that begin and end,
// and the data plane PPP control frames. Every second `tick` looks for answers that are overdue.
//
// A problem begins and ends with evidence: a PADO ends `no-ac`, a session ends `no-pads`. If a host gives up,
// there will be no evidence, and the problem ends by itself after a while (named.ts). Without a link or a tunnel,
// nothing is named, because the reason is known.
//
// All tables are bounded, and no data frame comes here.

import type { Side } from "../../side.ts";
import {
  type DiscoveryPacket,
  findTag,
  LCP_CODE,
  PPP_PROTOCOL,
  PPPOE,
  readProtocol,
  TAG,
} from "../../wire/mod.ts";
import { quote } from "../../wire/text.ts";
import { readUint16 } from "../../wire/uint16.ts";
import { assertInvariant } from "../../assert.ts";
import { type Cause, describeEnd, type SessionEnd } from "../cause.ts";
import type { Peer } from "../peer.ts";
import type { Session } from "../session.ts";
import { DialCounts, type DialFault, type DialValues } from "./counts.ts";
import { PROTOCOL_BYTES } from "../echo.ts";
import { type HostDial, Unanswered } from "./host_dial.ts";
import { HostTable } from "./host_table.ts";
import type { DialProblem, DialProblemId } from "./dial_problem.ts";
import { Named, type NamedProblem, type ProblemPorts, QUIET_MS } from "./named.ts";
import { SessionStart } from "./session_start.ts";
import {
  ALL_HOSTS,
  authFailed,
  findError,
  lcpSilent,
  noAc,
  noPads,
  type Place,
  refusalBy,
  shortSessions,
  shortText,
  subjectOf,
  unknownService,
} from "./words.ts";

/**
 * The time in which an AC must answer a PADI or PADR, in ms: a little more than the time after which common hosts
 * repeat them, so that a single lost frame is no problem.
 */
const ANSWER_MS = 5500;
/** The time in which another AC may make an offer after one has refused a PADI, in ms. */
const OFFER_MS = 2000;
/** The time for which an offer to a host that asks for any service shows that ACs answer, in ms. */
const OFFERED_MS = 600_000;
/** The time for which an offer shows that a single PADI without one was just lost, in ms. */
const LOST_MS = 60_000;
/** The time for which a session must last, in ms. */
const SHORT_MS = 10_000;
/** The number of sessions in a row that did not. */
const SHORT_SESSIONS = 3;
/** The time for which the start of a session is followed, in ms, unless a station is silent. */
const START_MS = 30_000;
/** The number of services that are remembered because an AC has offered them. */
const SERVICES = 32;
/** The length of the header of LCP and of the protocols modelled on it, and the offset of the length in it. */
const LCP_HLEN = 4;
const LCP_LENGTH_AT = 2;
/** The last PPP protocol that negotiates a network protocol (RFC 1661, section 2). */
const LAST_NETWORK_PROTOCOL = 0xbfff;

/** The challenge in a failure of MS-CHAP (RFC 2759, section 6), which nobody needs to see. */
const CHALLENGE = /\bC=[0-9A-Fa-f]+/g;

/** The codes of answers in PAP (RFC 1334), CHAP (RFC 1994) and EAP (RFC 3748). */
const PAP_ACK = 2;
const PAP_NAK = 3;
const SUCCESS = 3;
const FAILURE = 4;

/** The ends of sessions that say nothing about the dial. */
const OWN_CAUSES: ReadonlySet<Cause> = new Set<Cause>([
  "shutdown",
  "closed-by-operator",
  "moved",
  "not-allowed",
  "mac-changed",
  "tunnel-lost",
  "peer-lost",
  "peer-crowded-out",
  "ended-while-away",
  "peer-unknown",
]);

/** A dial that has failed. */
export interface DialFailure {
  outcome: DialFault;
  peer: Peer;
  hostMac: Uint8Array;
  /** The AC's address; undefined if there was none. */
  acMac?: Uint8Array;
  /** The session id; undefined before there is a session. */
  sessionId?: number;
  /** Details in words; undefined if there are none. */
  detail?: string;
}

/** The receiver of what the watch finds. */
export interface DialPorts extends ProblemPorts {
  /** Reports a dial that has failed. */
  dialFailed(failure: DialFailure): void;
}

/** Options of {@linkcode DialWatch}. */
export interface DialOptions {
  side: Side;
  /** The name of the link's interface; empty if it is unknown. */
  interfaceName: string;
  /** Returns true if a host has had a session. */
  knows(peer: Peer, hostMac: Uint8Array): boolean;
  /** Returns the number of open sessions. */
  sessions(): number;
}

/** A watch over the dials on one link. */
export class DialWatch {
  readonly #options: DialOptions;
  readonly #place: Place;
  readonly #ports: DialPorts;
  readonly #counts = new DialCounts();
  readonly #hosts = new HostTable();
  readonly #named: Named;
  /** The sessions that were opened a moment ago, and those with a silent station. */
  readonly #starts = new Map<Session, SessionStart>();
  /** The PADIs that no AC has answered, while no host got an answer. */
  readonly #unheard = new Unanswered();
  /** The host that has sent the last of these, and the service that all of them ask for. */
  #lastUnheard: HostDial | undefined = undefined;
  #unheardService: string | undefined = undefined;
  /** The peer whose hosts have sent all of them; undefined if they are of several peers. */
  #unheardPeer: Peer | undefined = undefined;
  /** The number of answers that belonged to nobody, since the first of these PADIs. */
  #strays = 0;
  /** The time of the last offer to a host, and to one that asks for any service. */
  #offeredMs = -Infinity;
  #anyOfferedMs = -Infinity;
  /** The services that an AC has offered to hosts that asked for them. */
  readonly #services = new Set<string>();
  #linkUp = true;
  #tickMs = -Infinity;

  /** Makes a watch, which knows of no dial at first. */
  constructor(options: DialOptions, ports: DialPorts) {
    const { side, interfaceName } = options;
    this.#options = options;
    this.#place = { side, interfaceName };
    this.#ports = ports;
    this.#named = new Named(ports);
  }

  /** The number of hosts that dial or have dialled lately. */
  get size(): number {
    return this.#hosts.size;
  }

  /** Returns all counts. */
  read(): DialValues {
    return this.#counts.read();
  }

  /** Counts a valid discovery frame, even if it is dropped later. */
  count(code: number, from: "link" | "tunnel"): void {
    this.#counts.frame(code, from);
  }

  /** Notes whether the link is up. While it is down, nothing is named. */
  setLink(isUp: boolean): void {
    if (!isUp && this.#linkUp) this.#forgetAll();
    this.#linkUp = isUp;
  }

  /**
   * Notes that a peer has lost its tunnel.
   *
   * @param isLast True if no other peer has a tunnel
   */
  tunnelLost(peer: Peer, isLast: boolean): void {
    if (isLast) return this.#forgetAll();
    this.#hosts.removePeer(peer);
    for (const session of peer.sessions) this.#starts.delete(session);
    this.#named.endAll(peer);
    // Hosts of other peers go on waiting for an answer.
    if (this.#unheardPeer === peer) this.#hear();
  }

  /** Notes a host's PADI that was carried. */
  sought(peer: Peer, packet: DiscoveryPacket, nowMs: number): void {
    if (!this.#linkUp) return;
    const dial = this.#use(peer, packet.source, nowMs);
    dial.padis.note(nowMs);
    const asked = findTag(packet.tags, TAG.SERVICE_NAME)?.value;
    const service = asked === undefined || asked.length === 0 ? undefined : shortText(asked);
    dial.service = service;
    if (this.#mayBeUnknown(service, nowMs)) return;
    if (this.#unheard.count === 0) {
      this.#unheardService = service;
      this.#unheardPeer = peer;
    } else {
      if (this.#unheardService !== service) this.#unheardService = undefined;
      if (this.#unheardPeer !== peer) this.#unheardPeer = undefined;
    }
    this.#unheard.note(nowMs);
    this.#lastUnheard = dial;
  }

  /** Notes an AC's PADO for a host. */
  offered(peer: Peer, hostMac: Uint8Array, packet: DiscoveryPacket, nowMs: number): void {
    this.#hear();
    const dial = this.#use(peer, hostMac, nowMs);
    const { count, firstMs } = dial.padis;
    dial.padis.clear();
    this.#endOf(dial, "no-ac");
    if (findError(packet.tags) !== undefined) {
      // Another AC may make an offer, or has made one. A host may ask again before that is clear.
      if (count > 0) {
        const { atMs = nowMs } = dial.refusal ?? {};
        dial.refusal = { problem: refusalBy(this.#place, dial, packet), atMs };
      }
      dial.acMac = packet.source.slice();
      return;
    }
    dial.refusal = undefined;
    this.#offeredMs = nowMs;
    const { service } = dial;
    if (service === undefined) this.#anyOfferedMs = nowMs;
    else this.#noteService(service);
    if (count > 0) this.#counts.padiToPado.note(nowMs - firstMs);
  }

  /** Notes an AC's PADO that belongs to nobody. */
  strayOffer(): void {
    // A client may get the answers for other clients.
    if (this.#options.side === "client") this.#hear();
    else if (this.#unheard.count > 0) this.#strays++;
  }

  /** Notes a host's PADR that was carried to an AC. */
  asked(peer: Peer, hostMac: Uint8Array, acMac: Uint8Array, nowMs: number): void {
    if (!this.#linkUp) return;
    const dial = this.#use(peer, hostMac, nowMs);
    // A host that has made its choice waits for no other offer.
    dial.padis.clear();
    dial.refusal = undefined;
    dial.padrs.note(nowMs);
    dial.acMac = acMac.slice();
  }

  /** Notes a PADS that opens no session. */
  refused(peer: Peer, hostMac: Uint8Array, packet: DiscoveryPacket, nowMs: number): void {
    const dial = this.#answered(peer, hostMac, nowMs);
    dial.acMac = packet.source.slice();
    this.#refuse(dial, refusalBy(this.#place, dial, packet), nowMs);
  }

  /** Notes that this program has refused a session which an AC has opened. */
  withheld(peer: Peer, hostMac: Uint8Array, nowMs: number): void {
    const dial = this.#answered(peer, hostMac, nowMs);
    this.#fail("refused", dial, { acMac: dial.acMac, detail: "no session is left for it" });
  }

  /** Notes a session that a PADS has opened. */
  opened(session: Session, nowMs: number): void {
    this.#counts.outcome("opened");
    const dial = this.#answered(session.peer, this.#hostOf(session), nowMs);
    dial.acMac = this.#acOf(session).slice();
    this.#endOf(dial, "ac-refuses");
    if (!session.peer.held) this.#starts.set(session, new SessionStart());
  }

  /** Notes the end of a session. */
  ended(session: Session, end: SessionEnd, nowMs: number): void {
    const start = this.#starts.get(session);
    if (start === undefined) return;
    this.#starts.delete(session);
    const lastedMs = nowMs - session.openedMs;
    if (lastedMs >= SHORT_MS || OWN_CAUSES.has(end.cause)) return;
    // A session that ends because of another problem says nothing more.
    if (start.authFailed || start.told) return;
    const dial = this.#use(session.peer, this.#hostOf(session), nowMs);
    const { farewell } = start;
    const why = describeEnd(end);
    const detail = farewell === undefined ? why : `${why}, after ${farewell}`;
    this.#fail("short", dial, { ...this.#factsOf(session), detail });
    if (nowMs - dial.shortEndMs >= QUIET_MS) dial.shortEnds = 0;
    dial.shortEnds++;
    dial.shortEndMs = nowMs;
    if (dial.shortEnds < SHORT_SESSIONS) return;
    const words = () => shortSessions(this.#place, dial, lastedMs, detail);
    this.#name("short-sessions", dial, nowMs, words);
  }

  /**
   * Notes a PPP control frame of a session. Checks each length, because the memory may extend beyond the frame.
   * Usually allocates nothing.
   *
   * @param session The session that owns the frame
   * @param memory The bytes that hold the frame
   * @param offset The offset of the frame in these bytes
   * @param length The length of the frame
   * @param from The direction of the frame
   * @param nowMs The time
   */
  control(
    session: Session,
    memory: Uint8Array,
    offset: number,
    length: number,
    from: "link" | "tunnel",
    nowMs: number,
  ): void {
    const bytes = length - PPPOE.payload - PROTOCOL_BYTES;
    if (bytes < LCP_HLEN) return;
    const at = offset + PPPOE.payload + PROTOCOL_BYTES;
    const fromAc = (from === "link") === (this.#options.side === "server");
    const code = memory[at];
    const protocol = readProtocol(memory, offset);
    const start = this.#starts.get(session);
    switch (protocol) {
      case PPP_PROTOCOL.LCP:
        if (start === undefined) return;
        start.lcp(code, fromAc, nowMs);
        if (code === LCP_CODE.TERMINATE_REQUEST && start.farewell === undefined) {
          const text = shortText(dataOf(memory, at, bytes));
          start.farewell = `LCP Terminate-Request from the ${fromAc ? "AC" : "host"}` +
            (text === "" ? "" : ` ${quote(text)}`);
        }
        return;
      case PPP_PROTOCOL.PAP:
        start?.up();
        if (!fromAc) return;
        if (code === PAP_ACK) this.#authPassed(session, start);
        else if (code === PAP_NAK && !start?.authFailed) {
          const data = dataOf(memory, at, bytes);
          // The message follows its length (RFC 1334, section 2.2.2).
          const text = shortText(data.subarray(1, 1 + (data.at(0) ?? 0)));
          this.#authFailed(session, "PAP", text, nowMs);
        }
        return;
      case PPP_PROTOCOL.CHAP:
      case PPP_PROTOCOL.EAP:
        start?.up();
        if (!fromAc) return;
        if (code === SUCCESS) this.#authPassed(session, start);
        else if (code === FAILURE && !start?.authFailed) {
          const isChap = protocol === PPP_PROTOCOL.CHAP;
          // Failures of EAP have no data (RFC 3748, section 4.2).
          const text = isChap ? shortText(dataOf(memory, at, bytes)) : "";
          const shown = text.replace(CHALLENGE, "C=...");
          this.#authFailed(session, isChap ? "CHAP" : "EAP", shown, nowMs);
        }
        return;
      default:
        // The network protocols come after the authentication (RFC 1661, section 3.5).
        if (protocol > LAST_NETWORK_PROTOCOL) return;
        start?.up();
        if (fromAc && code === LCP_CODE.CONFIGURE_REQUEST) this.#authPassed(session, start);
    }
  }

  /** Looks for answers that are overdue. Must be called about once a second. */
  tick(nowMs: number): void {
    for (const [session, start] of this.#starts) this.#follow(session, start, nowMs);
    for (const dial of this.#hosts) this.#look(dial, nowMs);
    this.#hosts.expire(nowMs, QUIET_MS);
    this.#lookForAcs(nowMs);
    this.#named.expire(nowMs);
    this.#tickMs = nowMs;
  }

  /**
   * Checks all tables, as `Relay.audit` does.
   *
   * @throws {InvariantError} If a table is inconsistent
   */
  audit(): void {
    this.#hosts.audit();
    this.#named.audit();
    assertInvariant(this.#services.size <= SERVICES, "too many services are remembered");
    for (const { state } of this.#starts.keys()) {
      assertInvariant(state !== "closed", "a session that has ended is still followed");
    }
  }

  // Follows a session until both stations have negotiated LCP, and it has lasted for a while.
  #follow(session: Session, start: SessionStart, nowMs: number): void {
    const silence = start.silence(nowMs);
    if (silence !== undefined) {
      if (start.told) return this.#named.meet(start.named, nowMs);
      start.told = true;
      const dial = this.#use(session.peer, this.#hostOf(session), nowMs);
      const { acMac, sessionId } = this.#factsOf(session);
      const detail = silence.who === "both"
        ? "neither station answers"
        : `the ${silence.who === "ac" ? "AC" : "host"} ${
          silence.isMute ? "is silent" : "does not answer"
        }`;
      this.#fail("lcp-silent", dial, { acMac, sessionId, detail });
      const facts = { id: sessionId, acMac };
      const words = () => lcpSilent(this.#place, dial, facts, silence);
      start.named = this.#name("lcp-silent", dial, nowMs, words);
      return;
    }
    if (start.isUp) this.#endFor(session, "lcp-silent");
    const ageMs = nowMs - session.openedMs;
    if (ageMs >= SHORT_MS && !start.lasted) {
      start.lasted = true;
      const dial = this.#hosts.find(session.peer, this.#hostOf(session));
      if (dial !== undefined) dial.shortEnds = 0;
      this.#endFor(session, "short-sessions");
    }
    if (ageMs >= START_MS) this.#starts.delete(session);
  }

  // Looks whether a host has waited for too long.
  #look(dial: HostDial, nowMs: number): void {
    const { padis, padrs, refusal } = dial;
    if (padrs.isOverdue(nowMs, ANSWER_MS)) {
      const isNew = !padrs.told;
      padrs.told = true;
      if (isNew) this.#fail("no-pads", dial, { acMac: dial.acMac });
      if (isNew || padrs.lastMs >= this.#tickMs) {
        const words = () => noPads(this.#place, dial, nowMs - padrs.firstMs);
        this.#name("no-pads", dial, nowMs, words);
      }
    }
    if (padis.isOverdue(nowMs, ANSWER_MS)) {
      const isNew = !padis.told;
      padis.told = true;
      if (isNew) this.#fail("no-pado", dial, {});
      if ((isNew || padis.lastMs >= this.#tickMs) && this.#mayBeUnknown(dial.service, nowMs)) {
        const words = () => unknownService(this.#place, dial, nowMs - padis.firstMs);
        this.#name("no-ac", dial, nowMs, words);
      }
    }
    if (refusal !== undefined && nowMs - refusal.atMs >= OFFER_MS) {
      dial.refusal = undefined;
      this.#refuse(dial, refusal.problem, nowMs);
    }
  }

  // Looks whether all ACs have been silent for too long.
  #lookForAcs(nowMs: number): void {
    const { count, firstMs, lastMs } = this.#unheard;
    if (count > 0 && nowMs - lastMs >= QUIET_MS) this.#hear();
    if (this.#lastUnheard === undefined || !this.#unheard.isOverdue(nowMs, ANSWER_MS)) return;
    if (count === 1 && nowMs - this.#offeredMs < LOST_MS) return;
    const isNamed = this.#named.has("no-ac", ALL_HOSTS);
    if (isNamed && lastMs < this.#tickMs) return;
    const problem = noAc(this.#place, {
      count,
      forMs: nowMs - firstMs,
      last: this.#lastUnheard,
      service: this.#unheardService,
      strays: this.#strays,
      sessions: this.#options.sessions(),
    });
    this.#named.begin(problem, { peer: undefined, isKnown: true }, nowMs);
  }

  // Notes that some AC answers.
  #hear(): void {
    this.#unheard.clear();
    this.#lastUnheard = undefined;
    this.#unheardService = this.#unheardPeer = undefined;
    this.#strays = 0;
    this.#named.end("no-ac", ALL_HOSTS);
  }

  #forgetAll(): void {
    this.#hosts.clear();
    this.#starts.clear();
    this.#hear();
    this.#named.endAll();
  }

  // Notes the PADS for a host, whatever it says.
  #answered(peer: Peer, hostMac: Uint8Array, nowMs: number): HostDial {
    this.#hear();
    const dial = this.#use(peer, hostMac, nowMs);
    const { count, firstMs } = dial.padrs;
    if (count > 0) this.#counts.padrToPads.note(nowMs - firstMs);
    dial.padrs.clear();
    dial.padis.clear();
    dial.refusal = undefined;
    this.#endOf(dial, "no-pads");
    return dial;
  }

  #refuse(dial: HostDial, problem: DialProblem, nowMs: number): void {
    this.#fail("refused", dial, { acMac: dial.acMac, detail: problem.what });
    this.#name("ac-refuses", dial, nowMs, () => problem);
  }

  #authFailed(session: Session, protocol: string, text: string, nowMs: number): void {
    let start = this.#starts.get(session);
    if (start === undefined) this.#starts.set(session, start = new SessionStart());
    start.authFailed = true;
    const dial = this.#use(session.peer, this.#hostOf(session), nowMs);
    const facts = this.#factsOf(session);
    const detail = text === "" ? protocol : `${protocol}: ${quote(text)}`;
    this.#fail("auth-failed", dial, { ...facts, detail });
    const words = () => authFailed(this.#place, dial, facts.acMac, protocol, text);
    this.#name("auth-failed", dial, nowMs, words);
  }

  #authPassed(session: Session, start: SessionStart | undefined): void {
    if (start !== undefined) start.authFailed = false;
    this.#endFor(session, "auth-failed");
  }

  // Returns true if hosts that ask for any service get offers, and nobody has got one for this service.
  #mayBeUnknown(service: string | undefined, nowMs: number): boolean {
    return service !== undefined && nowMs - this.#anyOfferedMs < OFFERED_MS &&
      !this.#services.has(service);
  }

  #noteService(service: string): void {
    this.#services.delete(service);
    this.#services.add(service);
    if (this.#services.size <= SERVICES) return;
    const [oldest] = this.#services;
    this.#services.delete(oldest);
  }

  #use(peer: Peer, hostMac: Uint8Array, nowMs: number): HostDial {
    return this.#hosts.use(peer, hostMac, this.#options.knows(peer, hostMac), nowMs);
  }

  #hostOf({ nearMac, farMac }: Session): Uint8Array {
    return this.#options.side === "client" ? nearMac : farMac;
  }

  #acOf({ nearMac, farMac }: Session): Uint8Array {
    return this.#options.side === "client" ? farMac : nearMac;
  }

  #factsOf(session: Session): { acMac: Uint8Array; sessionId: number } {
    return { acMac: this.#acOf(session), sessionId: session.tunnelId };
  }

  #fail(
    outcome: DialFault,
    { peer, hostMac }: HostDial,
    facts: Pick<DialFailure, "acMac" | "sessionId" | "detail">,
  ): void {
    this.#counts.outcome(outcome);
    this.#ports.dialFailed({ outcome, peer, hostMac, ...facts });
  }

  // Names a problem of a host, unless too many are named already. Thousands of hosts may have it at once.
  #name(
    id: DialProblemId,
    dial: HostDial,
    nowMs: number,
    describe: () => DialProblem,
  ): NamedProblem | undefined {
    const { peer, hostMac } = dial;
    // The session of a peer without a tunnel may be refused, but its hosts no longer wait.
    if (peer.held) return undefined;
    const isKnown = this.#options.knows(peer, hostMac);
    const mayBegin = this.#named.hasRoom(id, { peer, isKnown }, nowMs);
    if (!mayBegin && !this.#named.has(id, subjectOf(this.#place, dial))) return undefined;
    return this.#named.begin(describe(), { peer, isKnown }, nowMs);
  }

  #endOf(dial: HostDial, id: DialProblemId): void {
    if (this.#named.size > 0) this.#named.end(id, subjectOf(this.#place, dial));
  }

  #endFor(session: Session, id: DialProblemId): void {
    if (this.#named.size === 0) return;
    const { peer } = session;
    this.#named.end(id, subjectOf(this.#place, { peer, hostMac: this.#hostOf(session) }));
  }
}

// Returns the data of a packet in the format of LCP, as far as it is there.
function dataOf(memory: Uint8Array, at: number, bytes: number): Uint8Array {
  const length = Math.min(readUint16(memory, at + LCP_LENGTH_AT), bytes);
  return memory.subarray(at + LCP_HLEN, at + Math.max(LCP_HLEN, length));
}
