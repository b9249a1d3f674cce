// The seam between the data plane and a link: an Ethernet interface today, memory in tests.
//
// A link device has two lanes, so that control frames never wait behind data, and a sender for each. Data
// frames are received in place and may be rewritten there; frames are sent in batches, from where they
// lie. A device that writes a capture, or plants faults, is a wrapper round another one.

import type { Pinned, VlanFrame } from "../../ffi/mod.ts";

/** The state of the link's interface. */
export type LinkState = "up" | "down" | "missing";

/** The lane whose frames are copied out one by one: discovery, and PPP control. */
export interface ControlReceiver {
  /** What a poller knows it by. */
  readonly fd: number;
  /**
   * Takes one frame.
   *
   * @param into Where it goes, from the start
   * @returns Its whole length, which may be more than `into` has; 0 when there is none; a negative
   * errno(3) when the interface failed
   */
  receive(into: Uint8Array): number;
}

/** The lane whose frames are read where they lie. */
export interface DataReceiver {
  /** What a poller knows it by. */
  readonly fd: number;
  /** True where there is a frame at the head. */
  readonly waiting: boolean;
  /** The memory that the frame at the head lies in. */
  readonly memory: Uint8Array;
  /** Its first byte in that memory. */
  readonly offset: number;
  /** How much of it is there, in bytes. */
  readonly length: number;
  /** Its length on the wire, in bytes. */
  readonly wireLength: number;
  /** When it arrived, by the wall clock, in ms. */
  readonly timestampMs: number;
  /** The frame at the head, and up to 127 bytes more. */
  readonly frame: Uint8Array;
  /** Looks at the head, and sets the fields to describe the frame there; false when there is none. */
  next(): boolean;
  /** Gives the room of the frame at the head back, and goes on to the next one. */
  release(): void;
}

/** The way out for the frames of one lane. */
export interface FrameSender {
  /** How many frames wait for `flush`. */
  readonly queued: number;
  /** Frames that were longer than the link takes. */
  readonly refusedTooLong: number;
  /** Frames that found no room. */
  readonly refusedFull: number;
  /** Frames that found the interface down or gone. */
  readonly refusedDown: number;
  /** Queues a frame, which must stay as it is until `flush`; false when the queue is full. */
  push(memory: Pinned, offset: number, length: number): boolean;
  /** Sends what is queued, in order. */
  flush(): void;
  /** Sends one frame at once, before any that is queued; false when it is refused. */
  send(frame: Uint8Array): boolean;
}

/** What is open while the interface is up. */
export interface Lanes {
  readonly control: ControlReceiver;
  readonly data: DataReceiver;
  /** Sends control frames: it has a buffer of its own, so that data never takes their room. */
  readonly controlSender: FrameSender;
  readonly dataSender: FrameSender;
}

/** One link, through its going down, away and coming back. */
export interface LinkDevice {
  /** The name of its interface. */
  readonly name: string;
  readonly state: LinkState;
  /** Why the lanes could not be opened at the last look, though the interface was there. */
  readonly failure: string | undefined;
  /** The interface's address; the last known one while it is away. */
  readonly mac: Uint8Array;
  /** The interface's MTU, in bytes; the last known one while it is away. */
  readonly mtu: number;
  /** Undefined while the interface is not up; another object each time that it comes up. */
  readonly lanes: Lanes | undefined;
  /** Readable when the interface may have changed. */
  readonly watchFd: number;
  /** Frames that were lost before a lane had them, ever. */
  readonly kernelDrops: number;
  /** PPPoE frames of VLANs that came, and no lane took, ever. */
  readonly vlanFrames: number;
  /** The VLAN of such a frame that came since this was last asked; undefined when none did. */
  takeVlan(): VlanFrame | undefined;
  /** Looks at the interface again, where there may be a reason to; true when something is different. */
  refresh(): boolean;
  /** Closes the lanes, of which one has failed, until the next look. */
  fail(): void;
  /** Closes the device for good. */
  dispose(): void;
}
