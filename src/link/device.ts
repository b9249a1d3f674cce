// The seam between the data plane and a link: an Ethernet interface today, memory in tests.
//
// A link device has three lanes. The opening lane receives PADI, PADO and PADR, the control lane all other control
// frames, and the data lane the rest. So control frames never wait behind data, nor those of sessions behind any
// number of PADIs, which take longer. There is a sender for control frames, and one for data.
// Session frames are received in place and may be rewritten there; frames are sent in batches, without a copy.
// A device can be a wrapper around another one, as that of a capture is (src/capture/captured_link.ts). If it needs a frame
// for longer, it copies it in `next` or `push`: a received frame may be rewritten in place before `release`,
// and a queued one is overwritten after `flush`.

import type { Pinned, VlanFrame } from "../../ffi/mod.ts";

/** A station whose PPP control frames go to the data lane, in all its sessions or in one of them. */
export interface Diverted {
  /** The address of the station. */
  readonly mac: Uint8Array;
  /** The session; undefined for all. */
  readonly sessionId: number | undefined;
}

/** The maximum number of stations in {@linkcode LinkDevice.divert}. */
export const DIVERTED_MAX = 16;

/** The state of the link's interface. */
export type LinkState = "up" | "down" | "missing";

/** The receiver for the frames that open sessions, which are copied out one by one. */
export interface OpeningReceiver {
  /** The descriptor for pollers. */
  readonly fd: number;
  /**
   * Takes one frame.
   *
   * @param into The memory for the frame
   * @returns The length of the whole frame, which may be more than fits into `into`; 0 if there is no frame; a
   * negative errno(3) if the interface has failed
   */
  receive(into: Uint8Array): number;
}

/** The receiver for the frames of another lane, which are read in place. */
export interface RingReceiver {
  /** The descriptor for pollers. */
  readonly fd: number;
  /** True if a frame is waiting. */
  readonly waiting: boolean;
  /** The memory that contains the current frame. */
  readonly memory: Uint8Array;
  /** The offset of the frame in that memory. */
  readonly offset: number;
  /** The number of bytes of the frame that are there. */
  readonly length: number;
  /** The length of the frame on the wire, in bytes. */
  readonly wireLength: number;
  /** The time of arrival, in ms, by the wall clock. */
  readonly timestampMs: number;
  /** A view of the frame and up to 127 bytes more. The caller may rewrite the frame in place. */
  readonly frame: Uint8Array;
  /** Makes the first waiting frame the current one, and sets the fields; returns false if there is none. */
  next(): boolean;
  /** Releases the memory of the current frame. */
  release(): void;
}

/** The sender for the frames of one lane. */
export interface FrameSender {
  /** The number of frames that wait for `flush`. */
  readonly queued: number;
  /** The number of frames that were too long for the link. */
  readonly refusedTooLong: number;
  /** The number of frames for which there was no room. */
  readonly refusedFull: number;
  /** The number of frames that could not be sent because the interface was down or gone. */
  readonly refusedDown: number;
  /** The number of bytes in all refused frames. */
  readonly refusedBytes: number;
  /**
   * Queues a frame, which must not change until `flush`; returns false if the queue is full. If the
   * link refuses the frame, `flush` counts it.
   */
  push(memory: Pinned, offset: number, length: number): boolean;
  /** Sends the queued frames, in order. */
  flush(): void;
  /** Sends one frame at once, ahead of the queue; returns false if it is refused. */
  send(frame: Uint8Array): boolean;
}

/** The receivers and senders of a link, which exist while its interface is up. */
export interface Lanes {
  readonly opening: OpeningReceiver;
  readonly control: RingReceiver;
  readonly data: RingReceiver;
  /** The sender for control frames; it has its own buffer, so that data frames never fill it. */
  readonly controlSender: FrameSender;
  readonly dataSender: FrameSender;
}

/** A link, whose interface may go down, disappear and come back. */
export interface LinkDevice {
  /** The name of the interface. */
  readonly name: string;
  readonly state: LinkState;
  /** The reason why the lanes of an existing interface could not be opened; undefined if there is none. */
  readonly failure: string | undefined;
  /** True if that reason is that the interface cannot receive frames for other stations. */
  readonly isDeaf: boolean;
  /** The interface's address; the last known one while the interface is missing. */
  readonly mac: Uint8Array;
  /** The interface's MTU in bytes; the last known one while the interface is missing. */
  readonly mtu: number;
  /**
   * The lanes; undefined while the interface is not up. They are the same object until the interface goes
   * away or changes, and a new one when it is back. Callers compare them with `===`, so a wrapper keeps its
   * own object for as long as the wrapped device keeps its lanes.
   */
  readonly lanes: Lanes | undefined;
  /** A descriptor that is readable when the interface may have changed. */
  readonly watchFd: number;
  /** The total number of frames that were lost before they reached a lane. */
  readonly kernelDrops: number;
  /** The total number of PPPoE frames with a VLAN tag, which no lane takes. */
  readonly vlanFrames: number;
  /** Returns the VLAN of such a frame that arrived since the last call; undefined if there is none. */
  takeVlan(): VlanFrame | undefined;
  /** Returns why an existing interface is down, and the remedy, to follow "is down,"; undefined if unknown. */
  explainDown(): string | undefined;
  /** Sends the PPP control frames of these stations to the data lane, and those of all others to the control lane. */
  divert(stations: readonly Diverted[]): void;
  /** Looks at the interface again; returns true if something has changed. */
  refresh(): boolean;
  /** Closes the lanes until the next `refresh`, because one of them has failed. */
  fail(): void;
  /** Closes the device for good. */
  dispose(): void;
}
