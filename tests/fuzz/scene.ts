// One side's data plane in memory, whose link and tunnels are hostile: everything that they send is made up.
// The scene remembers what it has sent, and checks everything that the plane sends.

import { concat } from "@std/bytes";
import { Pinned } from "../../ffi/mod.ts";
import type { FromWorker } from "../../src/dataplane/messages.ts";
import { describeEvent } from "../../src/observe/event_log.ts";
import { type MacMode, Peer, type Relay, type Session, Tokens } from "../../src/relay/mod.ts";
import { macFor } from "../../src/relay/mac_for.ts";
import type { Side } from "../../src/side.ts";
import {
  CODE,
  encodeFrame,
  ETH_BROADCAST,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  ETHERNET,
  formatMac,
  FRAME,
  frameLength,
  isUnicastMac,
  parseDiscovery,
  parseGoodbye,
  parseSessionList,
  parseState,
  PPPOE,
  readCode,
  readEtherType,
  readHeader,
  readSessionId,
  sameMac,
} from "../../src/wire/mod.ts";
import { isPrintable } from "../../src/wire/text.ts";
import { readUint32 } from "../../src/wire/uint16.ts";
import { Timeline } from "../soak/timeline.ts";
import { hold } from "../soak/violation.ts";
import { imbalance } from "../support/balance.ts";
import { MemoryNetwork } from "../support/memory/network.ts";
import { MemoryPlane } from "../support/memory/plane.ts";
import { mac } from "./frames.ts";
import type { Parts } from "./parts.ts";

/**
 * Small buffers, so that they are full soon, and a run takes little time. As in production, a read can have more
 * bytes than the largest frame.
 */
const SIZES = { queueBytes: 16 * 1024, batchBytes: 8 * 1024, readBytes: 128 * 1024 };
/** The maximum number of bytes that may wait for a tunnel: its queue, and reserved room for control frames. */
const QUEUED_MAX = 1 << 20;
const ROOM_BYTES = 128 * 1024;
const BUFFER = new Uint8Array(ROOM_BYTES);
const LINK_MAC = mac(0xc0);
/** The time for which sessions are held. */
export const GRACE_MS = 3000;
/** The time after which a tunnel ends whose peer sends nothing. */
const TUNNEL_DEAD_MS = 3000;
/** The time after which nothing is left of a peer: its tunnel is dead, and the grace time over. */
const AFTERWARDS_MS = TUNNEL_DEAD_MS + GRACE_MS + 4000;
/** The time after which a peer that has sent far too much is read to its end, or of no use. */
const HELD_BACK_MS = 70_000;
/** The time within which a stop must be complete. */
const STOP_MS = 3000;
/** The number of sent frames that can be answered. */
const REMEMBERED = 8;

/** The bytes that begin the payload of each session frame, before its number. */
export const MARK = 0x46555a7a;
const MARK_AT = PPPOE.payload + 2;

/** The codes of frames that each side sends to its link. The other side's may go into a tunnel. */
const TO_LINK: Readonly<Record<Side, readonly number[]>> = {
  server: [CODE.PADI, CODE.PADR, CODE.PADT, CODE.PADG, CODE.PADC, CODE.PADQ],
  client: [
    ...[CODE.PADO, CODE.PADS, CODE.PADT, CODE.PADG, CODE.PADC, CODE.PADQ],
    ...[CODE.PADM, CODE.PADN],
  ],
};

/** The other end of a tunnel. */
export interface Far {
  readonly id: number;
  readonly name: string;
  readonly legacy: boolean;
  readonly peer: Peer;
  readonly end: ReturnType<typeof connect>["far"];
  /** True while nothing is read from it. */
  stuck: boolean;
  /** The start of an incomplete frame of the plane, and of one that was sent to it. */
  received: Uint8Array;
  unsent: Uint8Array;
  /** True once the plane has said goodbye. */
  ended: boolean;
}

/** A discovery frame that the plane has sent. */
export interface Sent {
  to: "link" | Far;
  frame: Uint8Array;
}

/** The addresses and the id of a session frame that the scene has sent. */
interface Entered {
  from: "link" | Far;
  source: Uint8Array;
  destination: Uint8Array;
  id: number;
}

