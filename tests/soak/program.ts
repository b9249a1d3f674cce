// A client or a server as a process: its relay, its tunnels, its journal, and everything that can be told
// at this place about what the relay does.

import { DROP_REASONS, type Relay, type RelayPorts, type Session } from "../../src/relay/mod.ts";
import type { Remote, Side } from "../../src/relay/mod.ts";
import {
  CODE,
  ETH_P_PPP_SES,
  ETHERNET,
  isUnicastMac,
  parseDiscovery,
  readCode,
  readEtherType,
  readSessionId,
  sameMac,
} from "../../src/wire/mod.ts";
import { hostUniqOf } from "./host.ts";
import type { Segment } from "./segment.ts";
import type { Grant, Letter } from "./truth.ts";
import { type End, isPadt, type Leave, type Message, type Sent } from "./tunnel.ts";
import { hold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** A session as a state file has it, with what nobody but the simulation knows. */
interface Entry {
  serial: number;
  peerMac: Uint8Array;
  farMac: Uint8Array;
  facingMac: Uint8Array;
  tunnelId: number;
  linkId: number;
  openedMs: number;
  remote: { key: string | undefined; name: string };
  /** Which session it truly is; undefined for one that something hostile has opened. */
  grant: Grant | undefined;
}

/** One call of the relay, and what it does meanwhile. */
interface Call {
  from: "link" | "tunnel" | "own";
  hostile: boolean;
  /** The tunnel. */
  end?: End;
  /** As the frame came. */
  bytes?: Uint8Array;
  link: Sent[];
  tunnel: { id: number; bytes?: Uint8Array; payload?: Uint8Array }[];
  drops: number[];
}

const LATE_TICK_MS = 5000;
const SHARE_OF_LISTS_UNSENT = 0.02;
const FIXED_HOST_UNIQ = new TextEncoder().encode("isp");
const PROBE_BYTES = 24;
const NO_TELLING = {
  anew: "its id was given anew",
  listed: "the other side has it no more",
};

/** What both modes have. */
export abstract class Program {
  readonly side: Side;
  readonly name: string;
  readonly world: World;
  readonly segment: Segment;
  linkMac: Uint8Array;
  relay: Relay | undefined;
  /** How many times it was started. */
  incarnation = 0;
  /** Its tunnels that are up, by their numbers. */
  readonly ends = new Map<number, End>();
  /** Those sessions that the journal has. */
  readonly journal = new Map<number, Entry>();
  /** When it was killed. */
  #deadMs = 0;
  #serial = 1;
  #tunnels = 0;
  #call: Call | undefined;
  /** Remotes that the relay has to forget some day. */
  readonly #remotes = new Set<Remote>();
  readonly #probe = new Uint8Array(PROBE_BYTES);

  constructor(world: World, side: Side, name: string, segment: Segment, linkMac: Uint8Array) {
    this.world = world;
    this.side = side;
    this.name = name;
    this.segment = segment;
    this.linkMac = linkMac;
    segment.heard = (bytes) => this.#hear(bytes);
    this.#probe.set([0x88, 0x64, 0x11], ETHERNET.etherType[0]);
  }

  get running(): boolean {
    return this.relay !== undefined;
  }

  /** Takes a message of a tunnel. */
  abstract receive(end: End, message: Message): void;
  /** A connection has broken. */
  abstract lost(end: End): void;
  /** The program is up. */
  protected abstract started(): void;
  protected forgotten(_remote: Remote): void {}

  /** Whether it has this session. */
  has(grant: Grant): boolean {
    return [...this.journal.values()].some((entry) => entry.grant === grant);
  }

  /** Starts it; with its state, it takes up the sessions that the journal has. */
  start(withState: boolean): void {
    if (this.running) return;
    const { world } = this;
    const { timeline, plan } = world;
    this.incarnation++;
    world.note(this.name, `starts ${withState ? "with" : "without"} its state`);
    if (!withState) {
      this.forgetState();
      this.#serial = 1;
    }
    const entries = [...this.journal.values()];
    for (const { serial, grant, remote } of entries) {
      if (withState && remote.key !== undefined) continue;
      this.journal.delete(serial);
      if (grant !== undefined) this.#excuse(grant, `${this.name} lost it`);
    }
    this.#remotes.clear();
    this.#tunnels = 0;
    const relay = this.relay = world.makeRelay({
      side: this.side,
      mac: this.side === "server" ? plan.serverMac : plan.clientMac,
      linkMac: this.linkMac,
      idleMs: plan.idleMs,
      deadMs: plan.deadMs,
      graceMs: plan.graceMs,
      firstSerial: this.#serial,
      tags: plan.fixedHostUniq ? { hostUniq: FIXED_HOST_UNIQ } : {},
      newToken: () => world.random.bytes(8),
    }, this.#ports());
    this.run({ from: "own" }, () => {
      for (const entry of this.journal.values()) {
        const { key, name } = entry.remote;
        const remote = { key: key!, name, heldSinceMs: this.#deadMs };
        relay.restore(entry, remote, timeline.nowMs);
      }
    });
    this.#tick(this.incarnation);
    this.started();
  }

  /** What it was is gone with its state. */
  protected forgetState(): void {}

  /** Ends it at once, in the middle of everything. */
  kill(how: Leave): void {
    if (!this.running) return;
    this.world.note(this.name, `is killed (${how})`);
    this.#gone();
    for (const end of this.ends.values()) end.close(how);
    this.ends.clear();
  }

  /** Stops it; unless they are kept, all sessions are closed on both sides. */
  stop(keep: boolean): void {
    if (!this.running) return;
    this.world.note(this.name, `stops${keep ? ", and keeps its sessions" : ""}`);
    if (!keep) {
      this.run({ from: "own" }, (relay) => relay.closeAll("shutdown"));
      hold(this.relay!.sessions.size === 0, `${this.name} has sessions after its stop`);
    }
    for (const end of this.ends.values()) {
      end.send({ type: "goodbye", replaced: false });
      end.close("orderly");
    }
    this.ends.clear();
    this.#gone();
  }

  /** The interface gets another address. */
  changeLinkMac(mac: Uint8Array): void {
    if (!this.running) return;
    this.world.note(this.name, "gets another address");
    this.linkMac = mac;
    this.run({ from: "own" }, (relay) => relay.setLinkMac(mac));
  }

  /** Gives the relay something that nobody in this world has sent; through a certain tunnel, or some one. */
  disturb(
    from: "link" | "tunnel",
    what: Uint8Array,
    kind: "session" | "discovery" | "list",
    through?: End,
  ): void {
    if (!this.running) return;
    if (from === "link") return this.#takeFromLink(what, kind === "session", true);
    const ends = [...this.ends.values()];
    if (ends.length === 0) return;
    const end = through ?? this.world.random.pick(ends);
    end.tampered = end.peer.tampered = true;
    const message: Message = kind === "list"
      ? { type: kind, payload: what, hostile: true }
      : { type: kind, bytes: what, hostile: true };
    this.fromTunnel(end, message);
  }

  /** Nothing is left of anything. */
  assertEmpty(): void {
    const { relay } = this;
    if (relay === undefined) return;
    hold(relay.sessions.size === 0, () => `${this.name} has a session left`);
    hold(this.journal.size === 0, () => `the journal of ${this.name} has a session left`);
    for (const end of [...this.ends.values()]) this.dropTunnel(end);
    hold(this.#remotes.size === 0, () => `${this.name} keeps something of a remote for ever`);
  }

  protected addTunnel(end: End, key: string | undefined, name: string): void {
    end.id = ++this.#tunnels;
    end.key = key;
    this.ends.set(end.id, end);
    const { nowMs } = this.world.timeline;
    let replaced = 0;
    this.run({ from: "own" }, (relay) => {
      replaced = relay.addTunnel(end.id, key, name, nowMs);
      // As the data plane does in the same turn.
      const old = this.ends.get(replaced);
      if (old === undefined) return;
      this.world.note(this.name, `replaces tunnel ${replaced} by ${end.id}`);
      this.world.count("takeovers");
      old.send({ type: "goodbye", replaced: true });
      old.close("orderly");
      relay.removeTunnel(replaced, "the tunnel is gone", nowMs);
      this.ends.delete(replaced);
    });
  }

  /** The tunnel is over, as the relay hears it. */
  protected dropTunnel(end: End, reason = "the tunnel is gone"): void {
    end.closed = true;
    if (this.ends.get(end.id) !== end) return;
    this.ends.delete(end.id);
    this.world.note(this.name, `loses tunnel ${end.id}`);
    const { nowMs } = this.world.timeline;
    this.run({ from: "own" }, (relay) => relay.removeTunnel(end.id, reason, nowMs));
  }

  /** Takes what is for the relay. */
  protected fromTunnel(end: End, message: Message): void {
    const hostile = "hostile" in message && message.hostile === true;
    const { nowMs } = this.world.timeline;
    switch (message.type) {
      case "list":
        this.run(
          { from: "tunnel", end, hostile },
          (relay) => relay.listFromTunnel(end.id, message.payload.slice()),
        );
        return;
      case "discovery": {
        const { bytes } = message;
        lend(
          bytes,
          (lent) =>
            this.run(
              { from: "tunnel", end, hostile, bytes },
              (relay) => relay.discoveryFromTunnel(end.id, lent, nowMs),
            ),
        );
        return;
      }
      case "session":
        return this.#sessionFromTunnel(end, message.bytes, hostile);
    }
  }

  /** Calls the relay, and looks at all that it did. */
  protected run(call: Partial<Call> & Pick<Call, "from">, act: (relay: Relay) => void): void {
    const { relay } = this;
    if (relay === undefined) return;
    const whole: Call = { hostile: false, link: [], tunnel: [], drops: [], ...call };
    this.#call = whole;
    try {
      act(relay);
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation(`the relay of ${this.name} threw: ${(error as Error).stack}`);
    } finally {
      this.#call = undefined;
    }
    for (const reason of whole.drops) this.world.count(`drop ${DROP_REASONS[reason]}`);
    this.#settlePads(whole);
    this.#audit(relay);
    this.#send(whole);
  }

  #gone(): void {
    this.relay = undefined;
    this.#deadMs = this.world.timeline.nowMs;
  }

  #tick(incarnation: number): void {
    const { timeline, random } = this.world;
    timeline.after(this.world.closing ? LATE_TICK_MS : random.between(700, 1300), () => {
      if (this.incarnation !== incarnation || !this.running) return;
      this.run({ from: "own" }, (relay) => relay.tick(timeline.nowMs));
      this.looked();
      this.#tick(incarnation);
    });
  }

  /** A tick is over. */
  protected looked(): void {}

  #hear(bytes: Uint8Array): void {
    // What an interface does not take that is not promiscuous.
    const mode = this.side === "server" ? this.world.plan.serverMac : this.world.plan.clientMac;
    const forUs = sameMac(bytes, ETHERNET.destination[0], this.linkMac, 0) || !isUnicastMac(bytes);
    if (!this.running || (mode === "own" && !forUs)) return;
    this.#takeFromLink(bytes, readEtherType(bytes) === ETH_P_PPP_SES, false);
  }

  #takeFromLink(bytes: Uint8Array, session: boolean, hostile: boolean): void {
    if (session) return this.#sessionFromLink(bytes, hostile);
    const { nowMs } = this.world.timeline;
    lend(
      bytes,
      (lent) =>
        this.run({ from: "link", hostile, bytes }, (relay) => relay.discoveryFromLink(lent, nowMs)),
    );
  }

  #sessionFromLink(bytes: Uint8Array, hostile: boolean): void {
    const frame = bytes.slice();
    const { nowMs } = this.world.timeline;
    let owner: Session | number = 0;
    this.run({ from: "link", hostile, bytes }, (relay) => {
      owner = relay.sessionFromLink(frame, 0, nowMs);
    });
    if (typeof owner === "number") return this.world.count(`drop ${DROP_REASONS[owner]}`);
    const { serial, tunnel } = owner as Session;
    if (!hostile) this.#checkFromLink(bytes, this.journal.get(serial)!);
    const end = this.ends.get(tunnel);
    if (end === undefined) return this.world.count("drop while held");
    this.world.saw(frame);
    end.send({ type: "session", bytes: frame, hostile });
  }

  #sessionFromTunnel(end: End, bytes: Uint8Array, hostile: boolean): void {
    const frame = bytes.slice();
    const { nowMs } = this.world.timeline;
    let owner: Session | number = 0;
    this.run({ from: "tunnel", end, hostile, bytes }, (relay) => {
      owner = relay.sessionFromTunnel(end.id, frame, 0, nowMs);
    });
    if (typeof owner === "number") return this.world.count(`drop ${DROP_REASONS[owner]}`);
    const session = owner as Session;
    hold(session.tunnel === end.id, () => `${this.name} took a frame for another's session`);
    if (hostile) return;
    this.#checkFromTunnel(bytes, this.journal.get(session.serial)!);
    this.segment.toStations({ bytes: frame, leftMs: nowMs });
  }

  // Between these stations nobody on the link can tell what is not told apart here.
  #checkFromLink(bytes: Uint8Array, { grant }: Entry): void {
    const letter = this.#letter(bytes);
    if (grant === undefined) letter.excused = true;
    if (grant === undefined || letter.excused || letter.grant === grant) return;
    const sent = letter.grant;
    const { host } = sent.dial;
    const near = host.near(grant.dial.host);
    const alike = near && sent.ac === grant.ac && sent.id === grant.id;
    if (alike) return;
    const told = () => `${this.name} took a letter of ${sent.number} for one of ${grant.number}`;
    if (this.side === "server") {
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

  // In the tunnel the addresses are real: one station of each side, and one id.
  #checkFromTunnel(bytes: Uint8Array, { grant }: Entry): void {
    const letter = this.#letter(bytes);
    if (grant === undefined) letter.excused = true;
    if (grant === undefined || letter.excused || letter.grant === grant) return;
    const sent = letter.grant;
    const alike = sent.dial.host.near(grant.dial.host) && sent.ac === grant.ac &&
      sent.id === grant.id;
    hold(alike, () => `${this.name} took a letter of ${sent.number} for one of ${grant.number}`);
  }

  #letter(bytes: Uint8Array): Letter {
    const letter = this.world.truth.letterOf(bytes);
    hold(letter !== undefined, () => `${this.name} got a session frame that no station sent`);
    return letter;
  }

  #ports(): RelayPorts {
    const call = (): Call => {
      hold(this.#call !== undefined, `${this.name} did something by itself`);
      return this.#call;
    };
    return {
      toLink: (frame) => call().link.push({ bytes: frame.slice() }),
      toTunnel: (id, frame) => call().tunnel.push({ id, bytes: frame.slice() }),
      listToTunnel: (id, payload) => {
        const { plan, random } = this.world;
        if (plan.kind === "wild" && random.chance(SHARE_OF_LISTS_UNSENT)) {
          const end = this.ends.get(id)!;
          end.tampered = end.peer.tampered = true;
          return false;
        }
        call().tunnel.push({ id, payload: payload.slice() });
        return true;
      },
      drop: (reason) => call().drops.push(reason),
      opened: (session) => this.#opened(call(), session),
      closed: (session, reason) => this.#closed(call(), session, reason),
      forgotten: (remote) => {
        hold(this.#remotes.delete(remote), `${this.name} forgot a remote twice`);
        this.forgotten(remote);
      },
    };
  }

  #opened(call: Call, session: Session): void {
    const { serial, remote, peerMac, farMac, facingMac, tunnelId, linkId, openedMs } = session;
    hold(serial === this.#serial++, () => `${this.name} numbered a session ${serial}`);
    hold(call.from === (this.side === "server" ? "link" : "tunnel"), "opened from the wrong side");
    this.journal.set(serial, {
      serial,
      peerMac: peerMac.slice(),
      farMac: farMac.slice(),
      facingMac: facingMac.slice(),
      tunnelId,
      linkId,
      openedMs,
      remote: { key: remote.key, name: remote.name },
      grant: undefined,
    });
  }

  #closed(call: Call, session: Session, reason: string): void {
    const { serial, peerMac, farMac, facingMac, tunnelId, linkId, remote } = session;
    const entry = this.journal.get(serial);
    hold(entry !== undefined, () => `${this.name} closed session ${serial} that was not open`);
    this.journal.delete(serial);
    const { grant } = entry;
    const told = () => `${this.name} closed session ${grant?.number ?? "?"} (${reason})`;
    this.world.note(this.name, `closed session ${grant?.number ?? "?"} (${reason})`);
    this.world.count(`closed: ${reason}`);
    const padt = call.bytes !== undefined && isPadt(call.bytes);

    // A station has said so itself, or has given the id to somebody else and knows the old one no more.
    const onLink = call.link.find((sent) =>
      sent.padt === undefined && isPadtTo(sent.bytes, peerMac, facingMac, linkId)
    );
    const known = (call.from === "link" && padt) || reason === NO_TELLING.anew;
    hold(known || onLink !== undefined, () => `${told()} and did not tell its link`);
    // The peer has no tunnel, has said so itself, or has just said that it has no such session.
    const inTunnel = call.tunnel.some(({ id, bytes }) =>
      id === remote.tunnel && bytes !== undefined && isPadtTo(bytes, farMac, peerMac, tunnelId)
    );
    const knownFar = remote.held || (call.from === "tunnel" && padt) ||
      reason === NO_TELLING.anew || reason === NO_TELLING.listed;
    hold(knownFar || inTunnel, () => `${told()} and did not tell its tunnel`);

    if (call.hostile && call.from === "tunnel") {
      hold(remote.tunnel === call.end!.id, () => `${told()}, for somebody else`);
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
    const otherSide = this.side === "server" ? "client" : "server";
    if (padt && !grant.told[call.from === "link" ? this.side : otherSide]) {
      grant.excuse.server ??= "hung up by another";
      grant.excuse.client ??= "hung up by another";
    }
    if (reason === NO_TELLING.anew) grant.excuse[this.side] ??= reason;
    if (onLink !== undefined) {
      onLink.padt = this.#end(grant, call.hostile);
      grant.told[this.side] = true;
    }
    hold(!(this.world.keeps && grant.established), () => `${told()}, which could be kept`);
  }

  #end(grant: Grant, excused: boolean): Letter {
    return {
      number: -1,
      grant,
      from: this.side === "server" ? "host" : "ac",
      sentMs: this.world.timeline.nowMs,
      arrived: false,
      excused,
    };
  }

  // What something hostile had opened may be anybody's.
  #nobodysEnd(): Letter {
    return this.#end(this.world.truth.grants[0], true);
  }

  #excuse(grant: Grant, why: string): void {
    grant.excuse[this.side] ??= why;
  }

  // A PADS that went through says which session it truly is that the relay has now.
  #settlePads({ from, bytes, link, tunnel, hostile }: Call): void {
    if (hostile || bytes === undefined || readEtherType(bytes) === ETH_P_PPP_SES) return;
    const code = readCode(bytes);
    if (code !== CODE.PADS && code !== CODE.PADO) return;
    const packet = parseDiscovery(bytes);
    if (packet === undefined) return;
    const grant = this.world.truth.grantOf(packet.tags);
    const dial = grant?.dial ?? this.world.truth.dialOf(packet.tags);
    if (dial === undefined) return;
    if (from === "link") {
      const sent = tunnel.find(({ bytes }) => bytes !== undefined && !isPadt(bytes));
      if (sent === undefined) return;
      const end = this.ends.get(sent.id);
      const right = end === undefined || end.peer.program === dial.host.client;
      hold(right, () => `${this.name} sent what is ${dial.host.name}'s to another client`);
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
      const right = host.client === this as Program &&
        sameMac(shown.destination, 0, host.mac, 0) &&
        // Who copies what a host has sent can change what it gets.
        (this.world.plan.hostile || `${hostUniqOf(shown)}` === `${host.hostUniq}`);
      hold(right, () => `${this.name} sent what is ${host.name}'s to another host`);
      if (grant !== undefined) this.#assign(this.relay!.sessions.atLinkAs(sent.bytes), grant);
    }
  }

  #assign(session: Session | undefined, grant: Grant): void {
    hold(session !== undefined, () => `${this.name} let a PADS pass and has no session for it`);
    const entry = this.journal.get(session.serial)!;
    // To the same host, with the same id: nobody but the AC knows that it is another one.
    if (entry.grant !== undefined && entry.grant !== grant) {
      this.#excuse(entry.grant, NO_TELLING.anew);
    }
    entry.grant = grant;
    grant.seenMs[this.side] ??= this.world.timeline.nowMs;
  }

  // Each session is found by each index and is in the journal; nothing is whose it should not be.
  #audit(relay: Relay): void {
    const { sessions } = relay;
    hold(
      sessions.size === this.journal.size,
      () => `${this.name} has ${sessions.size} sessions, and ${this.journal.size} were not closed`,
    );
    for (const session of sessions) {
      const { peerMac, farMac, facingMac, linkId, tunnelId, remote, serial } = session;
      const entry = this.journal.get(serial);
      const found = entry !== undefined &&
        sessions.atLink(linkId, peerMac, facingMac) === session &&
        sessions.atRemote(remote, tunnelId, farMac, peerMac) === session &&
        sessions.findByLink(this.#as(peerMac, facingMac, linkId), 0) === session &&
        (remote.held ||
          sessions.findByTunnel(remote.tunnel, this.#as(farMac, peerMac, tunnelId), 0) === session);
      hold(found, () => `${this.name} does not find session ${serial} everywhere`);
      hold(remote.key === entry.remote.key, () => `${this.name} gave session ${serial} away`);
      this.#remotes.add(remote);
      if (remote.held) continue;
      const right = relay.tunnels.get(remote.tunnel) === remote &&
        this.ends.get(remote.tunnel)?.key === remote.key;
      hold(right, () => `session ${serial} of ${this.name} is not its tunnel's`);
    }
    for (const [id, remote] of relay.tunnels) {
      this.#remotes.add(remote);
      hold(this.ends.has(id), () => `${this.name} has a tunnel that is gone`);
    }
  }

  #as(source: Uint8Array, destination: Uint8Array, id: number): Uint8Array {
    const probe = this.#probe;
    probe.set(destination, ETHERNET.destination[0]);
    probe.set(source, ETHERNET.source[0]);
    new DataView(probe.buffer).setUint16(16, id);
    return probe;
  }

  // What a hostile frame makes a relay send goes on to the next relay, and no further.
  #send({ link, tunnel, hostile }: Call): void {
    const { nowMs } = this.world.timeline;
    for (const { bytes, padt } of link) {
      hold(
        !isPadt(bytes) || padt !== undefined || hostile,
        () => `${this.name} sent a PADT for no session`,
      );
      this.world.saw(bytes);
      if (hostile && padt === undefined) continue;
      this.world.note(this.name, "to its link", bytes);
      if (!hostile) this.segment.toStations({ bytes, padt, leftMs: nowMs });
    }
    for (const { id, bytes, payload } of tunnel) {
      const end = this.ends.get(id);
      if (bytes !== undefined) this.world.saw(bytes);
      if (end === undefined) {
        this.world.count("drop no-tunnel");
        continue;
      }
      if (payload !== undefined) end.send({ type: "list", payload });
      else {
        this.world.note(this.name, `to tunnel ${id}`, bytes);
        end.send({ type: "discovery", bytes: bytes!, hostile });
      }
    }
  }
}

// Gives a frame in a buffer that is used for something else at once, as the data plane's are.
function lend(bytes: Uint8Array, take: (lent: Uint8Array) => void): void {
  const buffer = bytes.slice();
  take(buffer);
  buffer.fill(0xee);
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
