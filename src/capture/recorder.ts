// Records frames where they enter and leave the relay, with owner, direction and drop reason as a comment.
//
// Theory of operation. A frame that arrives is staged: it is copied before the relay rewrites it. What becomes of it
// shows while it is handled: the counters report a drop, or it goes on. Then its block is finished, and put into
// the ring. A frame that leaves is recorded on the other interface, once the link or the tunnel's transport has
// taken it. So each frame that is carried is there twice, and one that is dropped is there once with its reason. A
// frame that is dropped after it has waited, for a tunnel or for the link, is also there from its arrival.
//
// Everything here runs on the data worker's thread, and never waits.

import { type Flow, FRAMES } from "../observe/counters.ts";
import { DROP, DROP_REASONS, type Session, type SessionTable } from "../relay/mod.ts";
import type { Channel } from "../tunnel/channel.ts";
import type { FrameTap } from "../tunnel/flight.ts";
import {
  copyMac,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  ETHERNET,
  FRAME,
  isControlProtocol,
  MAX_PAYLOAD,
  PPPOE,
  PPPOE_FRAME_HLEN,
  PPPOE_VERTYPE,
  readEtherType,
  readProtocol,
  readSessionId,
  writeSessionId,
} from "../wire/mod.ts";
import { writeUint16 } from "../wire/uint16.ts";
import { maskSecrets } from "./masks.ts";
import { DIRECTION, PacketBlock } from "./pcapng.ts";
import type { CaptureRing } from "./ring.ts";

/** The numbers of the interfaces in a capture. */
export const INTERFACE = { LINK: 0, TUNNELS: 1 };

/**
 * The frames that are recorded: those of discovery; all control frames, which are discovery and PPP control protocols
 * such as LCP and PAP; or all.
 */
export const CAPTURE_FRAMES = ["discovery", "control", "all"] as const;
/** One of {@linkcode CAPTURE_FRAMES}. */
export type CaptureFrames = typeof CAPTURE_FRAMES[number];

/** The part of a capture that the data worker has. */
export interface CaptureHandover {
  /** The memory of the ring. */
  ring: SharedArrayBuffer;
  frames: CaptureFrames;
  /** True to record passwords and the like too. */
  secrets: boolean;
}

/** The length of the longest comment, in bytes: a name has 64 bytes at most. */
const COMMENT_MAX = 192;
/** The number of names for which the bytes are kept. */
const NAMES_MAX = 4096;
/** The value of a frame that was not dropped. */
const NOT_DROPPED = -1;

/** The name of a peer that has not told any, because it is an older one. */
const NAMELESS = "tunnel";

const encoder = new TextEncoder();
const WORDS = {
  fromLink: encoder.encode("from link"),
  from: encoder.encode("from "),
  session: encoder.encode(", session 0x"),
  to: encoder.encode("to "),
  toLink: encoder.encode("to link"),
  comma: encoder.encode(", "),
  dropped: encoder.encode("dropped: "),
  afterSending: encoder.encode(" after it was sent"),
};
const REASONS = DROP_REASONS.map((reason) => encoder.encode(reason));
const HEX = encoder.encode("0123456789abcdef");

/** A tunnel that has received a frame. */
export interface CapturedTunnel {
  /** The name of the peer. */
  readonly name: string;
  readonly channel: Pick<Channel, "id" | "type" | "received" | "offset" | "length">;
}

/** Options of {@linkcode Recorder}. */
export interface RecorderOptions {
  ring: CaptureRing;
  frames: CaptureFrames;
  /** True to record passwords and the like too. */
  secrets: boolean;
  /** The open sessions. */
  sessions: SessionTable;
  /** Returns the time in ms since the epoch, with a fraction. */
  wall(): number;
  /** Tells the other thread that the ring has blocks. */
  notify(): void;
}

/** Records the frames of one data plane. Its methods never throw because of the content of a frame. */
export class Recorder {
  /** The reason for which tunnels drop frames that wait in them. */
  queueReason: number = DROP["queue-delay"];
  readonly #options: RecorderOptions;
  readonly #block = new PacketBlock(MAX_PAYLOAD, COMMENT_MAX);
  readonly #comment = new Uint8Array(2 * COMMENT_MAX);
  #commentLength = 0;
  readonly #names = new Map<string, Uint8Array>();
  /** The number of frames that are missing before the next one. */
  #missing = 0;