/** Options of {@linkcode Scene}. */
export interface SceneOptions {
  parts: Parts;
  side: Side;
  mac: MacMode;
  graceMs: number;
  idleMs: number;
  deadMs: number;
  debug: boolean;
  hostUniq: Uint8Array | undefined;
  relayTag: boolean;
  circuitId: string | undefined;
}

function connect(network: MemoryNetwork, timeline: Timeline) {
  let near!: Parameters<Parameters<MemoryNetwork["listen"]>[1]>[0];
  let far: typeof near | undefined;
  network.listen("plane", (end) => near = end);
  network.connect("plane", (end) => far = end);
  timeline.run(timeline.nowMs);
  return { near, far: far! };
}

/** A data plane and its surroundings. */
export class Scene {
  readonly options: SceneOptions;
  readonly timeline = new Timeline();
  readonly plane: MemoryPlane;
  readonly fars: Far[] = [];
  readonly sent: Sent[] = [];
  /** What has happened, for the outcome of a run. */
  readonly seen = new Set<string>();
  relay!: Relay;
  linkMac: Uint8Array = LINK_MAC;
  /** True while the interface has no room. */
  linkFull = false;
  stopping = false;
  readonly #network: MemoryNetwork;
  readonly #sessions: Session[] = [];
  readonly #entered = new Map<number, Entered>();
  /** The addresses that the link may see as sources, and that tunnels may see. */
  readonly #linkSources = new Set<string>();
  readonly #tunnelSources = new Set<string>();
  #ids = 0;
  #sending = false;

  constructor(options: SceneOptions) {
    const { parts, side, mac, graceMs, idleMs, deadMs, debug } = options;
    this.options = options;
    this.#network = new MemoryNetwork(this.timeline, { roomBytes: ROOM_BYTES });
    if (mac !== "transparent") this.#linkSources.add(formatMac(LINK_MAC));
    this.plane = new MemoryPlane({
      clock: this.timeline,
      network: this.#network,
      plane: {
        side,
        mac,
        graceMs,
        idleMs,
        deadMs,
        debug,
        pingMs: TUNNEL_DEAD_MS / 3,
        tunnelDeadMs: TUNNEL_DEAD_MS,
        maxHeld: 2,
        limits: { padiPerHost: 40, padiPerClient: 100, maxSessions: 12 },
        tags: side === "client" ? {} : {
          hostUniq: options.hostUniq,
          relayTag: options.hostUniq === undefined ? undefined : options.relayTag,
          circuitId: options.circuitId,
        },
        ...SIZES,
      },
      linkMac: LINK_MAC,
      toLink: (frame) => this.#toLink(frame),
      refuses: () => this.linkFull,
      heard: (message) => this.#heard(message),
      tokens: new Tokens(new Uint8Array(16).fill(1), 1),
      relay: (options, ports) => {
        this.relay = parts.relay(options, {
          ...ports,
          opened: (session) => {
            this.#sessions.push(session);
            ports.opened(session);
          },
        });
        return this.relay;
      },
    });
    this.plane.start();
  }

  /** All sessions that were ever open. */
  get sessions(): readonly Session[] {
    return this.#sessions;
  }

  /** The sessions that are open or held now. */
  get openSessions(): Session[] {
    return [...this.relay.sessions];
  }

