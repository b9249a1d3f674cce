// A link that records what passes through it, as a wrapper around another link.
//
// The wrapper is always in place. Its lanes hand out the receivers and senders of the wrapped link, and wrappers of
// them only while a capture is under way, so without one no frame costs anything.

import type { Pinned, VlanFrame } from "../../ffi/mod.ts";
import type {
  Diverted,
  FrameSender,
  Lanes,
  LinkDevice,
  LinkState,
  OpeningReceiver,
  RingReceiver,
} from "../link/device.ts";
import { DROP, type Session } from "../relay/mod.ts";
import { ETH_HLEN } from "../wire/mod.ts";
import type { Recorder } from "./recorder.ts";

/** The maximum number of frames in a sender. */
const QUEUED_MAX = 1024;

/** A link whose frames can be recorded. */
export class CapturedLink implements LinkDevice {
  readonly #link: LinkDevice;
  readonly #wall: () => number;
  #lanes: CapturedLanes | undefined;
  #recorder: Recorder | undefined;

  /**
   * Wraps a link.
   *
   * @param link The link
   * @param wall Returns the time in ms since the epoch, with a fraction
   */
  constructor(link: LinkDevice, wall: () => number) {
    this.#link = link;
    this.#wall = wall;
  }

  /** Begins to record frames; ends it if the recorder is undefined. To be called between two turns. */
  record(recorder: Recorder | undefined): void {
    this.#recorder = recorder;
    this.#lanes?.record(recorder);
  }

  get lanes(): Lanes | undefined {
    const { lanes } = this.#link;
    if (lanes !== this.#lanes?.lanes) this.#wrap(lanes);
    return this.#lanes;
  }

  get name(): string {
    return this.#link.name;
  }

  get state(): LinkState {
    return this.#link.state;
  }

  get failure(): string | undefined {
    return this.#link.failure;
  }

  get isDeaf(): boolean {
    return this.#link.isDeaf;
  }

  get mac(): Uint8Array {
    return this.#link.mac;
  }

  get mtu(): number {
    return this.#link.mtu;
  }

  get watchFd(): number {
    return this.#link.watchFd;
  }

  get kernelDrops(): number {
    return this.#link.kernelDrops;
  }

  get vlanFrames(): number {
    return this.#link.vlanFrames;
  }

  takeVlan(): VlanFrame | undefined {
    return this.#link.takeVlan();
  }

  explainDown(): string | undefined {
    return this.#link.explainDown();
  }

  divert(stations: readonly Diverted[]): void {
    this.#link.divert(stations);
  }

  refresh(): boolean {
    return this.#link.refresh();
  }

  fail(): void {
    this.#link.fail();
  }

  dispose(): void {
    this.#link.dispose();
  }

  #wrap(lanes: Lanes | undefined): void {
    this.#lanes = lanes && new CapturedLanes(this.#link, lanes, this.#wall);
    this.#lanes?.record(this.#recorder);
  }
}

/** The lanes of a link, and those that are in use at the moment. */
class CapturedLanes implements Lanes {
  readonly lanes: Lanes;
  opening: OpeningReceiver;
  control: RingReceiver;
  data: RingReceiver;
  controlSender: FrameSender;
  dataSender: FrameSender;
  readonly #link: LinkDevice;
  readonly #wall: () => number;

  constructor(link: LinkDevice, lanes: Lanes, wall: () => number) {
    this.#link = link;
    this.#wall = wall;
    this.lanes = lanes;
    this.opening = lanes.opening;
    this.control = lanes.control;
    this.data = lanes.data;
    this.controlSender = lanes.controlSender;
    this.dataSender = lanes.dataSender;
  }