  // The frame that is staged, and what is known about it. The last three are kept until the next one, for what it
  // causes.
  #isStaged = false;
  #flow: Flow = FRAMES.sessionFromLink;
  #reason = NOT_DROPPED;
  /** True if it goes on: into a tunnel or to the link. */
  #goesOn = false;
  #owner: Session | undefined;
  /** The name of the peer that it came from, or goes to. */
  #peer = "";
  #isFromTunnel = false;

  /** A frame that the relay has made or changed, while it is passed on. */
  #passing: Uint8Array | undefined;
  #passingTo: string | undefined;
  /** The number of frames that the link has refused, and that are recorded before they are counted. */
  #refused = 0;
  readonly #header = new Uint8Array(PPPOE_FRAME_HLEN);

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The owner of the frame that is being handled. */
  get owner(): Session | undefined {
    return this.#owner;
  }

  /** The name of the peer that sent the frame that is being handled; empty if it came from the link. */
  get sender(): string {
    return this.#isFromTunnel ? this.#peer : "";
  }

  /** Stages a frame from the link. */
  fromLink(
    bytes: Uint8Array,
    offset: number,
    length: number,
    wireLength: number,
    atMs: number,
  ): void {
    if (!this.#stage(INTERFACE.LINK, bytes, offset, length, wireLength, atMs)) return;
    const isDiscovery = length >= PPPOE.verType[0] &&
      readEtherType(bytes, offset) === ETH_P_PPP_DISC;
    this.#flow = isDiscovery ? FRAMES.discoveryFromLink : FRAMES.sessionFromLink;
    const { bytes: copy, frameAt } = this.#block;
    if (length < PPPOE_FRAME_HLEN) return;
    this.#owner = this.#options.sessions.findByLink(copy, frameAt);
    this.#peer = this.#owner?.peer.name ?? "";
    this.#goesOn = this.#owner !== undefined;
  }

  /** Stages the frame that a tunnel has just received, unless it is none of Ethernet. */
  fromTunnel({ name, channel }: CapturedTunnel): void {
    const { id: tunnel, type, received: { bytes }, offset, length } = channel;
    if (type !== FRAME.SESSION && type !== FRAME.DISCOVERY) return;
    const { wall, sessions } = this.#options;
    if (!this.#stage(INTERFACE.TUNNELS, bytes, offset, length, length, wall())) return;
    this.#flow = type === FRAME.SESSION ? FRAMES.sessionFromTunnel : FRAMES.discoveryFromTunnel;
    this.#isFromTunnel = true;
    this.#peer = name === "" ? NAMELESS : name;
    if (length < PPPOE_FRAME_HLEN) return;
    const { bytes: copy, frameAt } = this.#block;
    this.#owner = sessions.findByTunnel(tunnel, copy, frameAt);
    this.#goesOn = this.#owner !== undefined;
  }

  /** Finishes the frame that is staged, if there is one. To be called before the next one, and after the last. */
  done(): void {
    this.#finish();
    this.#owner = undefined;
    this.#isFromTunnel = false;
    this.#peer = "";
  }

  /** Notes a drop that is being counted. */
  dropped(reason: number, flow: Flow, count: number): void {
    if (flow === FRAMES.sessionFromTunnel && this.#refused > 0) {
      this.#refused = Math.max(0, this.#refused - count);
      return;
    }
    if (this.#isStaged && this.#reason === NOT_DROPPED && flow === this.#flow) {
      this.#reason = reason;
      return;
    }
    const frame = this.#passing;
    if (frame === undefined) return;
    this.#passing = undefined;
    const to = this.#passingTo;
    if (flow !== (to === undefined ? FRAMES.discoveryFromTunnel : FRAMES.discoveryFromLink)) return;
    if (to === undefined) this.toLink(frame, 0, frame.length, this.#owner, this.sender, reason);
    else this.#toTunnel(to, frame, 0, frame.length, undefined, reason);
  }

  /**
   * Notes a discovery frame that the relay passes on, until `passed`.
   *
   * @param frame The frame
   * @param to The name of the peer that it goes to; undefined for the link
   */
  passing(frame: Uint8Array, to: string | undefined): void {
    this.#passing = frame;
    this.#passingTo = to;
    // A frame may also be answered where it came from.
    if (!this.#isStaged || (to === undefined) !== this.#isFromTunnel) return;
    if (to !== undefined && to !== "") this.#peer = to;
    this.#goesOn = this.#peer !== "";
  }

  /** Notes that such a frame has left, or that it is kept. */
  passed(): void {
    this.#passing = undefined;
  }

  /**
   * Records a frame that the link has taken or refused.
   *
   * @param owner The session that owns it
   * @param sender The name of the peer that sent it; empty if it is this program's own
   * @param reason The reason if it was dropped
   */
  toLink(
    bytes: Uint8Array,
    offset: number,
    length: number,
    owner: Session | undefined,
    sender: string,
    reason: number = NOT_DROPPED,
  ): void {
    this.#finish();
    if (!this.#wants(bytes, offset, length)) return;
    const { sessions, wall } = this.#options;
    const of = owner ??
      (length >= PPPOE_FRAME_HLEN && readSessionId(bytes, offset) !== 0
        ? sessions.atLinkAs(offset === 0 ? bytes : bytes.subarray(offset, offset + length))
        : undefined);
    this.#begin(INTERFACE.LINK, DIRECTION.OUT, bytes, offset, length, length, wall());
    this.#commentLength = 0;
    if (sender !== "") this.#word(WORDS.from, this.#nameBytes(sender));
    this.#session(of);
    if (this.#commentLength > 0) this.#word(WORDS.comma);
    this.#word(WORDS.toLink);
    this.#write(INTERFACE.LINK, reason);
  }

  /** Notes that the link has refused session frames, which are recorded already, before they are counted. */
  refused(count: number): void {
    this.#refused += count;
  }

  /** Makes the tap of a tunnel, whose peer has a name. */
  tap(name: string): FrameTap {
    return {
      sent: (bytes, offset, length, owner) =>
        this.#toTunnel(name, bytes, offset, length, owner as Session | undefined, NOT_DROPPED),
      dropped: (bytes, offset, length, owner) =>
        this.#toTunnel(name, bytes, offset, length, owner as Session | undefined, this.queueReason),
      lost: (type, length, owner) => this.#lost(name, type, length, owner as Session | undefined),
    };
  }

  // Records a frame that a tunnel's transport has taken, or that was dropped before.
  #toTunnel(
    name: string,
    bytes: Uint8Array,
    offset: number,
    length: number,
    owner: Session | undefined,
    reason: number,
  ): void {
    this.#finish();
    if (!this.#wants(bytes, offset, length)) return;
    const atMs = this.#options.wall();
    this.#begin(INTERFACE.TUNNELS, DIRECTION.OUT, bytes, offset, length, length, atMs);
    this.#describeToTunnel(name, owner);
    this.#write(INTERFACE.TUNNELS, reason);
  }

  // Records a frame that was sent into a tunnel, and lost with it. Only its header is known by now.
  #lost(name: string, type: number, length: number, owner: Session | undefined): void {
    this.#finish();
    const isDiscovery = type === FRAME.DISCOVERY;
    if (!isDiscovery && this.#options.frames !== "all") return;
    const header = this.#header;
    header.fill(0);
    writeUint16(header, ETHERNET.etherType[0], isDiscovery ? ETH_P_PPP_DISC : ETH_P_PPP_SES);
    header[PPPOE.verType[0]] = PPPOE_VERTYPE;
    writeUint16(header, PPPOE.length[0], Math.max(0, length - PPPOE_FRAME_HLEN));
    if (owner !== undefined) {
      copyMac(owner.farMac, 0, header, ETHERNET.destination[0]);
      copyMac(owner.nearMac, 0, header, ETHERNET.source[0]);
      writeSessionId(header, 0, owner.tunnelId);
    }
    const there = Math.min(length, header.length);
    const atMs = this.#options.wall();
    this.#begin(INTERFACE.TUNNELS, DIRECTION.OUT, header, 0, there, length, atMs);
    this.#describeToTunnel(name, owner);
    this.#write(INTERFACE.TUNNELS, this.queueReason, WORDS.afterSending);
  }

  #describeToTunnel(name: string, owner: Session | undefined): void {
    this.#commentLength = 0;
    if (owner !== undefined) {
      this.#word(WORDS.fromLink);
      this.#session(owner);
      this.#word(WORDS.comma);
    }
    this.#word(WORDS.to, this.#nameBytes(name));
  }

  #stage(
    interfaceId: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    wireLength: number,
    atMs: number,
  ): boolean {
    this.done();
    if (!this.#wants(bytes, offset, length)) return false;
    this.#begin(interfaceId, DIRECTION.IN, bytes, offset, length, wireLength, atMs);
    this.#isStaged = true;
    this.#goesOn = false;
    this.#reason = NOT_DROPPED;
    return true;
  }

  // Finishes the frame that is staged, but keeps what is known about it.
  #finish(): void {
    if (!this.#isStaged) return;
    this.#isStaged = false;
    this.#commentLength = 0;
    if (this.#isFromTunnel) this.#word(WORDS.from, this.#nameBytes(this.#peer));
    else this.#word(WORDS.fromLink);
    this.#session(this.#owner);
    if (this.#goesOn) {
      this.#word(WORDS.comma);
      if (this.#isFromTunnel) this.#word(WORDS.toLink);
      else this.#word(WORDS.to, this.#nameBytes(this.#peer));
    }
    this.#write(this.#isFromTunnel ? INTERFACE.TUNNELS : INTERFACE.LINK, this.#reason);
  }

  #wants(bytes: Uint8Array, offset: number, length: number): boolean {
    const { frames } = this.#options;
    if (frames === "all") return true;
    if (length < PPPOE.verType[0]) return false;
    const type = readEtherType(bytes, offset);
    if (type === ETH_P_PPP_DISC) return true;
    return frames === "control" && type === ETH_P_PPP_SES && length >= PPPOE.payload + 2 &&
      isControlProtocol(readProtocol(bytes, offset));
  }

  #begin(
    interfaceId: number,
    direction: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    wireLength: number,
    atMs: number,
  ): void {
    const block = this.#block;
    const captured = Math.min(length, MAX_PAYLOAD);
    block.begin(interfaceId, direction, atMs, captured, wireLength);
    block.bytes.set(bytes.subarray(offset, offset + captured), block.frameAt);
    if (!this.#options.secrets) maskSecrets(block.bytes, block.frameAt, captured);
  }

  #write(interfaceId: number, reason: number, after?: Uint8Array): void {
    if (reason !== NOT_DROPPED) {
      this.#word(WORDS.comma);
      this.#word(WORDS.dropped, REASONS[reason]);
      if (after !== undefined) this.#word(after);
    }
    const block = this.#block;
    const { ring, notify } = this.#options;
    block.finish(this.#comment, this.#commentLength, this.#missing);
    if (ring.put(block.bytes, block.length, interfaceId)) this.#missing = 0;
    else {
      this.#missing++;
      ring.leaveOut();
    }
    if (ring.claimNotice()) notify();
  }

  #word(first: Uint8Array, second?: Uint8Array): void {
    const comment = this.#comment;
    for (let i = 0; i < first.length; i++) comment[this.#commentLength++] = first[i];
    if (second === undefined) return;
    for (let i = 0; i < second.length; i++) comment[this.#commentLength++] = second[i];
  }

  #session(session: Session | undefined): void {
    if (session === undefined) return;
    this.#word(WORDS.session);
    const { tunnelId } = session;
    for (let shift = 12; shift >= 0; shift -= 4) {
      this.#comment[this.#commentLength++] = HEX[tunnelId >> shift & 0xf];
    }
  }

  #nameBytes(name: string): Uint8Array {
    if (name === "") name = NAMELESS;
    let bytes = this.#names.get(name);
    if (bytes === undefined) {
      if (this.#names.size >= NAMES_MAX) this.#names.clear();
      bytes = encoder.encode(name).subarray(0, 64);
      this.#names.set(name, bytes);
    }
    return bytes;
  }
}