  /** Adds a tunnel. Those with the same key have the same peer. */
  addTunnel(name: string, key: string | undefined, legacy: boolean, received: Uint8Array): void {
    if (this.plane.gone || this.stopping) return;
    const { near, far } = connect(this.#network, this.timeline);
    const id = ++this.#ids;
    const addresses = { endpoint: `${name}:1`, address: name, pathAddress: name };
    const rest = new Uint8Array(0);
    const streams = { received: rest, unsent: rest };
    const made = { id, name, legacy, end: far, stuck: false, ended: false, ...streams };
    const facts = { id, peer: key, name, ...addresses, legacy, received };
    // What was received with the greeting is handled before there is a peer to compare with.
    const early = { ...made, peer: new Peer(key, name, 0) };
    this.#note(early, received);
    this.plane.addTunnel(facts, near);
    const peer = this.relay.peersByTunnel.get(id) ?? early.peer;
    this.fars.push({ ...made, peer, unsent: early.unsent });
    this.settle();
  }

  /** Sends a frame of a station on the link. */
  fromLink(frame: Uint8Array): void {
    if (frame.length >= ETHERNET.etherType[0]) {
      this.#tunnelSources.add(formatMac(frame, ETHERNET.source[0]));
    }
    const { side, mac } = this.options;
    if (side === "server" && mac !== "own" && readCode(frame) === CODE.PADS) {
      // A PADS that answers a forgotten request is refused in the name of its receiver.
      this.#linkSources.add(formatMac(frame));
    }
    this.#enter("link", frame);
    this.plane.receive(frame.slice());
    this.settle();
  }

  /** Sends bytes of a peer through its tunnel. */
  fromTunnel(far: Far, bytes: Uint8Array): void {
    this.#write(far, bytes.slice());
    this.settle();
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.timeline.run(this.timeline.nowMs + ms);
    this.settle();
  }

  /** Lets everything that is under way arrive, and checks the state. */
  settle(): void {
    for (let rounds = 0; rounds < 3; rounds++) {
      this.timeline.run(this.timeline.nowMs);
      for (const far of this.fars) if (!far.stuck) this.#read(far);
    }
    if (this.plane.gone) return;
    const { balance, tunnels } = this.plane.plane.totals();
    const fault = imbalance(balance, this.plane.counters.read());
    hold(fault === undefined, () => `Frames are miscounted: ${fault}`);
    for (const { queuedBytes } of tunnels) {
      hold(queuedBytes <= QUEUED_MAX, () => `${queuedBytes} bytes wait for a tunnel`);
    }
  }

  /** Checks all tables of the relay. */
  audit(): void {
    this.relay.audit();
  }

  /** Ends all tunnels, and checks that nothing is left, and that the plane can stop. */
  finish(keep: boolean): void {
    this.audit();
    if (!this.stopping) {
      for (const { end } of this.fars) end.transport.close();
      // What a peer has sent beyond its allowance is read slowly, and its end comes behind that.
      for (
        let waited = 0;
        waited < HELD_BACK_MS && this.relay.peersByTunnel.size > 0;
        waited += 1000
      ) {
        this.wait(1000);
      }
      this.wait(AFTERWARDS_MS);
      if (this.options.graceMs <= GRACE_MS) {
        hold(this.relay.sessions.size === 0, "A session is left without its peer");
        hold([...this.relay.held].length === 0, "A peer is held for too long");
      }
      this.audit();
      this.stop(keep);
    }
    this.wait(STOP_MS);
    hold(this.plane.gone, "The plane does not stop");
    for (const [reason, count] of Object.entries(this.plane.counters.read().drops)) {
      if (count > 0) this.seen.add(reason);
    }
  }

  /** Stops the plane. */
  stop(keep: boolean): void {
    this.stopping = true;
    this.plane.stop(keep);
    this.settle();
  }

  /** Removes a tunnel from those that can send. */
  lose(far: Far): void {
    this.fars.splice(this.fars.indexOf(far), 1);
    this.settle();
  }

  /** Changes the interface's address. */
  changeLinkMac(to: Uint8Array): void {
    this.linkMac = to;
    if (this.options.mac !== "transparent") this.#linkSources.add(formatMac(to));
    this.plane.link.change({ mac: to });
    this.plane.poke();
    this.settle();
  }

  /** Notes the frames in the bytes of a tunnel, and the addresses that they let the plane use. */
  #note(far: Far, bytes: Uint8Array): void {
    const stream = concat([far.unsent, bytes]);
    const header = { type: 0, length: 0 };
    let at = 0;
    for (;;) {
      const size = readHeader(stream, at, stream.length, header);
      const end = at + size + header.length;
      if (size <= 0 || end > stream.length) break;
      const frame = stream.subarray(at + size, end);
      at = end;
      if (header.type === FRAME.SESSION) this.#enter(far, frame);
      else if (header.type !== FRAME.DISCOVERY) continue;
      const { mac } = this.options;
      const source = frame.subarray(...ETHERNET.source);
      if (mac === "per-host") this.#linkSources.add(formatMac(macFor(far.name, source)));
      else if (mac === "transparent") this.#linkSources.add(formatMac(source));
      // A session that a station on the link has not asked for is refused in its name.
      this.#tunnelSources.add(formatMac(frame));
    }
    far.unsent = stream.slice(at);
  }

