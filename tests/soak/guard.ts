// A relay, and everything that can be told beside it about what it does: each frame is its owner's, each
// session ends once and those are told who have to be, and the tables are those of the journal.

import { SessionJournal } from "../../src/dataplane/session_journal.ts";
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
import { type End, isPadt } from "./tunnel.ts";
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

/** One call of the relay, and what it did meanwhile. */
export interface Call {
  from: "link" | "tunnel" | "own";
  hostile: boolean;
  /** The tunnel. */
  end?: End;
  /** As the frame came. */
  bytes?: Uint8Array;
  /** Frames for the link; of a PADT, what it ends. */
  link: { bytes: Uint8Array; padt?: Letter }[];
  /** Frames and lists for tunnels. */
  tunnel: { id: number; bytes?: Uint8Array; payload?: Uint8Array }[];
  drops: number[];
}

const SHARE_OF_LISTS_UNSENT = 0.02;
const PROBE_BYTES = 24;
const NO_TELLING: Record<string, Cause> = {
  anew: "id-reused",
  listed: "ended-while-away",
};

/** What stands round the relay of one program, run after run. */
export class Guard {
  /** Undefined while the program is not running. */
  relay: Relay | undefined;
  /** The sessions that were opened and not closed, by their serials. */
  readonly journal = new Map<number, Entry>();
  readonly #program: Program;
  readonly #world: World;
  #serial = 1;
  #call: Call | undefined;
  /** Peers that the relay has to forget some day. */
  readonly #peers = new Set<Peer>();
  #state = new State();
  #journal!: SessionJournal;
  /** When those who have no tunnel, by their keys, had one last. */
  readonly #lostMs = new Map<string, number>();
  readonly #probe = new Uint8Array(PROBE_BYTES);

  constructor(program: Program) {
    this.#program = program;
    this.#world = program.world;
    this.#probe.set([0x88, 0x64, 0x11], ETHERNET.etherType[0]);
  }

  /** A new run begins: of the journal is left what can be taken up. */
  begin(options: RelayOptions, withState: boolean): void {
    if (!withState) {
      this.#serial = 1;
      for (const { grant } of this.journal.values()) {
        if (grant !== undefined) this.#excuse(grant, `${this.#program.name} lost it`);
      }
      this.journal.clear();
      this.#lostMs.clear();
      this.#state = new State();
    }
    const clock = () => this.#world.timeline.nowMs;
    this.#journal = new SessionJournal(this.#state, this.#state.peersAway, clock);
    this.#peers.clear();
    this.relay = this.#world.makeRelay({ ...options, firstSerial: this.#serial }, this.#ports());
  }

  /** Takes up what the state has. */
  restore(): Call {
    const { nowMs } = this.#world.timeline;
    return this.run({ from: "own" }, (relay) => {
      this.#state.restore(relay, nowMs);
      for (const peer of relay.held) this.#journal.noteAway(peer, nowMs);
    });
  }

  /** A peer has a tunnel, of which the relay knows. */
  connected(peer: Peer): void {
    if (peer.key !== undefined) this.#lostMs.delete(peer.key);
    this.#journal.notAway(peer);
  }

  /** A peer has a tunnel no more, of which the relay knows. */
  disconnected(peer: Peer): void {
    this.#lost(peer);
    this.#journal.noteAway(peer, this.#world.timeline.nowMs);
  }

  /** The process is gone. */
  end(): void {
    for (const peer of this.relay?.peersByTunnel.values() ?? []) this.#lost(peer);
    this.relay = undefined;
    this.#state.deadMs = this.#world.timeline.nowMs;
  }

