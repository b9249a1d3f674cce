// Output to a link: control frames go before data, every refused frame is counted, and PADTs are kept until
// the link takes them.

import type { Pinned } from "../../ffi/mod.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import type { EventSink } from "../observe/events.ts";
import { DROP, type SessionTable } from "../relay/mod.ts";
import { CODE, isControlProtocol, PPPOE, readCode, readProtocol } from "../wire/mod.ts";
import type { Lanes, LinkDevice } from "./device.ts";

/** The maximum number of undelivered PADTs that are kept. A client has up to 65,534 sessions. */
const PADTS_KEPT = 65536;

/** The record of undelivered PADTs for the next run of the program. */
export interface PadtJournal {
  undelivered(padt: Uint8Array): void;
  delivered(padt: Uint8Array): void;
}

/** Sends frames to one link. Every frame is sent or counted as dropped. */
export class LinkOutput {
  readonly #link: LinkDevice;
  readonly #counters: Counters;
  readonly #events: EventSink;
  readonly #journal: PadtJournal | undefined;
  /** The refused frames that are counted already, with the lanes that they belong to. */
  readonly #refused = { lanes: undefined as Lanes | undefined, tooLong: 0, full: 0, down: 0 };
  #undelivered: Uint8Array[] = [];
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

  /** Takes over the undelivered PADTs of an earlier run. */
  restore(padts: readonly Uint8Array[]): void {
    this.#undelivered.push(...padts);
  }

  /** Queues a session frame, which must not change until `flush`; returns false if it is dropped. */
  session(memory: Pinned, offset: number, length: number): boolean {
    const lanes = this.#link.lanes;
    if (lanes === undefined) {
      this.#counters.drop(DROP["link-down"]);
      return false;
    }
    // The bytes behind a shorter frame belong to other frames.
    const control = length >= PPPOE.payload + 2 &&
      isControlProtocol(readProtocol(memory.bytes, offset));
    const sender = control ? lanes.controlSender : lanes.dataSender;
    if (!sender.push(memory, offset, length)) {
      this.flush();
      sender.push(memory, offset, length);
    }
    this.#counters.frame(FRAMES.sessionFromTunnel, length);
    return true;
  }

  /** Sends a discovery frame at once. If the link does not take a PADT, it is kept. */
  discovery(frame: Uint8Array): void {
    if (this.#send(frame)) {
      this.#counters.frame(FRAMES.discoveryFromTunnel, frame.length);
    } else if (readCode(frame) === CODE.PADT) {
      if (this.#undelivered.length >= PADTS_KEPT) {
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
      if (!obsolete && !this.#send(padt)) return true;
      if (obsolete) this.#padts.givenUp++;
      else {
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
    const lanes = this.#link.lanes;
    if (lanes === undefined) return;
    const { controlSender, dataSender } = lanes;
    if (controlSender.queued + dataSender.queued === 0) return;
    controlSender.flush();
    dataSender.flush();
    this.#countRefused(lanes);
  }

  #send(frame: Uint8Array): boolean {
    const lanes = this.#link.lanes;
    if (lanes === undefined) {
      this.#counters.drop(DROP["link-down"]);
      return false;
    }
    // Earlier frames must stay ahead of this one.
    lanes.controlSender.flush();
    const sent = lanes.controlSender.send(frame);
    this.#countRefused(lanes);
    return sent;
  }

  #countRefused(lanes: Lanes): void {
    const { controlSender, dataSender } = lanes;
    const before = this.#refused;
    if (before.lanes !== lanes) {
      // New lanes count from 0.
      before.lanes = lanes;
      before.tooLong = before.full = before.down = 0;
    }
    const tooLong = controlSender.refusedTooLong + dataSender.refusedTooLong;
    const full = controlSender.refusedFull + dataSender.refusedFull;
    const down = controlSender.refusedDown + dataSender.refusedDown;
    if (tooLong > before.tooLong) {
      this.#counters.drop(DROP["frame-too-large"], tooLong - before.tooLong);
      this.#events.notice({ id: "frame-too-large", interface: this.#link.name });
    }
    this.#counters.drop(DROP["link-full"], full - before.full);
    this.#counters.drop(DROP["link-down"], down - before.down);
    before.tooLong = tooLong;
    before.full = full;
    before.down = down;
  }
}
