// A relay, and everything that can be told beside it about what it does: each frame is its owner's, each
// session ends once and those are told who have to be, and the tables are those of the journal.

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

/** A session that is open, with what nobody but the simulation knows. */
export interface Entry {
  nearMac: Uint8Array;
  farMac: Uint8Array;
  tunnelId: number;
  /** The key of its peer. */
  key: string | undefined;
  /** Which session it truly is; undefined for one that something hostile has opened. */
  grant: Grant | undefined;
}

/** A frame for the link; of a PADT, the end of a session that it is. */
export interface Sent {
  bytes: Uint8Array;
  padt?: Letter;
}

/** One call of the relay, and what it did meanwhile. */
export interface Call {
  from: "link" | "tunnel" | "own";
  hostile: boolean;
  /** The tunnel. */
  end?: End;
  /** As the frame came. */
  bytes?: Uint8Array;
  /** Frames for the link. */
  link: Sent[];
  /** Frames and lists for tunnels. */
  tunnel: { id: number; bytes?: Uint8Array; payload?: Uint8Array }[];
  drops: number[];
}

const SHARE_OF_LISTS_UNSENT = 0.02;
const PROBE_BYTES = 24;
/** How late a plane may end what it holds: it looks at the time once a turn, to a tenth of a second. */
const LATE_MS = 200;
const NO_TELLING: Record<string, Cause> = {
  anew: "id-reused",
  listed: "ended-while-away",
};

/** The methods of a relay that do something. */
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

/** Looks at each call of the relay of one program, run after run. */
export class Guard {
  /** Undefined while the program is not there. */
  relay: Relay | undefined;
  /** The substitute for the program's state directory. */
  state = new State();
  /** The sessions that were opened and not closed, by their serials. */
  readonly journal = new Map<number, Entry>();
  readonly #program: Program;
  readonly #world: World;
  #serial = 1;
  #call: Call | undefined;
  /** True while something hostile is given to the relay. */
  #hostile = false;
  /** True until a run has taken up what it can. */
  #starting = false;
  /** The frame that the relay sends to the link at this moment, and the last PADTs that it has sent. */
  #sending: Sent | undefined;
  readonly #padts = new Map<string, Sent>();
  /** Peers that the relay has to forget some day. */
  readonly #peers = new Set<Peer>();
  /** When those who have no tunnel, by their keys, had one last. */
  readonly #lostMs = new Map<string, number>();
  readonly #probe = new Uint8Array(PROBE_BYTES);

  constructor(program: Program) {
    this.#program = program;
    this.#world = program.world;
    this.#probe.set([0x88, 0x64, 0x11], ETHERNET.etherType[0]);
  }

  /** The number of the next session. */
  get nextSerial(): number {
    return this.#serial;
  }

  /** A new run begins, with what is left in the journal. */
  begin(withState: boolean): void {
    if (!withState) {
      this.#serial = 1;
      for (const { grant } of this.journal.values()) {
        if (grant !== undefined) this.#excuse(grant, `${this.#program.name} lost it`);
      }
      this.journal.clear();
      this.#lostMs.clear();
      this.#padts.clear();
      this.state = new State();
    }
    this.#peers.clear();
    this.#starting = true;
  }

  /** Makes the relay of a run, and looks at whatever is asked of it. */
  makeRelay(options: RelayOptions, ports: RelayPorts): Relay {
    const relay = this.relay = this.#world.faults.relay(options, this.#ports(ports));
    for (const name of METHODS) this.#wrap(relay, name);
    return relay;
  }

  /** The run has taken up what it can. */
  started(): void {
    this.#starting = false;
    this.#audit(this.relay!);
  }

  /** The process is gone. */
  end(): void {
    for (const peer of this.relay?.peersByTunnel.values() ?? []) this.#lost(peer);
    this.relay = undefined;
    this.state.deadMs = this.#world.timeline.nowMs;
  }

