// The health of a link: the state of its interface, and the frames that were lost before they reached a
// lane. Reports both, with advice for the operator.

import { type Counters, FRAMES } from "../observe/counters.ts";
import type { EventSink } from "../observe/events.ts";
import type { ProblemId } from "../problem.ts";
import { DROP } from "../relay/mod.ts";
import { ETH_DATA_LEN, formatMac } from "../wire/mod.ts";
import type { LinkDevice, LinkState } from "./device.ts";
import { OtherVlans } from "./other_vlans.ts";
import { FRAME_PROBLEM_MS, joinedFrames, linkFailure, macvlanMode, smallMtu } from "./problems.ts";

/** Watches one link. */
export class LinkMonitor {
  readonly #link: LinkDevice;
  readonly #counters: Counters;
  readonly #events: EventSink;
  readonly #onUp: () => void;
  readonly #vlans: OtherVlans;
  #state: LinkState;
  /** The reason why the interface is down, as last reported. */
  #reason: string | undefined;
  /** The reason at the last tick. */
  #lastReason: string | undefined;
  /** The kind of the failure while the lanes cannot be opened. */
  #failed: ProblemId | undefined;
  /** The last MTU that was checked. */
  #mtu = ETH_DATA_LEN;
  #kernelDrops = 0;

  /**
   * Watches a link that has just been opened.
   *
   * @param link The link
   * @param counters The place to count drops
   * @param events Takes the events
   * @param onUp Called when the interface has come up or has changed, with its address and MTU as of now
   */
  constructor(link: LinkDevice, counters: Counters, events: EventSink, onUp: () => void) {
    this.#link = link;
    this.#counters = counters;
    this.#events = events;
    this.#onUp = onUp;
    this.#vlans = new OtherVlans(link, counters, events);
    this.#state = link.state;
  }

  /** Reports a link that is not up, or has a small MTU, at the start. */
  start(): void {
    if (this.#state !== "up") this.#reportState();
    this.#checkMtu();
  }

  /** Looks at the interface again. */
  refresh(): void {
    if (this.#link.refresh()) this.#changed();
  }

  /**
   * Closes the lanes after one of them has failed. If the interface has not changed, the lanes stay closed
   * until the next tick, because a socket that keeps failing would end every wait at once.
   */
  failed(): void {
    if (!this.#link.refresh()) this.#link.fail();
    this.#changed();
  }

  /** Counts and reports a frame over the MTU, which the interface has joined from several (GRO). */
  frameTooLarge(bytes: number): void {
    this.#counters.drop(DROP["frame-too-large"], FRAMES.sessionFromLink);
    this.#events.problem(joinedFrames(this.#link.name, bytes), FRAME_PROBLEM_MS);
  }

  /** Checks for changes and losses that no descriptor reports; to be called about once a second. */
  tick(nowMs: number): void {
    const link = this.#link;
    if (link.lanes === undefined || link.failure !== undefined) this.refresh();
    if (this.#state === "down") this.#followReason();
    const { kernelDrops } = link;
    if (kernelDrops > this.#kernelDrops) {
      this.#counters.offer(FRAMES.sessionFromLink, kernelDrops - this.#kernelDrops);
      this.#counters.drop(DROP.kernel, FRAMES.sessionFromLink, kernelDrops - this.#kernelDrops);
      this.#kernelDrops = kernelDrops;
    }
    this.#vlans.tick(nowMs);
  }

  #changed(): void {
    const { state } = this.#link;
    this.#reportFailure();
    if (state !== this.#state) {
      this.#state = state;
      this.#reportState();
    }
    if (state !== "up") return;
    this.#onUp();
    this.#checkMtu();
  }

  #reportFailure(): void {
    const { failure, name, isDeaf } = this.#link;
    const problem = failure === undefined
      ? undefined
      : isDeaf
      ? macvlanMode(name, failure)
      : linkFailure(name, failure);
    if (problem !== undefined) this.#events.push({ type: "problem-begun", problem });
    const before = this.#failed;
    this.#failed = problem?.id;
    if (before === undefined || before === problem?.id) return;
    this.#events.push({ type: "problem-ended", id: before });
  }

  #reportState(): void {
    const { name, mac } = this.#link;
    const reason = this.#link.explainDown();
    this.#reason = reason;
    this.#lastReason = undefined;
    const why = reason === undefined ? {} : { reason };
    this.#events.push({ type: "link", name, state: this.#state, mac: formatMac(mac), ...why });
  }

  /**
   * Reports another reason for which the interface is down, once it lasts from one tick to the next: an
   * interface that is switched on has no carrier at first.
   */
  #followReason(): void {
    const reason = this.#link.explainDown();
    const lasts = reason === this.#lastReason;
    this.#lastReason = reason;
    if (lasts && reason !== undefined && reason !== this.#reason) this.#reportState();
  }

  #checkMtu(): void {
    const { name, mtu } = this.#link;
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    if (mtu < ETH_DATA_LEN) {
      this.#events.push({ type: "problem-begun", problem: smallMtu(name, mtu) });
    } else this.#events.push({ type: "problem-ended", id: "small-mtu" });
  }
}
