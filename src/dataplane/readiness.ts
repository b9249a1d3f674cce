// Waits for everything that a data plane reads: the link's lanes and watch, the tunnels, and the wake-up.

import { systemError } from "../../ffi/mod.ts";
import type { Lanes, LinkDevice } from "../link/device.ts";
import { type Poller, POLLERR, POLLHUP, POLLIN } from "../poll/poller.ts";
import type { Tunnels } from "./tunnels.ts";

/** The tags of descriptors in the pollers. */
const TAG = { wake: 0, watch: 1, control: 2, data: 3, network: 4, opening: 5 } as const;
/** The offset from a tunnel's id to its tag. */
export const FIRST_TUNNEL_TAG = 6;

/** A descriptor that ends a wait when something has happened elsewhere. */
export interface Signal {
  readonly fd: number;
  /** Clears the signals. */
  drain(): void;
}

/** The descriptors of a data plane, and the events for which they are ready after a wait. */
export class Readiness {
  /** The events of the opening lane, as poll(2) reports them. */
  opening = 0;
  /** The events of the control lane. */
  control = 0;
  /** The events of the data lane. */
  data = 0;
  /** True if the interface may have changed. */
  watch = false;
  /** True if the machine's addresses or routes may have changed. */
  network = false;

  // Two pollers, with and without the data lane, because changing a single one would cost a system call per turn.
  readonly #all: Poller;
  readonly #allButData: Poller;
  readonly #link: LinkDevice;
  readonly #wake: Signal | undefined;
  readonly #network: Signal | undefined;
  #watchesNetwork = false;
  #lanes: Lanes | undefined;

  /** Makes the pollers; they watch nothing before `start`. */
  constructor(
    link: LinkDevice,
    signals: { readonly wake?: Signal; readonly network?: Signal },
    makePoller: () => Poller,
  ) {
    this.#link = link;
    this.#wake = signals.wake;
    this.#network = signals.network;
    this.#all = makePoller();
    this.#allButData = makePoller();
  }

  /** The pollers, for the tunnels to be added to. */
  get pollers(): readonly Poller[] {
    return [this.#all, this.#allButData];
  }

  /** True if one of the lanes has failed. */
  get laneFailed(): boolean {
    return ((this.opening | this.control | this.data) & (POLLERR | POLLHUP)) !== 0;
  }

  /** Begins to watch the link, the wake-up and the network. */
  start(): void {
    for (const poller of this.pollers) {
      if (this.#wake !== undefined) poller.add(this.#wake.fd, POLLIN, TAG.wake);
      poller.add(this.#link.watchFd, POLLIN, TAG.watch);
    }
    this.watchNetwork();
  }

  /** Watches the network, after clearing what has been signalled so far. */
  watchNetwork(): void {
    if (this.#network === undefined || this.#watchesNetwork) return;
    this.#watchesNetwork = true;
    this.#network.drain();
    for (const poller of this.pollers) poller.add(this.#network.fd, POLLIN, TAG.network);
  }

  /** Ignores the network, so that many changes in a row do not end every wait. */
  ignoreNetwork(): void {
    if (!this.#watchesNetwork) return;
    this.#watchesNetwork = false;
    for (const poller of this.pollers) poller.remove(this.#network!.fd);
  }

  /** Returns the link's lanes, after adding new ones to the pollers. Closed lanes leave them by themselves. */
  lanes(): Lanes | undefined {
    const { lanes } = this.#link;
    if (lanes !== this.#lanes) {
      this.#lanes = lanes;
      if (lanes !== undefined) {
        for (const poller of this.pollers) {
          poller.add(lanes.opening.fd, POLLIN, TAG.opening);
          poller.add(lanes.control.fd, POLLIN, TAG.control);
        }
        this.#all.add(lanes.data.fd, POLLIN, TAG.data);
      }
    }
    return lanes;
  }

  /**
   * Waits until something is ready, the data lane included.
   *
   * @param timeoutMs The maximum time to wait
   * @param tunnels The tunnels, which are told of their events
   * @returns True if something is ready
   * @throws {SystemError} If the system cannot wait
   */
  waitForAll(timeoutMs: number, tunnels: Tunnels): boolean {
    return this.#take(this.#all, this.#all.wait(timeoutMs), tunnels);
  }

  /** Waits in the same way, but leaves the data lane alone. */
  waitForAllButData(timeoutMs: number, tunnels: Tunnels): boolean {
    return this.#take(this.#allButData, this.#allButData.wait(timeoutMs), tunnels);
  }

  /** Waits for less than a millisecond, and leaves the data lane alone. */
  waitBriefly(microseconds: number, tunnels: Tunnels): boolean {
    const ready = this.#allButData.waitMicroseconds(microseconds);
    return this.#take(this.#allButData, ready, tunnels);
  }

  /** Ignores the link and the network from now on. */
  leaveLink(): void {
    this.ignoreNetwork();
    for (const poller of this.pollers) poller.remove(this.#link.watchFd);
    if (this.#lanes !== undefined && this.#lanes === this.#link.lanes) {
      this.#allButData.remove(this.#lanes.opening.fd);
      this.#allButData.remove(this.#lanes.control.fd);
    }
  }

  /** Closes the pollers. */
  close(): void {
    for (const poller of this.pollers) poller.close();
  }

  #take(poller: Poller, ready: number, tunnels: Tunnels): boolean {
    if (ready < 0) throw systemError("Cannot wait for frames", -ready);
    this.opening = this.control = this.data = 0;
    this.watch = this.network = false;
    for (let i = 0; i < ready; i++) {
      const tag = poller.tag(i);
      const events = poller.events(i);
      if (tag === TAG.control) this.control = events;
      else if (tag === TAG.opening) this.opening = events;
      else if (tag === TAG.data) this.data = events;
      else if (tag === TAG.wake) this.#wake!.drain();
      else if (tag === TAG.watch) this.watch = true;
      else if (tag === TAG.network) this.network = true;
      else tunnels.ready(tag, events);
    }
    return ready > 0;
  }
}
