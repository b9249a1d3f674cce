// The health of a link: what became of its interface, what the kernel lost, and what the operator can do
// about either.

import type { Counters } from "../observe/counters.ts";
import type { EventSink } from "../observe/events.ts";
import { DROP, PPP_OVERHEAD } from "../relay/mod.ts";
import { formatMac } from "../wire/mod.ts";
import type { LinkDevice, LinkState } from "./device.ts";
import { OtherVlans } from "./other_vlans.ts";

/** A link of a smaller MTU does not carry what hosts and ACs take for granted (RFC 2516, section 7). */
const ETHERNET_MTU = 1500;

/** Watches one link. */
export class LinkMonitor {
  readonly #link: LinkDevice;
  readonly #counters: Counters;
  readonly #events: EventSink;
  /** Called when the interface is up and may be another one than before. */
  readonly #onUp: () => void;
  readonly #vlans: OtherVlans;
  #state: LinkState;
  /** The last MTU that was looked at. */
  #mtu = ETHERNET_MTU;
  #kernelDrops = 0;

  /** Watches a link that has just been opened. */
  constructor(link: LinkDevice, counters: Counters, events: EventSink, onUp: () => void) {
    this.#link = link;
    this.#counters = counters;
    this.#events = events;
    this.#onUp = onUp;
    this.#vlans = new OtherVlans(link, counters, events);
    this.#state = link.state;
  }

  /** Tells of what is wrong from the start. */
  start(): void {
    if (this.#state !== "up") this.#tellState();
    this.#checkMtu();
  }

  /** Looks at the interface again, where there may be a reason to. */
  refresh(): void {
    if (this.#link.refresh()) this.#changed();
  }

  /**
   * Closes the lanes after one of them has failed. The watch tells of most failures first; after another
   * one the lanes stay closed until the next tick, since a socket that goes on failing would end every
   * wait at once.
   */
  failed(): void {
    if (!this.#link.refresh()) this.#link.fail();
    this.#changed();
  }

  /** Counts and tells of a frame over the MTU, which the interface has joined of several (GRO). */
  frameTooLarge(bytes: number): void {
    this.#counters.drop(DROP["frame-too-large"]);
    this.#events.notice({ id: "joined-frames", interface: this.#link.name, bytes });
  }

  /** Looks after all that nothing else tells of. To be called about every second. */
  tick(nowMs: number): void {
    const link = this.#link;
    if (link.lanes === undefined || link.failure !== undefined) this.refresh();
    const { kernelDrops } = link;
    if (kernelDrops > this.#kernelDrops) {
      this.#counters.drop(DROP.kernel, kernelDrops - this.#kernelDrops);
      this.#kernelDrops = kernelDrops;
    }
    this.#vlans.tick(nowMs);
  }

  #changed(): void {
    const { state, failure } = this.#link;
    if (failure !== undefined) this.#events.notice({ id: "link-failure", reason: failure });
    if (state !== this.#state) {
      this.#state = state;
      this.#tellState();
    }
    if (state !== "up") return;
    this.#onUp();
    this.#checkMtu();
  }

  #tellState(): void {
    const { name, mac } = this.#link;
    this.#events.push({ type: "link", name, state: this.#state, mac: formatMac(mac) });
  }

  #checkMtu(): void {
    const { name, mtu } = this.#link;
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    if (mtu >= ETHERNET_MTU) return;
    const payload = mtu - PPP_OVERHEAD;
    this.#events.push({
      type: "notice",
      notice: { id: "small-mtu", interface: name, mtu, payload },
      suppressed: 0,
    });
  }
}