  #write(far: Far, bytes: Uint8Array<ArrayBuffer>): void {
    const { transport } = far.end;
    transport.add(new Pinned(bytes), 0, bytes.length);
    // The tunnel may have no room for all of it.
    this.#note(far, bytes.subarray(0, Math.max(0, transport.send())));
  }

  #enter(from: "link" | Far, frame: Uint8Array): void {
    const number = numberOf(frame);
    if (number === undefined) return;
    this.#entered.set(number, {
      from,
      source: frame.slice(...ETHERNET.source),
      destination: frame.slice(...ETHERNET.destination),
      id: readSessionId(frame),
    });
  }

  #heard(message: FromWorker): void {
    if (message.type === "tunnel-down") this.seen.add(`down ${message.reason.slice(0, 20)}`);
    if (message.type === "session-closed") this.seen.add(`closed ${message.end.cause}`);
    if (message.type === "session-opened") this.seen.add("opened");
    if (
      ["started", "failed", "segment", "snapshot", "snapshot-part", "stopped"].includes(
        message.type,
      )
    ) {
      return;
    }
    const line = describeEvent(message as Parameters<typeof describeEvent>[0]);
    if (line === undefined) return;
    hold(isPrintable(line.message), () => `A log line is not printable: ${line.message}`);
    hold(line.message.length < 20_000, "A log line is too long");
  }

  #toLink(frame: Uint8Array): void {
    hold(!this.#sending, "A frame is sent while another one is sent");
    const told = () => frame.toHex();
    const type = readEtherType(frame);
    hold(
      type === ETH_P_PPP_DISC || type === ETH_P_PPP_SES,
      () => `Not PPPoE on the link: ${told()}`,
    );
    const length = frameLength(frame, 0, frame.length);
    const source = formatMac(frame, ETHERNET.source[0]);
    // A server that looks for an AC asks by its own address, whatever the others see.
    const asks = this.options.side === "server" && type === ETH_P_PPP_DISC &&
      readCode(frame) === CODE.PADI && source === formatMac(this.linkMac);
    hold(
      asks || this.#linkSources.has(source),
      () => `The source ${source} is not allowed: ${told()}`,
    );
    if (type === ETH_P_PPP_SES) {
      hold(length === frame.length, () => `A wrong length on the link: ${told()}`);
      hold(readCode(frame) === CODE.SESSION, () => `A wrong code on the link: ${told()}`);
      return this.#checkToLink(frame);
    }
    const packet = parseDiscovery(frame);
    hold(packet !== undefined, () => `A malformed frame on the link: ${told()}`);
    const { code, destination } = packet;
    // A PADT may be forwarded with whatever its station put behind the header.
    if (code !== CODE.PADT) hold(length === frame.length, () => `A wrong length: ${told()}`);
    hold(frame.length <= 1514, () => `${frame.length} bytes are too long for the link`);
    hold(TO_LINK[this.options.side].includes(code), () => `A wrong direction: ${told()}`);
    const isBroadcast = sameMac(destination, 0, ETH_BROADCAST, 0);
    hold(code === CODE.PADI || isUnicastMac(destination), () => `A wrong destination: ${told()}`);
    this.seen.add(`link ${code}${isBroadcast ? " all" : ""}`);
    this.#remember({ to: "link", frame: frame.slice() });
  }

  // Checks that a session frame belongs to a session between its addresses, and was sent for that session.
  #checkToLink(frame: Uint8Array): void {
    const owners = this.#sessions.filter(({ nearMac, shownMac, linkId }) =>
      linkId === readSessionId(frame) && sameMac(nearMac, 0, frame, ETHERNET.destination[0]) &&
      sameMac(shownMac, 0, frame, ETHERNET.source[0])
    );
    const told = () => `A frame for nobody on the link: ${frame.toHex()}`;
    hold(owners.length > 0, told);
    this.seen.add("data to link");
    const number = numberOf(frame);
    const entered = number === undefined ? undefined : this.#entered.get(number);
    if (entered === undefined) return;
    const { from, source, destination, id } = entered;
    hold(from !== "link", told);
    const isOwned = owners.some(({ peer, farMac, nearMac, tunnelId }) =>
      peer === from.peer && tunnelId === id && sameMac(farMac, 0, source, 0) &&
      sameMac(nearMac, 0, destination, 0)
    );
    hold(isOwned, () => `A frame of another session on the link: ${frame.toHex()}`);
  }

  #checkToTunnel(far: Far, frame: Uint8Array): void {
    const owners = this.#sessions.filter(({ nearMac, farMac, tunnelId, peer }) =>
      peer === far.peer && tunnelId === readSessionId(frame) &&
      sameMac(farMac, 0, frame, ETHERNET.destination[0]) &&
      sameMac(nearMac, 0, frame, ETHERNET.source[0])
    );
    const told = () => `A frame for nobody in tunnel ${far.id}: ${frame.toHex()}`;
    hold(owners.length > 0, told);
    this.seen.add("data to tunnel");
    const number = numberOf(frame);
    const entered = number === undefined ? undefined : this.#entered.get(number);
    if (entered === undefined) return;
    const { from, source, destination, id } = entered;
    hold(from === "link", told);
    const isOwned = owners.some(({ nearMac, shownMac, linkId }) =>
      linkId === id && sameMac(nearMac, 0, source, 0) && sameMac(shownMac, 0, destination, 0)
    );
    hold(isOwned, () => `A frame of another session in tunnel ${far.id}: ${frame.toHex()}`);
  }

  // Reads what the plane has sent through a tunnel, and checks each frame.
  #read(far: Far): void {
    const count = far.end.transport.receive(BUFFER);
    if (count <= 0) return;
    const bytes = concat([far.received, BUFFER.subarray(0, count)]);
    const header = { type: 0, length: 0 };
    let at = 0;
    for (;;) {
      const size = readHeader(bytes, at, bytes.length, header);
      hold(size >= 0, () => `A faulty header in tunnel ${far.id}: ${size}`);
      const end = at + size + header.length;
      if (size === 0 || end > bytes.length) break;
      this.#fromPlane(far, header.type, bytes.subarray(at + size, end));
      at = end;
    }
    far.received = bytes.slice(at);
  }

  #fromPlane(far: Far, type: number, payload: Uint8Array): void {
    const told = () => `type ${type} in tunnel ${far.id}: ${payload.toHex()}`;
    const carries = type === FRAME.SESSION || type === FRAME.DISCOVERY;
    hold(!far.ended || !carries, () => `A frame follows the goodbye: ${told()}`);
    // One that greets is no older peer, and is told so.
    const isKnown = type <= FRAME.SESSION || type === FRAME.GOODBYE;
    hold(!far.legacy || isKnown, () => `An older peer does not know ${told()}`);
    switch (type) {
      case FRAME.PING:
        return this.#write(far, encodeFrame(FRAME.PONG, new Uint8Array(0)));
      case FRAME.PONG:
        return;
      case FRAME.GOODBYE: {
        const goodbye = parseGoodbye(payload);
        hold(goodbye !== undefined, told);
        far.ended = true;
        this.seen.add(`goodbye ${goodbye.reason}`);
        return;
      }
      case FRAME.SESSION_LIST:
        return hold(parseSessionList(payload) !== undefined, told);
      case FRAME.STATE:
        return hold(parseState(payload) !== undefined, told);
      case FRAME.SESSION:
        hold(readEtherType(payload) === ETH_P_PPP_SES && readCode(payload) === 0, told);
        hold(frameLength(payload, 0, payload.length) === payload.length, told);
        return this.#checkToTunnel(far, payload);
      case FRAME.DISCOVERY: {
        const packet = parseDiscovery(payload);
        hold(packet !== undefined, told);
        const opposite = this.options.side === "server" ? "client" : "server";
        hold(TO_LINK[opposite].includes(packet.code), () => `A wrong direction: ${told()}`);
        const source = formatMac(packet.source);
        hold(this.#tunnelSources.has(source), () => `A wrong source: ${told()}`);
        this.seen.add(`tunnel ${packet.code}`);
        return this.#remember({ to: far, frame: payload.slice() });
      }
      default:
        hold(false, () => `An unknown frame, ${told()}`);
    }
  }

  #remember(sent: Sent): void {
    this.sent.push(sent);
    if (this.sent.length > REMEMBERED) this.sent.shift();
  }
}

/** Returns the number in a session frame's payload; undefined if it has none. */
function numberOf(frame: Uint8Array): number | undefined {
  if (frame.length < MARK_AT + 8 || readEtherType(frame) !== ETH_P_PPP_SES) return undefined;
  return readUint32(frame, MARK_AT) === MARK ? readUint32(frame, MARK_AT + 4) : undefined;
}
