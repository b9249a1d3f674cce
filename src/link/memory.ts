// A link in memory. Its owner hands it the frames that arrive, and gets those that are sent.
//
// It is as strict as a network card: without promiscuous mode it takes only frames for its own address and
// for groups, and it sends no frame that is longer than its MTU allows.

import type { Pinned, VlanFrame } from "../../ffi/mod.ts";
import type { MemoryDescriptors, MemorySource } from "../poll/memory.ts";
import { POLLIN } from "../poll/poller.ts";
import {
  CODE,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  ETHERNET,
  isControlProtocol,
  PPPOE,
  readCode,
  readEtherType,
  readProtocol,
  readSessionId,
  sameMac,
} from "../wire/mod.ts";
import type {
  Diverted,
  FrameSender,
  Lanes,
  LinkDevice,
  LinkState,
  OpeningReceiver,
  RingReceiver,
} from "./device.ts";

/** The numbers of frames that a lane can hold, and that a sender can queue. */
const LANE_FRAMES = 1024;
const QUEUED_FRAMES = 256;
const DESTINATION = ETHERNET.destination[0];
const GROUP = 0x01;
const OPENING_CODES: ReadonlySet<number> = new Set([CODE.PADI, CODE.PADO, CODE.PADR]);

/** Options of {@linkcode MemoryLink}. */
export interface MemoryLinkOptions {
  name: string;
  mac: Uint8Array;
  mtu?: number;
  /** Take frames to other stations' addresses too. */
  promiscuous: boolean;
  /** Returns the time in ms, by the clock that stamps frames. */
  wall(): number;
  /** Takes a copy of each frame that is sent. */
  sent(frame: Uint8Array): void;
  /** Returns true if the interface's queue has no room for a frame; by default there is always room. */
  refuses?(frame: Uint8Array): boolean;
}

interface Waiting {
  frame: Uint8Array;
  atMs: number;
}

class Lane implements MemorySource {
  readonly fd: number;
  readonly frames: Waiting[] = [];
  readonly #descriptors: MemoryDescriptors;

  constructor(descriptors: MemoryDescriptors) {
    this.#descriptors = descriptors;
    this.fd = descriptors.open(this);
  }

  ready(): number {
    return this.frames.length > 0 ? POLLIN : 0;
  }

  close(): void {
    this.#descriptors.close(this.fd);
    this.frames.length = 0;
  }
}

class OpeningLane extends Lane implements OpeningReceiver {
  receive(into: Uint8Array): number {
    const frame = this.frames.shift()?.frame;
    if (frame === undefined) return 0;
    into.set(frame.subarray(0, into.length));
    return frame.length;
  }
}

class RingLane extends Lane implements RingReceiver {
  memory: Uint8Array = new Uint8Array(0);
  readonly offset = 0;
  length = 0;
  wireLength = 0;
  timestampMs = 0;

  get waiting(): boolean {
    return this.frames.length > 0;
  }

  get frame(): Uint8Array {
    return this.memory;
  }

  next(): boolean {
    const [head] = this.frames;
    if (head === undefined) return false;
    this.memory = head.frame;
    this.length = this.wireLength = head.frame.length;
    this.timestampMs = head.atMs;
    return true;
  }

  release(): void {
    this.frames.shift();
  }
}

class Sender implements FrameSender {
  refusedTooLong = 0;
  refusedFull = 0;
  refusedDown = 0;
  refusedBytes = 0;
  readonly #link: MemoryLink;
  readonly #queue: { memory: Pinned; offset: number; length: number }[] = [];

  constructor(link: MemoryLink) {
    this.#link = link;
  }

  get queued(): number {
    return this.#queue.length;
  }

