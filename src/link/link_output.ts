// Output to a link: control frames go before data, every refused frame is counted, and PADTs are kept until
// the link takes them.

import type { Pinned } from "../../ffi/mod.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import type { EventSink } from "../observe/events.ts";
import { DROP, type Drop, FATE, type Fate, type SessionTable } from "../relay/mod.ts";
import { CODE, isControlProtocol, PPPOE, readCode, readProtocol } from "../wire/mod.ts";
import type { FrameSender, Lanes, LinkDevice } from "./device.ts";
import { FRAME_PROBLEM_MS, frameTooLarge } from "./problems.ts";

/** The maximum number of undelivered PADTs that are kept. A client has up to 65,534 sessions. */
const PADTS_KEPT = 65536;

/** The result of sending a frame that the link has taken; otherwise it is the drop reason. */
const SENT = -1;

/** The session frames that wait in a sender, and the refused frames that are counted already. */
class Waiting {
  frames = 0;
  bytes = 0;
  tooLong = 0;
  full = 0;
  down = 0;
  refusedBytes = 0;

  /** Begins anew, with a sender that counts from 0. */
  clear(): void {
    this.frames = this.bytes = 0;
    this.tooLong =
      this.full =
      this.down =
      this.refusedBytes =
        0;
  }
}

/** The owner of a session frame, which has a budget of control frames. */
export interface ControlPayer {
  /** Counts a control frame from the tunnel, and returns its fate. */
  controlFromTunnel(nowMs: number): Fate;
}

/** The record of undelivered PADTs for the next run of the program. */
export interface PadtJournal {
  undelivered(padt: Uint8Array): void;
  delivered(padt: Uint8Array): void;
}

/** Sends frames to one link. Every frame is sent, counted as dropped, or queued. */
export class LinkOutput {
  readonly #link: LinkDevice;
  readonly #counters: Counters;
  readonly #events: EventSink;
  readonly #journal: PadtJournal | undefined;
  /** The lanes whose frames wait. */
  #lanes: Lanes | undefined;
  readonly #control = new Waiting();
  readonly #data = new Waiting();
  #undelivered: Uint8Array[] = [];
  /** True if the last session frame was a PPP control frame. */
  tookControl = false;
  readonly #padts = { undelivered: 0, delivered: 0, givenUp: 0 };

  constructor(link: LinkDevice, counters: Counters, events: EventSink, journal?: PadtJournal) {
    this.#link = link;
    this.#counters = counters;
    this.#events = events;
    this.#journal = journal;
  }

  /** The PADTs that the link has not taken yet. */
  get undelivered(): readonly Uint8Array[] {
    return this.#undelivered;
  }

  /** The number of session frames that wait for `flush`. */
  get queuedSession(): number {
    return this.#control.frames + this.#data.frames;
  }

  /** Takes over the undelivered PADTs of an earlier run. */
  restore(padts: readonly Uint8Array[]): void {
    this.#counters.offer(FRAMES.discoveryFromTunnel, padts.length);
    this.#undelivered.push(...padts);
  }

  /**
   * Queues a session frame, which must not change until `flush`.
   *
   * @param memory The memory that contains the frame
   * @param offset The offset of the frame in the memory
   * @param length The length of the frame, in bytes
   * @param payer The session, which has a budget of control frames
   * @param nowMs The time
   * @returns False if the frame is dropped
   */
  session(
    memory: Pinned,
    offset: number,
    length: number,
    payer: ControlPayer,
    nowMs: number,
  ): boolean {
    const lanes = this.#usable();
    if (lanes === undefined) {
      this.#counters.drop(DROP["link-down"], FRAMES.sessionFromTunnel);
      return false;
    }
    // The bytes behind a shorter frame belong to other frames.
    let control = length >= PPPOE.payload + 2 &&
      isControlProtocol(readProtocol(memory.bytes, offset));
    this.tookControl = control;
    if (control) {
      const fate = payer.controlFromTunnel(nowMs);
      if (fate === FATE.DROPPED) {
        this.#counters.drop(DROP["control-rate"], FRAMES.sessionFromTunnel);
        return false;
      }
      if (fate === FATE.AS_DATA) {
        control = false;
        this.#counters.demote("tunnel");
      }
    }
    const sender = control ? lanes.controlSender : lanes.dataSender;
    if (!sender.push(memory, offset, length)) {
      this.flush();
      sender.push(memory, offset, length);
    }
    const waiting = control ? this.#control : this.#data;
    waiting.frames++;
    waiting.bytes += length;
    return true;
  }