  #lost({ key }: Peer): void {
    if (key !== undefined) this.#lostMs.set(key, this.#world.timeline.nowMs);
  }

  /** Nobody has been waited for longer than for the grace time, whatever ended meanwhile. */
  assertGrace(): void {
    const relay = this.relay!;
    for (const { key, sessions } of relay.held) {
      if (sessions.size === 0) continue;
      const awayMs = this.#world.timeline.nowMs - this.#lostMs.get(key!)!;
      hold(
        awayMs < relay.options.graceMs + LATE_MS,
        () => `${this.#program.name} has waited for ${key} for ${awayMs} ms`,
      );
    }
  }

  /** Gives the relay something that nobody has sent. */
  hostile(act: (relay: Relay, nowMs: number) => void): void {
    this.#hostile = true;
    try {
      act(this.relay!, this.#world.timeline.nowMs);
    } finally {
      this.#hostile = false;
    }
  }

  /** What is known of a frame that goes to the link; of one that was kept, what was known then. */
  sent(bytes: Uint8Array): Sent | undefined {
    return this.#sending ?? this.#padts.get(bytes.toHex());
  }

  // Has each call of a method go through `run`, with what it is about.
  #wrap(relay: Relay, name: Method): void {
    // deno-lint-ignore no-explicit-any
    const call = (relay[name] as any).bind(relay) as (...parameters: any[]) => unknown;
    // deno-lint-ignore no-explicit-any
    (relay as any)[name] = (...parameters: any[]) => {
      // One that the relay makes by itself is a part of another one.
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
          () => `${this.#program.name} did not take a list that was to come`,
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
            () => `${this.#program.name} took a frame for another's session`,
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
        () => `${this.#program.name} sent a PADT for no session`,
      );
    }
    this.#settlePads(all);
    if (!this.#starting) this.#audit(relay);
    return result;
  }

  /** The relay has no session, and nothing of any peer: it has no tunnel either. */
  assertEmpty(): void {
    const { name } = this.#program;
    hold(this.relay?.sessions.size === 0, () => `${name} has a session left`);
    hold(this.journal.size === 0, () => `the journal of ${name} has a session left`);
    hold(this.#peers.size === 0, () => `${name} keeps something of a peer for ever`);
  }

  // A letter that came from the link was taken for one of this session.
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
      `${this.#program.name} took a letter of ${sent.number} for one of ${grant.number}`;
    if (this.#program.side === "server") {
      // An id that the AC has given anew is the old owner's until the PADS has come by.
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

  // And one that came from a tunnel, where the addresses are real: one station of each side, and one id.
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
      () => `${this.#program.name} took a letter of ${sent.number} for one of ${grant.number}`,
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
      hold(this.#call !== undefined, `${this.#program.name} did something by itself`);
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
      drop: (reason) => {
        call().drops.push(reason);
        ports.drop(reason);
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
    hold(serial === this.#serial++, () => `${this.#program.name} numbered a session ${serial}`);
    hold(
      call.from === (this.#program.side === "server" ? "link" : "tunnel"),
      "opened from the wrong side",
    );
    const macs = { nearMac: nearMac.slice(), farMac: farMac.slice() };
    this.journal.set(serial, { ...macs, tunnelId, key, grant: undefined });
  }

  #closed(call: Call, session: Session, cause: Cause): void {
    const { serial, nearMac, farMac, shownMac, tunnelId, linkId, peer } = session;
    const entry = this.journal.get(serial);
    hold(
      entry !== undefined,
      () => `${this.#program.name} closed session ${serial} that was not open`,
    );
    this.journal.delete(serial);
    // One that was taken up for this session alone is still expected back.
    if (peer.key !== undefined) this.#peers.add(peer);
    const { grant } = entry;
    const told = () => `${this.#program.name} closed session ${grant?.number ?? "?"} (${cause})`;
    this.#world.note(this.#program.name, `closed session ${grant?.number ?? "?"} (${cause})`);
    this.#world.count(`closed: ${cause}`);
    const padt = call.bytes !== undefined && isPadt(call.bytes);

    // A station has said so itself, or has given the id to somebody else and knows the old one no more.
    const onLink = call.link.find((sent) =>
      sent.padt === undefined && isPadtTo(sent.bytes, nearMac, shownMac, linkId)
    );
    const known = (call.from === "link" && padt) || cause === NO_TELLING.anew;
    hold(known || onLink !== undefined, () => `${told()} and did not tell its link`);
    // The peer has no tunnel, has said so itself, or has just said that it has no such session.
    const inTunnel = call.tunnel.some(({ id, bytes }) =>
      id === peer.tunnel && bytes !== undefined && isPadtTo(bytes, farMac, nearMac, tunnelId)
    );
    const knownFar = peer.held || (call.from === "tunnel" && padt) ||
      cause === NO_TELLING.anew || cause === NO_TELLING.listed;
    hold(knownFar || inTunnel, () => `${told()} and did not tell its tunnel`);

    if (call.hostile && call.from === "tunnel") {
      hold(peer.tunnel === call.end!.id, () => `${told()}, for somebody else`);
    }
    if (grant === undefined) {
      if (onLink !== undefined) onLink.padt = this.#nobodysEnd();
      return;
    }
    if (call.hostile) {
      grant.excuse.server ??= "hostile";
      grant.excuse.client ??= "hostile";
    }
    // It is somebody else's end, with the same addresses and id: of another host there, or of the session
    // before, which has met the PADS of this one on its way.
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
    hold(!(this.#world.keeps && grant.established), () => `${told()}, which could be kept`);
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

  // What something hostile had opened may be anybody's.
  #nobodysEnd(): Letter {
    return this.#end(this.#world.truth.grants[0], true);
  }

  #excuse(grant: Grant, why: string): void {
    grant.excuse[this.#program.side] ??= why;
  }

  // A PADS for nobody who waits is answered by a PADT: the AC has made a session for it.
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

  // A PADS that went through says which session it truly is that the relay has now.
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
      const right = end === undefined || end.far === dial.host.client;
      hold(right, () => `${this.#program.name} sent what is ${dial.host.name}'s to another client`);
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
        // Who copies what a host has sent can change what it gets.
        (this.#world.plan.hostile || answersHost(shown, host));
      hold(right, () => `${this.#program.name} sent what is ${host.name}'s to another host`);
      if (grant !== undefined) this.#assign(this.relay!.sessions.atLinkAs(sent.bytes), grant);
    }
  }

  #assign(session: Session | undefined, grant: Grant): void {
    hold(
      session !== undefined,
      () => `${this.#program.name} let a PADS pass and has no session for it`,
    );
    const entry = this.journal.get(session.serial)!;
    // To the same host, with the same id: nobody but the AC knows that it is another one.
    if (entry.grant !== undefined && entry.grant !== grant) {
      this.#excuse(entry.grant, NO_TELLING.anew);
    }
    entry.grant = grant;
    grant.seenMs[this.#program.side] ??= this.#world.timeline.nowMs;
  }

  // Each session is found by each index and is in the journal; nothing is whose it should not be.
  #audit(relay: Relay): void {
    const { sessions } = relay;
    try {
      relay.audit();
    } catch (error) {
      throw new Violation(`${this.#program.name}: ${(error as Error).message}`);
    }
    hold(
      sessions.size === this.journal.size,
      () =>
        `${this.#program.name} has ${sessions.size} sessions, and ${this.journal.size} were not closed`,
    );
    hold(
      this.state.sessions.size === this.journal.size,
      () => `${this.#program.name} has noted ${this.state.sessions.size} of ${this.journal.size}`,
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
      hold(found, () => `${this.#program.name} does not find session ${serial} everywhere`);
      hold(
        peer.key === entry.key,
        () => `${this.#program.name} gave session ${serial} away`,
      );
      this.#peers.add(peer);
      if (peer.held) continue;
      const right = relay.peersByTunnel.get(peer.tunnel) === peer &&
        this.#program.ends.get(peer.tunnel)?.key === peer.key;
      hold(right, () => `session ${serial} of ${this.#program.name} is not its tunnel's`);
    }
    for (const [id, peer] of relay.peersByTunnel) {
      this.#peers.add(peer);
      hold(this.#program.ends.has(id), () => `${this.#program.name} has a tunnel that is gone`);
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

// A session frame without what is behind it in its buffer.
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