  push(memory: Pinned, offset: number, length: number): boolean {
    if (this.#queue.length === QUEUED_FRAMES) return false;
    this.#queue.push({ memory, offset, length });
    return true;
  }

  flush(): void {
    for (const { memory, offset, length } of this.#queue.splice(0)) {
      this.send(memory.bytes.subarray(offset, offset + length));
    }
  }

  send(frame: Uint8Array): boolean {
    const { options, mtu } = this.#link;
    if (frame.length > mtu + ETH_HLEN) this.refusedTooLong++;
    else if (this.#link.state !== "up") this.refusedDown++;
    else if (options.refuses?.(frame)) this.refusedFull++;
    else {
      options.sent(frame.slice());
      return true;
    }
    this.refusedBytes += frame.length;
    return false;
  }
}

interface MemoryLanes extends Lanes {
  readonly opening: OpeningLane;
  readonly control: RingLane;
  readonly data: RingLane;
}

/** An interface that exists only in memory. */
export class MemoryLink implements LinkDevice, MemorySource {
  readonly name: string;
  readonly options: MemoryLinkOptions;
  readonly failure: undefined;
  readonly isDeaf = false;
  readonly watchFd: number;
  /** The reason to give while the interface is down. */
  whyDown: string | undefined;
  state: LinkState = "up";
  mac: Uint8Array;
  mtu: number;
  lanes: MemoryLanes | undefined;
  kernelDrops = 0;
  vlanFrames = 0;
  /** The stations whose PPP control frames go to the data lane. */
  diverted: readonly Diverted[] = [];
  readonly #descriptors: MemoryDescriptors;
  /** The current state of the interface; the public fields have it as of the last `refresh`. */
  #actual: { state: LinkState; mac: Uint8Array; mtu: number };
  #changed = false;

  /** Makes a link that is up. */
  constructor(descriptors: MemoryDescriptors, options: MemoryLinkOptions) {
    this.#descriptors = descriptors;
    this.options = options;
    this.name = options.name;
    this.mac = options.mac;
    this.mtu = options.mtu ?? ETH_DATA_LEN;
    this.#actual = { state: "up", mac: this.mac, mtu: this.mtu };
    this.watchFd = descriptors.open(this);
    this.#open();
  }

  /** Hands in a frame from the link. It may be rewritten in place. */
  arrive(frame: Uint8Array): void {
    if (this.#actual.state !== "up" || this.lanes === undefined) return;
    if (frame.length < ETH_HLEN || !this.#takes(frame)) return;
    const type = readEtherType(frame);
    if (type !== ETH_P_PPP_DISC && type !== ETH_P_PPP_SES) return;
    const lane = this.lanes[this.#isDiverted(frame) ? "data" : laneOf(frame)];
    if (lane.frames.length === LANE_FRAMES) this.kernelDrops++;
    else lane.frames.push({ frame, atMs: this.options.wall() });
  }

  /** Changes the state, the address or the MTU of the interface. */
  change(to: { state?: LinkState; mac?: Uint8Array; mtu?: number }): void {
    this.#actual = { ...this.#actual, ...to };
    this.#changed = true;
    if (this.#actual.state !== "up") this.#close();
  }

  /** Returns the events of the watch, which is readable after a change. */
  ready(): number {
    return this.#changed ? POLLIN : 0;
  }

  divert(stations: readonly Diverted[]): void {
    this.diverted = stations;
  }

  takeVlan(): VlanFrame | undefined {
    return undefined;
  }

  explainDown(): string | undefined {
    return this.state === "down" ? this.whyDown : undefined;
  }

  refresh(): boolean {
    this.#changed = false;
    const { state, mac, mtu } = this.#actual;
    const same = state === this.state && mtu === this.mtu && sameMac(mac, 0, this.mac, 0) &&
      (this.lanes !== undefined) === (state === "up");
    if (same) return false;
    this.#close();
    this.state = state;
    this.mac = mac;
    this.mtu = mtu;
    this.diverted = [];
    if (state === "up") this.#open();
    return true;
  }

  fail(): void {
    this.#close();
    this.state = "down";
  }

  dispose(): void {
    this.#close();
    this.#descriptors.close(this.watchFd);
  }

  #isDiverted(frame: Uint8Array): boolean {
    return readEtherType(frame) === ETH_P_PPP_SES &&
      this.diverted.some(({ mac, sessionId }) =>
        sameMac(mac, 0, frame, ETHERNET.source[0]) &&
        (sessionId === undefined || sessionId === readSessionId(frame))
      );
  }

  #takes(frame: Uint8Array): boolean {
    return this.options.promiscuous || (frame[DESTINATION] & GROUP) !== 0 ||
      sameMac(frame, DESTINATION, this.#actual.mac, 0);
  }

  #open(): void {
    const [controlSender, dataSender] = [new Sender(this), new Sender(this)];
    this.lanes = {
      opening: new OpeningLane(this.#descriptors),
      control: new RingLane(this.#descriptors),
      data: new RingLane(this.#descriptors),
      controlSender,
      dataSender,
    };
  }

  #close(): void {
    this.lanes?.opening.close();
    this.lanes?.control.close();
    this.lanes?.data.close();
    this.lanes = undefined;
  }
}

// Decides as the filters in lane_filter.ts do.
function laneOf(frame: Uint8Array): "opening" | "control" | "data" {
  if (readEtherType(frame) === ETH_P_PPP_DISC) {
    return OPENING_CODES.has(readCode(frame)) ? "opening" : "control";
  }
  const isControl = frame.length >= PPPOE.payload + 2 && isControlProtocol(readProtocol(frame, 0));
  return isControl ? "control" : "data";
}