  /** Sends a discovery frame at once. If the link does not take a PADT, it is kept. */
  discovery(frame: Uint8Array): void {
    const flow = FRAMES.discoveryFromTunnel;
    const result = this.#send(frame);
    if (result === SENT) return this.#counters.frame(flow, frame.length);
    if (readCode(frame) !== CODE.PADT) return this.#counters.drop(result, flow);
    if (this.#undelivered.length >= PADTS_KEPT) {
      this.#counters.drop(result, flow);
      this.#padts.givenUp++;
      const { name } = this.#link;
      this.#events.notice({ id: "too-many-padts", interface: name, limit: PADTS_KEPT });
      return;
    }
    const padt = frame.slice();
    this.#undelivered.push(padt);
    this.#padts.undelivered++;
    this.#journal?.undelivered(padt);
  }

  /**
   * Sends the undelivered PADTs. Their sessions are closed here, but the stations do not know it yet; an
   * ISP may refuse a new session until it does.
   *
   * @param sessions The open sessions; a PADT is given up if one of them has the same id
   */
  deliver(sessions: SessionTable): void {
    if (this.#link.lanes === undefined || this.#undelivered.length === 0) return;
    this.#undelivered = this.#undelivered.filter((padt) => {
      const obsolete = sessions.atLinkAs(padt) !== undefined;
      if (!obsolete && this.#send(padt) !== SENT) return true;
      if (obsolete) {
        this.#padts.givenUp++;
        this.#counters.drop(DROP["link-down"], FRAMES.discoveryFromTunnel);
      } else {
        this.#padts.delivered++;
        this.#counters.frame(FRAMES.discoveryFromTunnel, padt.length);
      }
      this.#journal?.delivered(padt);
      return false;
    });
  }

  /** Reports the PADTs that were kept, delivered or given up since the last call. */
  report(): void {
    const { undelivered, delivered, givenUp } = this.#padts;
    if (undelivered + delivered + givenUp === 0) return;
    this.#events.push({ type: "padts", undelivered, delivered, givenUp });
    this.#padts.undelivered = this.#padts.delivered = this.#padts.givenUp = 0;
  }

  /** Sends the queued frames. */
  flush(): void {
    const lanes = this.#usable();
    if (lanes === undefined || this.#control.frames + this.#data.frames === 0) return;
    const { controlSender, dataSender } = lanes;
    controlSender.flush();
    dataSender.flush();
    this.#settle(controlSender, this.#control);
    this.#settle(dataSender, this.#data);
  }

  // Returns the link's lanes. Frames that wait in earlier ones are lost with them.
  #usable(): Lanes | undefined {
    const { lanes } = this.#link;
    if (lanes === this.#lanes) return lanes;
    this.#lanes = lanes;
    this.#counters.drop(DROP["link-down"], FRAMES.sessionFromTunnel, this.queuedSession);
    this.#control.clear();
    this.#data.clear();
    return lanes;
  }

  // Sends a discovery frame; returns `SENT`, or the reason why the link refused it.
  #send(frame: Uint8Array): typeof SENT | Drop {
    const lanes = this.#usable();
    if (lanes === undefined) return DROP["link-down"];
    const { controlSender } = lanes;
    // Earlier frames must stay ahead of this one.
    controlSender.flush();
    this.#settle(controlSender, this.#control);
    if (controlSender.send(frame)) return SENT;
    const { tooLong, full } = this.#control;
    this.#note(controlSender, this.#control);
    if (this.#control.tooLong > tooLong) return DROP["frame-too-large"];
    return this.#control.full > full ? DROP["link-full"] : DROP["link-down"];
  }

  // Counts the frames of a sender that has just sent what waited in it.
  #settle(sender: FrameSender, waiting: Waiting): void {
    const { frames, bytes, tooLong, full, down, refusedBytes } = waiting;
    if (frames === 0) return;
    this.#note(sender, waiting);
    const counters = this.#counters;
    const flow = FRAMES.sessionFromTunnel;
    const refused = waiting.tooLong - tooLong + waiting.full - full + waiting.down - down;
    counters.frames(flow, frames - refused, bytes - (waiting.refusedBytes - refusedBytes));
    waiting.frames = waiting.bytes = 0;
    if (refused === 0) return;
    counters.drop(DROP["frame-too-large"], flow, waiting.tooLong - tooLong);
    counters.drop(DROP["link-full"], flow, waiting.full - full);
    counters.drop(DROP["link-down"], flow, waiting.down - down);
  }

  // Notes the numbers of frames that a sender has refused.
  #note(sender: FrameSender, waiting: Waiting): void {
    if (sender.refusedTooLong > waiting.tooLong) {
      this.#events.problem(frameTooLarge(this.#link.name), FRAME_PROBLEM_MS);
    }
    waiting.tooLong = sender.refusedTooLong;
    waiting.full = sender.refusedFull;
    waiting.down = sender.refusedDown;
    waiting.refusedBytes = sender.refusedBytes;
  }
}