  record(recorder: Recorder | undefined): void {
    const { opening, control, data, controlSender, dataSender } = this.lanes;
    if (recorder === undefined) {
      Object.assign(this, { opening, control, data, controlSender, dataSender });
      return;
    }
    this.opening = new CapturedOpening(opening, recorder, this.#wall);
    this.control = new CapturedRing(control, recorder);
    this.data = new CapturedRing(data, recorder);
    this.controlSender = new CapturedSender(controlSender, recorder, this.#link);
    this.dataSender = new CapturedSender(dataSender, recorder, this.#link);
  }
}

class CapturedOpening implements OpeningReceiver {
  readonly #lane: OpeningReceiver;
  readonly #recorder: Recorder;
  readonly #wall: () => number;

  constructor(lane: OpeningReceiver, recorder: Recorder, wall: () => number) {
    this.#lane = lane;
    this.#recorder = recorder;
    this.#wall = wall;
  }

  get fd(): number {
    return this.#lane.fd;
  }

  receive(into: Uint8Array): number {
    this.#recorder.done();
    const length = this.#lane.receive(into);
    if (length > 0) {
      this.#recorder.fromLink(into, 0, Math.min(length, into.length), length, this.#wall());
    }
    return length;
  }
}

class CapturedRing implements RingReceiver {
  readonly #lane: RingReceiver;
  readonly #recorder: Recorder;

  constructor(lane: RingReceiver, recorder: Recorder) {
    this.#lane = lane;
    this.#recorder = recorder;
  }

  get fd(): number {
    return this.#lane.fd;
  }

  get waiting(): boolean {
    return this.#lane.waiting;
  }

  get memory(): Uint8Array {
    return this.#lane.memory;
  }

  get offset(): number {
    return this.#lane.offset;
  }

  get length(): number {
    return this.#lane.length;
  }

  get wireLength(): number {
    return this.#lane.wireLength;
  }

  get timestampMs(): number {
    return this.#lane.timestampMs;
  }

  get frame(): Uint8Array {
    return this.#lane.frame;
  }

  next(): boolean {
    const lane = this.#lane;
    if (!lane.next()) return false;
    // The relay rewrites the frame in place.
    const { memory, offset, length, wireLength, timestampMs } = lane;
    this.#recorder.fromLink(memory, offset, length, wireLength, timestampMs);
    return true;
  }

  release(): void {
    this.#recorder.done();
    this.#lane.release();
  }
}

/** A sender that records what the link has taken. A refused frame is recorded with its drop reason. */
class CapturedSender implements FrameSender {
  readonly #sender: FrameSender;
  readonly #recorder: Recorder;
  readonly #link: LinkDevice;
  // The frames that wait.
  readonly #memories: (Pinned | undefined)[] = [];
  readonly #owners: (Session | undefined)[] = [];
  readonly #senders: string[] = [];
  readonly #offsets = new Uint32Array(QUEUED_MAX);
  readonly #lengths = new Uint32Array(QUEUED_MAX);
  #count = 0;

  constructor(sender: FrameSender, recorder: Recorder, link: LinkDevice) {
    this.#sender = sender;
    this.#recorder = recorder;
    this.#link = link;
  }

  get queued(): number {
    return this.#sender.queued;
  }

  get refusedTooLong(): number {
    return this.#sender.refusedTooLong;
  }

  get refusedFull(): number {
    return this.#sender.refusedFull;
  }

  get refusedDown(): number {
    return this.#sender.refusedDown;
  }

  get refusedBytes(): number {
    return this.#sender.refusedBytes;
  }

  push(memory: Pinned, offset: number, length: number): boolean {
    if (this.#count === QUEUED_MAX || !this.#sender.push(memory, offset, length)) return false;
    const index = this.#count++;
    this.#memories[index] = memory;
    this.#owners[index] = this.#recorder.owner;
    this.#senders[index] = this.#recorder.sender;
    this.#offsets[index] = offset;
    this.#lengths[index] = length;
    return true;
  }

  flush(): void {
    const { refusedTooLong, refusedFull, refusedDown } = this.#sender;
    this.#sender.flush();
    let tooLong = this.#sender.refusedTooLong - refusedTooLong;
    let full = this.#sender.refusedFull - refusedFull;
    const down = this.#sender.refusedDown - refusedDown;
    this.#recorder.refused(tooLong + full + down);
    const longest = this.#link.mtu + ETH_HLEN;
    // The sender knows how many were refused, not which ones. A full queue refuses the last ones.
    let sent = this.#count - tooLong - full - down;
    for (let i = 0; i < this.#count; i++) {
      const length = this.#lengths[i];
      let reason: number | undefined;
      if (tooLong > 0 && length > longest) {
        reason = DROP["frame-too-large"];
        tooLong--;
      } else if (sent > 0) sent--;
      else if (full > 0) {
        reason = DROP["link-full"];
        full--;
      } else reason = tooLong > 0 ? DROP["frame-too-large"] : DROP["link-down"];
      const { bytes } = this.#memories[i]!;
      const owner = this.#owners[i];
      this.#recorder.toLink(bytes, this.#offsets[i], length, owner, this.#senders[i], reason);
      this.#memories[i] = undefined;
      this.#owners[i] = undefined;
    }
    this.#count = 0;
  }

  send(frame: Uint8Array): boolean {
    // A frame that was refused is recorded when its drop is counted. A PADT may be kept.
    if (!this.#sender.send(frame)) return false;
    const { owner, sender } = this.#recorder;
    this.#recorder.passed();
    this.#recorder.toLink(frame, 0, frame.length, owner, sender);
    return true;
  }
}
