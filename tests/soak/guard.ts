// Watches a relay from outside: each frame reaches its owner, each session ends once, everybody who must
// know of its end is told, and the relay's tables agree with the journal.

import {
  type Cause,
  DROP_REASONS,
  type Peer,
  type Relay,
  type RelayOptions,
  type RelayPorts,
  type Session,
} from "../../src/relay/mod.ts";
import {
  CODE,
  ETH_P_PPP_SES,
  ETHERNET,
  frameLength,
  parseDiscovery,
  readCode,
  readEtherType,
  readSessionId,
  sameMac,
} from "../../src/wire/mod.ts";
import { answersHost } from "./host.ts";
import type { Program } from "./program.ts";
import { State } from "./state.ts";
import type { Grant, Letter } from "./truth.ts";
import { type End, isPadt } from "./connection.ts";
import { hold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** An open session, with facts that only the simulation knows. */
export interface Entry {
  nearMac: Uint8Array;
  farMac: Uint8Array;
  tunnelId: number;
  /** The key of its peer. */
  key: string | undefined;
  /** The session's true identity; undefined if something hostile has opened it. */
  grant: Grant | undefined;
}

/** A frame for the link; for a PADT, with the end of the session that it announces. */
export interface Sent {
  bytes: Uint8Array;
  padt?: Letter;
}

/** One call of the relay, and everything that the relay did during it. */
export interface Call {
  from: "link" | "tunnel" | "own";
  hostile: boolean;
  /** The tunnel that the call is about. */
  end?: End;
  /** The frame as it arrived. */
  bytes?: Uint8Array;
  /** Frames for the link. */
  link: Sent[];
  /** Frames and lists for tunnels. */
  tunnel: { id: number; bytes?: Uint8Array; payload?: Uint8Array }[];
  drops: number[];
}

const SHARE_OF_LISTS_UNSENT = 0.02;
const PROBE_BYTES = 24;
/** The maximum delay in ending held sessions: a plane looks at the time once a turn, rounded to 100 ms. */
const LATE_MS = 200;
const NO_TELLING: Record<string, Cause> = {
  anew: "id-reused",
  listed: "ended-while-away",
};

/** The methods that change a relay's state or make it send. */
const METHODS = [
  "addTunnel",
  "close",
  "closeAll",
  "closePeer",
  "discoveryFromLink",
  "discoveryFromTunnel",
  "due",
  "expireHeld",
  "listFromTunnel",
  "removeTunnel",
  "restore",
  "sessionFromLink",
  "sessionFromTunnel",
  "setLinkMac",
  "tick",
] as const;
type Method = typeof METHODS[number];

/** Checks each call of the relay of one program, run after run. */
export class Guard {
  /** Undefined while the program is not running. */
  relay: Relay | undefined;
  /** The substitute for the program's state directory. */
  state = new State();
  /** The sessions that were opened and not closed, by serial. */
  readonly journal = new Map<number, Entry>();
  readonly #program: Program;
  readonly #world: World;
  #serial = 1;
  #call: Call | undefined;
  /** True while the relay is given something hostile. */
  #hostile = false;
  /** True until a run has restored the sessions that it can. */
  #starting = false;
  /** The frame that the relay is sending to the link, and the last PADTs that it has sent. */
  #sending: Sent | undefined;
  readonly #padts = new Map<string, Sent>();
  /** Peers that the relay must forget at some time. */
  readonly #peers = new Set<Peer>();
  /** The problems of dials that have begun and not ended. */
  readonly #lasting = new Set<string>();
  /** The times at which peers lost their last tunnel, by key. */
  readonly #lostMs = new Map<string, number>();
  readonly #probe = new Uint8Array(PROBE_BYTES);

  constructor(program: Program) {
    this.#program = program;
    this.#world = program.world;
    this.#probe.set([0x88, 0x64, 0x11], ETHERNET.etherType[0]);
  }

  /** The serial of the next session. */
  get nextSerial(): number {
    return this.#serial;
  }

  /** Begins a new run, with the sessions that are left in the journal. */
  begin(withState: boolean): void {
    if (!withState) {
      this.#serial = 1;
      for (const { grant } of this.journal.values()) {
        if (grant !== undefined) this.#excuse(grant, `${this.#program.name} lost its state`);
      }
      this.journal.clear();
      this.#lostMs.clear();
      this.#padts.clear();
      this.state = new State();
    }
    this.#peers.clear();
    this.#starting = true;
  }

  /** Makes the relay of a run, and checks everything that is asked of it. */
  makeRelay(options: RelayOptions, ports: RelayPorts): Relay {
    this.#lasting.clear();
    const relay = this.relay = this.#world.faults.relay(options, this.#ports(ports));
    for (const name of METHODS) this.#wrap(relay, name);
    return relay;
  }

  /** Notes that the run has restored the sessions that it can. */
  started(): void {
    this.#starting = false;
    this.#audit(this.relay!);
  }

  /** Notes that the process is gone. */
  end(): void {
    for (const peer of this.relay?.peersByTunnel.values() ?? []) this.#lost(peer);
    this.relay = undefined;
    this.state.deadMs = this.#world.timeline.nowMs;
  }

  #lost({ key }: Peer): void {
    if (key !== undefined) this.#lostMs.set(key, this.#world.timeline.nowMs);
  }

  /** Asserts that no peer's sessions are held for longer than the grace time, whatever ended meanwhile. */
  assertGrace(): void {
    const relay = this.relay!;
    for (const { key, sessions } of relay.held) {
      if (sessions.size === 0) continue;
      const awayMs = this.#world.timeline.nowMs - this.#lostMs.get(key!)!;
      hold(
        awayMs < relay.options.graceMs + LATE_MS,
        () => `${this.#program.name} has held the sessions of ${key} for ${awayMs} ms`,
      );
    }
  }

  /** Gives the relay something that nobody in the simulation has sent. */
  hostile(act: (relay: Relay, nowMs: number) => void): void {
    this.#hostile = true;
    try {
      act(this.relay!, this.#world.timeline.nowMs);
    } finally {
      this.#hostile = false;
    }
  }

  /** Returns the facts about a frame for the link; for a kept one, as they were when it was kept. */
  sent(bytes: Uint8Array): Sent | undefined {
    return this.#sending ?? this.#padts.get(bytes.toHex());
  }

  // Routes each call of a method through `#run`, with the facts about it.
  #wrap(relay: Relay, name: Method): void {
    // deno-lint-ignore no-explicit-any
    const call = (relay[name] as any).bind(relay) as (...parameters: any[]) => unknown;
    // deno-lint-ignore no-explicit-any
    (relay as any)[name] = (...parameters: any[]) => {
      // A call that the relay makes itself is a part of the outer one.
      if (this.#call !== undefined) return call(...parameters);
      const about = this.#about(name, parameters);
      const result = this.#run(relay, about, () => call(...parameters));
      this.#after(name, parameters, about, result);
      return result;
    };
  }

  // deno-lint-ignore no-explicit-any
  #about(name: Method, parameters: any[]): Partial<Call> & Pick<Call, "from"> {
    const hostile = (bytes: Uint8Array) => this.#hostile || this.#world.isHostile(bytes);
    switch (name) {
      case "discoveryFromLink": {
        const bytes = parameters[0].slice();
        return { from: "link", bytes, hostile: hostile(bytes) };
      }
      case "sessionFromLink": {
        const bytes = whole(parameters[0], parameters[1]);
        return { from: "link", bytes, hostile: hostile(bytes) };
      }
      case "discoveryFromTunnel": {
        const bytes = parameters[1].slice();
        const end = this.#program.ends.get(parameters[0]);
        return { from: "tunnel", end, bytes, hostile: hostile(bytes) };
      }
      case "sessionFromTunnel": {
        const bytes = whole(parameters[1], parameters[2]);
        const end = this.#program.ends.get(parameters[0]);
        return { from: "tunnel", end, bytes, hostile: hostile(bytes) };
      }
      case "listFromTunnel":
        return {
          from: "tunnel",
          end: this.#program.ends.get(parameters[0]),
          hostile: this.#hostile,
        };
      case "removeTunnel":
        this.#losing = this.relay!.peersByTunnel.get(parameters[0]);
        return { from: "own" };
      default:
        return { from: "own" };
    }
  }

  #losing: Peer | undefined;

  // deno-lint-ignore no-explicit-any
  #after(name: Method, parameters: any[], call: Partial<Call>, result: unknown): void {
    switch (name) {
      case "addTunnel": {
        const { key } = this.relay!.peersByTunnel.get(parameters[0])!;
        if (key !== undefined) this.#lostMs.delete(key);
        if (result !== 0) this.#world.count("takeovers");
        return;
      }
      case "removeTunnel":
        if (this.#losing !== undefined) this.#lost(this.#losing);
        return;
      case "listFromTunnel":
        hold(
          result !== false || call.end?.tampered === true,
          () => `${this.#program.name} rejected an expected session list`,
        );
        return;
      case "sessionFromLink":
      case "sessionFromTunnel": {
        if (typeof result === "number") return this.#world.count(`drop ${DROP_REASONS[result]}`);
        const session = result as Session;
        const fromLink = name === "sessionFromLink";
        const rewritten = fromLink
          ? whole(parameters[0], parameters[1])
          : whole(parameters[1], parameters[2]);
        this.#world.saw(rewritten);
        if (!fromLink) {
          hold(
            session.tunnel === parameters[0],
            () => `${this.#program.name} accepted a frame for the session of another client`,
          );
        }
        if (call.hostile) return this.#world.markHostile(rewritten);
        if (fromLink) this.#checkFromLink(call.bytes!, session);
        else this.#checkFromTunnel(call.bytes!, session);
      }
    }
  }

  #run<T>(relay: Relay, call: Partial<Call> & Pick<Call, "from">, act: () => T): T {
    const all: Call = { hostile: false, link: [], tunnel: [], drops: [], ...call };
    this.#call = all;
    let result: T;
    try {
      result = act();
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation(`the relay of ${this.#program.name} threw: ${(error as Error).stack}`);
    } finally {
      this.#call = undefined;
    }
    for (const reason of all.drops) this.#world.count(`drop ${DROP_REASONS[reason]}`);
    this.#settleRefusal(all);
    for (const { bytes, padt } of all.link) {
      hold(
        !isPadt(bytes) || padt !== undefined || all.hostile,
        () => `${this.#program.name} sent a PADT without a session`,
      );
    }
    this.#settlePads(all);
    if (!this.#starting) this.#audit(relay);
    return result;
  }

  /** Asserts that the relay, which has no tunnel left, has no session and remembers no peer. */
  assertEmpty(): void {
    const { name } = this.#program;
    hold(this.relay?.sessions.size === 0, () => `${name} has a session left`);
    hold(this.journal.size === 0, () => `the journal of ${name} has a session left`);
    hold(this.#peers.size === 0, () => `${name} never forgets a peer`);
  }

  // Checks that a frame from the link was assigned to the right session.
  #checkFromLink(bytes: Uint8Array, { serial }: Session): void {
    const { grant } = this.journal.get(serial)!;
    const letter = this.#letter(bytes);
    if (grant === undefined) letter.excused = true;
    if (grant === undefined || letter.excused || letter.grant === grant) return;
    const sent = letter.grant;
    const { host } = sent.dial;
    const near = host.near(grant.dial.host);
    const alike = near && sent.ac === grant.ac && sent.id === grant.id;
    if (alike) return;
    const told = () =>
      `${this.#program.name} took a frame of session ${sent.number} for one of ${grant.number}`;
    if (this.#program.side === "server") {
      // An id that the AC has reused belongs to its old owner until the PADS has passed.
      const unseen = sent.seenMs.server === undefined;
      hold(unseen || letter.sentMs <= grant.openedMs, told);
    } else {
      hold(near, told);
      const stale = letter.sentMs <= (grant.seenMs.client ?? Infinity);
      const forgot = sent.excuse.client !== undefined;
      hold(host !== grant.dial.host || stale || forgot, told);
    }
    letter.excused = true;
  }

  // Checks the same for a frame from a tunnel, where addresses are real: both stations and the id must match.
  #checkFromTunnel(bytes: Uint8Array, { serial }: Session): void {
    const { grant } = this.journal.get(serial)!;
    const letter = this.#letter(bytes);
    if (grant === undefined) letter.excused = true;
    if (grant === undefined || letter.excused || letter.grant === grant) return;
    const sent = letter.grant;
    const alike = sent.dial.host.near(grant.dial.host) && sent.ac === grant.ac &&
      sent.id === grant.id;
    hold(
      alike,
      () =>
        `${this.#program.name} took a frame of session ${sent.number} for one of ${grant.number}`,
    );
  }

  #letter(bytes: Uint8Array): Letter {
    const letter = this.#world.truth.letterOf(bytes);
    hold(
      letter !== undefined,
      () => `${this.#program.name} got a session frame that no station sent`,
    );
    return letter;
  }

  #ports(ports: RelayPorts): RelayPorts {
    const call = (): Call => {
      hold(this.#call !== undefined, `${this.#program.name} acted outside of a call`);
      return this.#call;
    };
    return {
      ...ports,
      toLink: (frame) => {
        const sent: Sent = { bytes: frame.slice() };
        call().link.push(sent);
        if (isPadt(frame)) this.#padts.set(frame.toHex(), sent);
        else if (call().hostile) this.#world.markHostile(sent.bytes);
        this.#sending = sent;
        ports.toLink(frame);
        this.#sending = undefined;
      },
      toTunnel: (id, frame) => {
        const bytes = frame.slice();
        call().tunnel.push({ id, bytes });
        this.#world.saw(bytes);
        if (call().hostile) this.#world.markHostile(bytes);
        this.#world.note(this.#program.name, `to tunnel ${id}`, bytes);
        ports.toTunnel(id, frame);
      },
      listToTunnel: (id, payload) => {
        const { plan, random } = this.#world;
        if (plan.kind === "wild" && random.chance(SHARE_OF_LISTS_UNSENT)) {
          this.#program.ends.get(id)!.tamper();
          return false;
        }
        call().tunnel.push({ id, payload: payload.slice() });
        return ports.listToTunnel(id, payload);
      },
      problemBegun: (problem) => {
        this.#lasting.add(`${problem.id} ${problem.subject}`);
        ports.problemBegun(problem);
      },
      problemEnded: (id, subject) => {
        hold(
          this.#lasting.delete(`${id} ${subject}`),
          () => `${this.#program.name} ended problem ${id}, which had not begun`,
        );
        ports.problemEnded(id, subject);
      },
      drop: (reason, from) => {
        call().drops.push(reason);
        ports.drop(reason, from);
      },
      opened: (session) => {
        this.#opened(call(), session);
        ports.opened(session);
      },
      closed: (session, end) => {
        this.#closed(call(), session, end.cause);
        ports.closed(session, end);
      },
      forgotten: (peer) => {
        hold(this.#peers.delete(peer), `${this.#program.name} forgot a peer twice`);
        ports.forgotten(peer);
      },
    };
  }

  #opened(call: Call, session: Session): void {
    const { serial, peer: { key }, nearMac, farMac, tunnelId } = session;
    hold(
      serial === this.#serial++,
      () => `${this.#program.name} gave a session the wrong serial, ${serial}`,
    );
    hold(
      call.from === (this.#program.side === "server" ? "link" : "tunnel"),
      `${this.#program.name} opened a session for a frame from the wrong direction`,
    );
    const macs = { nearMac: nearMac.slice(), farMac: farMac.slice() };
    this.journal.set(serial, { ...macs, tunnelId, key, grant: undefined });
  }

  #closed(call: Call, session: Session, cause: Cause): void {
    const { serial, nearMac, farMac, shownMac, tunnelId, linkId, peer } = session;
    const entry = this.journal.get(serial);
    hold(
      entry !== undefined,
      () => `${this.#program.name} closed session ${serial}, which was not open`,
    );
    this.journal.delete(serial);
    // A peer that was restored for this session alone is still expected back.
    if (peer.key !== undefined) this.#peers.add(peer);
    const { grant } = entry;
    const told = () => `${this.#program.name} closed session ${grant?.number ?? "?"} (${cause})`;
    this.#world.note(this.#program.name, `closed session ${grant?.number ?? "?"} (${cause})`);
    this.#world.count(`closed: ${cause}`);
    const padt = call.bytes !== undefined && isPadt(call.bytes);

    // The station has sent a PADT itself, or has reused the id and forgotten the old session.
    const onLink = call.link.find((sent) =>
      sent.padt === undefined && isPadtTo(sent.bytes, nearMac, shownMac, linkId)
    );
    const known = (call.from === "link" && padt) || cause === NO_TELLING.anew;
    hold(known || onLink !== undefined, () => `${told()} and sent no PADT to its link`);
    // The peer has no tunnel, has sent a PADT itself, or has just listed its sessions without this one.
    const inTunnel = call.tunnel.some(({ id, bytes }) =>
      id === peer.tunnel && bytes !== undefined && isPadtTo(bytes, farMac, nearMac, tunnelId)
    );
    const knownFar = peer.held || (call.from === "tunnel" && padt) ||
      cause === NO_TELLING.anew || cause === NO_TELLING.listed;
    hold(knownFar || inTunnel, () => `${told()} and sent no PADT to its tunnel`);

    if (call.hostile && call.from === "tunnel") {
      hold(peer.tunnel === call.end!.id, () => `${told()} because of a frame from another client`);
    }
    if (grant === undefined) {
      if (onLink !== undefined) onLink.padt = this.#nobodysEnd();
      return;
    }
    if (call.hostile) {
      grant.excuse.server ??= "hostile";
      grant.excuse.client ??= "hostile";
    }
    // The PADT was for another session with the same addresses and id: one of another host there, or the
    // previous one, whose PADT has crossed the PADS of this one.
    const otherSide = this.#program.side === "server" ? "client" : "server";
    if (padt && !grant.told[call.from === "link" ? this.#program.side : otherSide]) {
      grant.excuse.server ??= "hung up by another";
      grant.excuse.client ??= "hung up by another";
    }
    if (cause === NO_TELLING.anew) grant.excuse[this.#program.side] ??= cause;
    if (onLink !== undefined) {
      onLink.padt = this.#end(grant, call.hostile);
      grant.told[this.#program.side] = true;
    }
    hold(!(this.#world.keeps && grant.established), () => `${told()}, which could have been kept`);
  }

  #end(grant: Grant, excused: boolean): Letter {
    return {
      number: -1,
      grant,
      from: this.#program.side === "server" ? "host" : "ac",
      sentMs: this.#world.timeline.nowMs,
      arrived: false,
      excused,
    };
  }

  // A session that something hostile has opened may belong to anybody.
  #nobodysEnd(): Letter {
    return this.#end(this.#world.truth.grants[0], true);
  }

  #excuse(grant: Grant, why: string): void {
    grant.excuse[this.#program.side] ??= why;
  }

  // A PADS that nobody waits for is answered by a PADT, since the AC has made a session for it.
  #settleRefusal({ from, bytes, link }: Call): void {
    if (from !== "link" || bytes === undefined || readCode(bytes) !== CODE.PADS) return;
    const packet = parseDiscovery(bytes);
    const grant = packet && this.#world.truth.grantOf(packet.tags);
    if (packet === undefined || grant === undefined) return;
    const { source, destination, sessionId } = packet;
    for (const sent of link) {
      if (sent.padt !== undefined || !isPadtTo(sent.bytes, source, destination, sessionId)) {
        continue;
      }
      sent.padt = this.#end(grant, false);
      this.#world.count("refused");
    }
  }

  // A PADS that was forwarded tells the true identity of the session that the relay has now.
  #settlePads({ from, bytes, link, tunnel, hostile }: Call): void {
    if (hostile || bytes === undefined || readEtherType(bytes) === ETH_P_PPP_SES) return;
    const code = readCode(bytes);
    if (code !== CODE.PADS && code !== CODE.PADO) return;
    const packet = parseDiscovery(bytes);
    if (packet === undefined) return;
    const grant = this.#world.truth.grantOf(packet.tags);
    const dial = grant?.dial ?? this.#world.truth.dialOf(packet.tags);
    if (dial === undefined) return;
    if (from === "link") {
      const sent = tunnel.find(({ bytes }) => bytes !== undefined && !isPadt(bytes));
      if (sent === undefined) return;
      const end = this.#program.ends.get(sent.id);
      // A PADI may wait before it is sent, so nobody can tell any more that it is a hostile copy of a host's.
      const copied = this.#world.plan.hostile && code === CODE.PADO;
      const right = end === undefined || end.far === dial.host.client || copied;
      hold(
        right,
        () => `${this.#program.name} sent an answer for ${dial.host.name} to another client`,
      );
      if (grant === undefined) return;
      const { sessions } = this.relay!;
      this.#assign(
        sessions.atLink(packet.sessionId, packet.source, packet.destination),
        grant,
      );
    } else {
      const sent = link.find((sent) => !isPadt(sent.bytes));
      if (sent === undefined) return;
      const shown = parseDiscovery(sent.bytes)!;
      const { host } = dial;
      const right = host.client === this.#program &&
        sameMac(shown.destination, 0, host.mac, 0) &&
        // Anybody who copies a host's frames can change the answers that it gets.
        (this.#world.plan.hostile || answersHost(shown, host));
      hold(right, () => `${this.#program.name} sent an answer for ${host.name} to another host`);
      if (grant !== undefined) this.#assign(this.relay!.sessions.atLinkAs(sent.bytes), grant);
    }
  }

  #assign(session: Session | undefined, grant: Grant): void {
    hold(
      session !== undefined,
      () => `${this.#program.name} forwarded a PADS without opening a session for it`,
    );
    const entry = this.journal.get(session.serial)!;
    // For the same host and with the same id, only the AC knows that it is another session.
    if (entry.grant !== undefined && entry.grant !== grant) {
      this.#excuse(entry.grant, NO_TELLING.anew);
    }
    entry.grant = grant;
    grant.seenMs[this.#program.side] ??= this.#world.timeline.nowMs;
  }

  // Asserts that each index finds each session, that the journal has it, and that it belongs to its peer.
  #audit(relay: Relay): void {
    const { sessions } = relay;
    try {
      relay.audit();
    } catch (error) {
      throw new Violation(`${this.#program.name}: ${(error as Error).message}`);
    }
    hold(
      this.#lasting.size === 0 || relay.peersByTunnel.size > 0,
      () => `${this.#program.name} names ${[...this.#lasting].join()} without a tunnel`,
    );
    hold(
      sessions.size === this.journal.size,
      () =>
        `${this.#program.name} has ${sessions.size} sessions, but ${this.journal.size} were not closed`,
    );
    hold(
      this.state.sessions.size === this.journal.size,
      () =>
        `${this.#program.name} has recorded ${this.state.sessions.size} of ${this.journal.size} sessions`,
    );
    for (const session of sessions) {
      const { nearMac, farMac, shownMac, linkId, tunnelId, peer, serial } = session;
      const entry = this.journal.get(serial);
      const found = entry !== undefined && this.state.sessions.has(serial) &&
        sessions.atLink(linkId, nearMac, shownMac) === session &&
        sessions.atPeer(peer, tunnelId, farMac, nearMac) === session &&
        sessions.findByLink(this.#as(nearMac, shownMac, linkId), 0) === session &&
        (peer.held ||
          sessions.findByTunnel(peer.tunnel, this.#as(farMac, nearMac, tunnelId), 0) === session);
      hold(found, () => `session ${serial} of ${this.#program.name} is missing from an index`);
      hold(
        peer.key === entry.key,
        () => `${this.#program.name} gave session ${serial} to another peer`,
      );
      this.#peers.add(peer);
      if (peer.held) continue;
      const right = relay.peersByTunnel.get(peer.tunnel) === peer &&
        this.#program.ends.get(peer.tunnel)?.key === peer.key;
      hold(right, () => `session ${serial} of ${this.#program.name} is not in its peer's tunnel`);
    }
    for (const [id, peer] of relay.peersByTunnel) {
      this.#peers.add(peer);
      hold(
        this.#program.ends.has(id),
        () => `the relay of ${this.#program.name} has a tunnel that is gone`,
      );
    }
  }

  #as(source: Uint8Array, destination: Uint8Array, id: number): Uint8Array {
    const probe = this.#probe;
    probe.set(destination, ETHERNET.destination[0]);
    probe.set(source, ETHERNET.source[0]);
    new DataView(probe.buffer).setUint16(16, id);
    return probe;
  }
}

// Returns a session frame without the bytes after it in its buffer.
function whole(frame: Uint8Array, offset: number): Uint8Array {
  const length = frameLength(frame, offset, frame.length - offset);
  return frame.slice(offset, offset + Math.max(0, length));
}

function isPadtTo(
  bytes: Uint8Array,
  destination: Uint8Array,
  source: Uint8Array,
  id: number,
): boolean {
  return isPadt(bytes) && readSessionId(bytes) === id &&
    sameMac(bytes, ETHERNET.destination[0], destination, 0) &&
    sameMac(bytes, ETHERNET.source[0], source, 0);
}