  #lost({ key }: Peer): void {
    if (key !== undefined) this.#lostMs.set(key, this.#world.timeline.nowMs);
  }

  /** Nobody has been waited for longer than for the grace time, whatever ended meanwhile. */
  assertGrace(relay: Relay): void {
    for (const { key, sessions } of relay.held) {
      if (sessions.size === 0) continue;
      const awayMs = this.#world.timeline.nowMs - this.#lostMs.get(key!)!;
      hold(
        awayMs < relay.options.graceMs,
        () => `${this.#program.name} has waited for ${key} for ${awayMs} ms`,
      );
    }
  }

  /** Calls the relay, and looks at all that it did. */
  run(call: Partial<Call> & Pick<Call, "from">, act: (relay: Relay) => void): Call {
    const { relay } = this;
    hold(relay !== undefined, `${this.#program.name} does not run`);
    const whole: Call = { hostile: false, link: [], tunnel: [], drops: [], ...call };
    this.#call = whole;
    try {
      act(relay);
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation(`the relay of ${this.#program.name} threw: ${(error as Error).stack}`);
    } finally {
      this.#call = undefined;
    }
    for (const reason of whole.drops) this.#world.count(`drop ${DROP_REASONS[reason]}`);
    this.#settleRefusal(whole);
    for (const { bytes, padt } of whole.link) {
      hold(
        !isPadt(bytes) || padt !== undefined || whole.hostile,
        () => `${this.#program.name} sent a PADT for no session`,
      );
    }
    this.#settlePads(whole);
    this.#audit(relay);
    return whole;
  }

  /** The relay has no session, and nothing of any peer: it has no tunnel either. */
  assertEmpty(): void {
    const { name } = this.#program;
    hold(this.relay?.sessions.size === 0, () => `${name} has a session left`);
    hold(this.journal.size === 0, () => `the journal of ${name} has a session left`);
    hold(this.#peers.size === 0, () => `${name} keeps something of a peer for ever`);
  }

  /** A letter that came from the link was taken for one of this session. */
  checkFromLink(bytes: Uint8Array, { serial }: Session): void {
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

  /** And one that came from a tunnel, where the addresses are real: one station of each side, and one id. */
  checkFromTunnel(bytes: Uint8Array, { serial }: Session): void {
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

  #ports(): RelayPorts {
    const call = (): Call => {
      hold(this.#call !== undefined, `${this.#program.name} did something by itself`);
      return this.#call;
    };
    return {
      toLink: (frame) => call().link.push({ bytes: frame.slice() }),
      toTunnel: (id, frame) => call().tunnel.push({ id, bytes: frame.slice() }),
      listToTunnel: (id, payload) => {
        const { plan, random } = this.#world;
        if (plan.kind === "wild" && random.chance(SHARE_OF_LISTS_UNSENT)) {
          const end = this.#program.ends.get(id)!;
          end.tampered = end.peer.tampered = true;
          return false;
        }
        call().tunnel.push({ id, payload: payload.slice() });
        return true;
      },
      drop: (reason) => call().drops.push(reason),
      problem() {},
      opened: (session) => this.#opened(call(), session),
      closed: (session, { cause }) => this.#closed(call(), session, cause),
      forgotten: (peer) => {
        hold(this.#peers.delete(peer), `${this.#program.name} forgot a peer twice`);
        this.#journal.notAway(peer);
        this.#program.forgotten(peer);
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
    this.#journal.opened(session, this.#world.timeline.nowMs);
  }

  #closed(call: Call, session: Session, cause: Cause): void {
    const { serial, nearMac, farMac, shownMac, tunnelId, linkId, peer } = session;
    const entry = this.journal.get(serial);
    hold(
      entry !== undefined,
      () => `${this.#program.name} closed session ${serial} that was not open`,
    );
    this.journal.delete(serial);
    this.#journal.closed(session);
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
      const right = end === undefined || end.peer.program === dial.host.client;
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
      this.#state.sessions.size === this.journal.size,
      () => `${this.#program.name} has noted ${this.#state.sessions.size} of ${this.journal.size}`,
    );
    for (const session of sessions) {
      const { nearMac, farMac, shownMac, linkId, tunnelId, peer, serial } = session;
      const entry = this.journal.get(serial);
      const found = entry !== undefined && this.#state.sessions.has(serial) &&
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
