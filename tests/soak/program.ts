// A client or a server as a process: it starts and ends, has tunnels, and its relay is asked about what
// comes from them and from the link, as the data plane asks it.

import type { Peer, Relay, Session, Side } from "../../src/relay/mod.ts";
import { DROP_REASONS, Tokens } from "../../src/relay/mod.ts";
import {
  ETH_P_PPP_SES,
  ETHERNET,
  isUnicastMac,
  readEtherType,
  sameMac,
} from "../../src/wire/mod.ts";
import { type Call, type Entry, Guard } from "./guard.ts";
import type { Segment } from "./segment.ts";
import type { Grant } from "./truth.ts";
import type { End, Leave, Message } from "./tunnel.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

const LATE_TICK_MS = 5000;
const LATE_EXPIRY_MS = 100;
const FIXED_HOST_UNIQ = new TextEncoder().encode("isp");
const SECRET_BYTES = 16;

/** What both modes have. */
export abstract class Program {
  readonly side: Side;
  readonly name: string;
  readonly world: World;
  readonly segment: Segment;
  linkMac: Uint8Array;
  /** How many times it was started. */
  incarnation = 0;
  /** Its tunnels that are up, by their numbers. */
  readonly ends = new Map<number, End>();
  #tunnels = 0;
  /** By which it knows what it asked for in an earlier run. */
  #secret: Uint8Array;
  readonly #guard: Guard;

  constructor(world: World, side: Side, name: string, segment: Segment, linkMac: Uint8Array) {
    this.world = world;
    this.side = side;
    this.name = name;
    this.segment = segment;
    this.linkMac = linkMac;
    segment.heard = (bytes) => this.#hear(bytes);
    this.#secret = world.random.bytes(SECRET_BYTES);
    this.#guard = new Guard(this);
  }

  get relay(): Relay | undefined {
    return this.#guard.relay;
  }

  /** The sessions that its state has. */
  get journal(): ReadonlyMap<number, Entry> {
    return this.#guard.journal;
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
  /** Nothing is held for a peer any more. */
  forgotten(_remote: Peer): void {}

  /** Whether it has this session. */
  has(grant: Grant): boolean {
    return [...this.journal.values()].some((entry) => entry.grant === grant);
  }

  /** Starts it; with its state, it takes up the sessions that the journal has. */
  start(withState: boolean): void {
    if (this.running) return;
    const { world } = this;
    const { plan } = world;
    this.incarnation++;
    world.note(this.name, `starts ${withState ? "with" : "without"} its state`);
    if (!withState) {
      this.#secret = world.random.bytes(SECRET_BYTES);
      this.forgetState();
    }
    this.#tunnels = 0;
    this.#guard.begin({
      side: this.side,
      mac: this.side === "server" ? plan.serverMac : plan.clientMac,
      linkMac: this.linkMac,
      idleMs: plan.idleMs,
      deadMs: plan.deadMs,
      graceMs: plan.graceMs,
      maxHeld: this.side === "server" ? plan.maxHeld : undefined,
      tags: plan.fixedHostUniq ? { hostUniq: FIXED_HOST_UNIQ } : {},
      tokens: new Tokens(this.#secret, world.random.uint32()),
    }, withState);
    this.#send(this.#guard.restore());
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
    if (!this.running) return;
    for (const end of [...this.ends.values()]) this.dropTunnel(end);
    this.#guard.assertEmpty();
  }

  protected addTunnel(end: End, key: string | undefined, name: string): void {
    end.id = ++this.#tunnels;
    end.key = key;
    this.ends.set(end.id, end);
    const { nowMs } = this.world.timeline;
    let replaced = 0;
    this.run({ from: "own" }, (relay) => {
      replaced = relay.addTunnel(end.id, { key, name, address: name }, nowMs);
      this.#guard.connected(relay.peersByTunnel.get(end.id)!);
      // As the data plane does in the same turn.
      const old = this.ends.get(replaced);
      if (old === undefined) return;
      this.world.note(this.name, `replaces tunnel ${replaced} by ${end.id}`);
      this.world.count("takeovers");
      old.send({ type: "goodbye", replaced: true });
      old.close("orderly");
      relay.removeTunnel(replaced, "tunnel-lost", nowMs);
      this.ends.delete(replaced);
    });
  }

