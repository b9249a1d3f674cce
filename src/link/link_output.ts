// What goes to the link: control frames before data, what the interface refuses counted, and no PADT
// forgotten.

import type { Pinned } from "../../ffi/mod.ts";
import { DROP, type SessionTable } from "../relay/mod.ts";
import { CODE, isControlProtocol, PPPOE, readCode, readProtocol } from "../wire/mod.ts";
import { type Counters, FRAMES } from "../dataplane/counters.ts";
import type { Lanes, Link } from "./packet_link.ts";
import type { SessionJournal } from "../dataplane/session_journal.ts";
import type { Reporter } from "../dataplane/reporter.ts";

/** How many PADTs are kept for a link that does not take them. A client has up to 65,534 sessions. */
const OWED_PADTS = 65536;

/** The way out to one link. Every frame that it is given is sent or counted as dropped. */
export class LinkOutput {
  readonly #link: Link;
  readonly #counters: Counters;
  readonly #report: Reporter;
  /** What the senders of some lanes had refused when it was last counted. */
  readonly #refused = { lanes: undefined as Lanes | undefined, tooLong: 0, full: 0, down: 0 };
  readonly #journal: SessionJournal | undefined;
  #owed: Uint8Array[] = [];

  constructor(link: Link, counters: Counters, report: Reporter, journal?: SessionJournal) {
    this.#link = link;
    this.#counters = counters;
    this.#report = report;
    this.#journal = journal;
  }

  /** The PADTs that the link has not taken yet. */
  get owed(): readonly Uint8Array[] {
    return this.#owed;
  }

  /** Takes a PADT on that the link is to have as soon as it can. */
  owe(padt: Uint8Array): void {
    this.#owed.push(padt);
  }

  /** Queues a session frame, which must stay where it is until `flush`; false when it is dropped. */
  session(memory: Pinned, offset: number, length: number): boolean {
    const lanes = this.#link.lanes;
    if (lanes === undefined) {
      this.#counters.drop(DROP["link-down"]);
      return false;
    }
    // Behind a shorter one are bytes of other frames.
    const control = length >= PPPOE.payload + 2 &&
      isControlProtocol(readProtocol(memory.bytes, offset));
    const sender = control ? lanes.controlSender : lanes.dataSender;
    if (!sender.push(memory, offset, length)) {
      this.flush();
      sender.push(memory, offset, length);
    }
    this.#counters.frame(FRAMES.downlinkSession, length);
    return true;
  }

  /** Sends a discovery frame at once. */
  discovery(frame: Uint8Array): void {
    if (this.#send(frame)) {
      this.#counters.frame(FRAMES.downlinkDiscovery, frame.length);
    } else if (readCode(frame) === CODE.PADT) {
      if (this.#owed.length >= OWED_PADTS) {
        return this.#report.warn("owed", `${OWED_PADTS} PADTs wait for ${this.#link.name} already`);
      }
      const padt = frame.slice();
      this.#owed.push(padt);
      this.#journal?.owes(padt);
    }
  }

  /**
   * Sends the PADTs that are owed. Their sessions are over here, but not yet for their stations; and
   * an ISP may refuse another session until they are.
   *
   * @param sessions A PADT whose id has been given anew is forgotten.
   */
  payOwed(sessions: SessionTable): void {
    if (this.#link.lanes === undefined) return;
    this.#owed = this.#owed.filter((padt) => {
      const obsolete = sessions.atLinkAs(padt) !== undefined;
      if (!obsolete && !this.#send(padt)) return true;
      if (!obsolete) this.#counters.frame(FRAMES.downlinkDiscovery, padt.length);
      this.#journal?.paid(padt);
      return false;
    });
  }

  /** Sends what is queued. */
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
    // What was before it stays before it.
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
      this.#report.warn(
        "mtu",
        `A frame from the tunnel is too large for ${this.#link.name}: ` +
          "raise its MTU, or lower the PPP MTU of the hosts",
      );
    }
    this.#counters.drop(DROP["link-full"], full - before.full);
    this.#counters.drop(DROP["link-down"], down - before.down);
    before.tooLong = tooLong;
    before.full = full;
    before.down = down;
  }
}