  /** The tunnel is over, as the relay hears it. */
  protected dropTunnel(end: End): void {
    end.closed = true;
    if (this.ends.get(end.id) !== end) return;
    this.ends.delete(end.id);
    this.world.note(this.name, `loses tunnel ${end.id}`);
    const { nowMs } = this.world.timeline;
    this.run({ from: "own" }, (relay) => {
      const peer = relay.peersByTunnel.get(end.id)!;
      relay.removeTunnel(end.id, "tunnel-lost", nowMs);
      this.#guard.disconnected(peer);
    });
    this.#expireHeld(this.incarnation);
  }

  /** Takes what is for the relay. */
  protected fromTunnel(end: End, message: Message): void {
    const hostile = "hostile" in message && message.hostile === true;
    const { nowMs } = this.world.timeline;
    switch (message.type) {
      case "list":
        return this.#listFromTunnel(end, message.payload, hostile);
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

  /** Calls the relay, and sends what it has to send. */
  protected run(call: Partial<Call> & Pick<Call, "from">, act: (relay: Relay) => void): void {
    if (this.running) this.#send(this.#guard.run(call, act));
  }

  // The data plane does not wait for its next tick.
  #expireHeld(incarnation: number): void {
    const { timeline, random } = this.world;
    const overMs = this.relay!.graceOverMs;
    if (overMs === Infinity) return;
    timeline.at(overMs + random.below(LATE_EXPIRY_MS), () => {
      if (this.incarnation !== incarnation) return;
      this.run({ from: "own" }, (relay) => relay.expireHeld(timeline.nowMs));
    });
  }

  #gone(): void {
    this.#guard.end();
  }

  #tick(incarnation: number): void {
    const { timeline, random } = this.world;
    timeline.after(this.world.closing ? LATE_TICK_MS : random.between(700, 1300), () => {
      if (this.incarnation !== incarnation || !this.running) return;
      this.run({ from: "own" }, (relay) => {
        relay.tick(timeline.nowMs);
        this.#guard.assertGrace(relay);
      });
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

  #listFromTunnel(end: End, payload: Uint8Array, hostile: boolean): void {
    const { nowMs } = this.world.timeline;
    let due = true;
    this.run({ from: "tunnel", end, hostile }, (relay) => {
      due = relay.listFromTunnel(end.id, payload.slice(), nowMs);
    });
    if (due) return;
    hold(end.tampered, () => `${this.name} did not take a list that was to come`);
    // As the data plane does: the peer has broken the protocol.
    end.close("orderly");
    this.lost(end);
  }

  #sessionFromLink(bytes: Uint8Array, hostile: boolean): void {
    const frame = bytes.slice();
    const { nowMs } = this.world.timeline;
    let owner: Session | number = 0;
    this.run({ from: "link", hostile, bytes }, (relay) => {
      owner = relay.sessionFromLink(frame, 0, nowMs);
    });
    if (typeof owner === "number") return this.world.count(`drop ${DROP_REASONS[owner]}`);
    const session = owner as Session;
    if (!hostile) this.#guard.checkFromLink(bytes, session);
    const end = this.ends.get(session.tunnel);
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
    this.#guard.checkFromTunnel(bytes, session);
    this.segment.toStations({ bytes: frame, leftMs: nowMs });
  }

  // What a hostile frame makes a relay send goes on to the next relay, and no further.
  #send({ link, tunnel, hostile }: Call): void {
    const { nowMs } = this.world.timeline;
    for (const { bytes, padt } of link) {
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
