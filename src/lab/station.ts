// An Ethernet station: one interface of a network namespace, reached from this process.
//
// A socket belongs to the namespace that its thread is in when it is opened, and stays there. So the
// sockets are opened inside and used from outside, and several namespaces meet in one process.
import {
  ControlLane,
  EventFd,
  inNamespace,
  LinkSender,
  POLLIN,
  PollSet,
  readInterface,
} from "../../ffi/mod.ts";
import { laneFilter } from "../link/lane_filter.ts";
import { FrameLog, type FrameLogOptions } from "./frame_log.ts";
import type { FrameListener, Segment } from "./segment.ts";

/** Options of {@linkcode Station.open}. */
export interface StationOptions {
  /** Path of the namespace, such as `/run/netns/host`; this process's own when not given. */
  namespace?: string;
  /** Name of the interface in it. */
  interface: string;
  /**
   * Fills frames up to 60 bytes, Ethernet's minimum, with bytes that mean nothing, as real cards may.
   * veth carries short frames as they are.
   */
  padding?: boolean;
  log?: FrameLogOptions;
}

const ETHERNET_MINIMUM = 60;
const LARGEST_FRAME = 0xffff;
/** So that a wait never outlasts its use for long, should the wake-up be lost. */
const WAIT_MS = 500;

/** A station on a real interface. It takes every PPPoE frame there, whatever its MAC address. */
export class Station implements Segment {
  readonly name: string;
  /** The interface's own address. */
  readonly mac: Uint8Array;
  readonly log: FrameLog;

  // Not the receive ring: the lab should not rest on all of what it tests, and it is in no such hurry.
  readonly #lanes: ControlLane[];
  readonly #sender: LinkSender;
  readonly #wake: EventFd;
  readonly #padding: boolean;
  readonly #listeners = new Set<FrameListener>();
  readonly #received = new Uint8Array(LARGEST_FRAME);
  readonly #loop: Promise<void>;
  #closing = false;

  private constructor(options: StationOptions) {
    const info = readInterface(options.interface);
    if (!info) throw new Error(`Cannot open ${options.interface}: No such device`);
    this.name = info.name;
    this.mac = info.mac.slice();
    this.log = new FrameLog(options.log);
    this.#padding = options.padding ?? false;
    this.#lanes = (["control", "data"] as const).map((lane) =>
      ControlLane.open({ interface: info, filter: laneFilter(lane, true), promiscuous: true })
    );
    this.#sender = new LinkSender(this.#lanes[0].fd);
    this.#wake = EventFd.open();
    this.#loop = this.#run();
  }

  /**
   * Opens the sockets of a station.
   *
   * @param options Where.
   * @returns The station, hearing already.
   * @throws {Error} If there is no such namespace or interface, or it may not be opened.
   */
  static open(options: StationOptions): Station {
    const open = () => new Station(options);
    return options.namespace === undefined ? open() : inNamespace(options.namespace, open);
  }

  listen(listener: FrameListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(frame: Uint8Array): void {
    // A host may still be repeating itself, and the descriptor's number may be another's by now.
    if (this.#closing) return;
    const carried = this.#padding ? padded(frame) : frame;
    this.log.add("out", carried);
    this.#sender.send(carried);
  }

  /** Frames that the kernel had no room to hand over. */
  drops(): number {
    return this.#lanes.reduce((drops, lane) => drops + lane.drops(), 0);
  }

  /** Ends it and closes its sockets. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake.signal();
    await this.#loop;
    for (const lane of this.#lanes) lane.close();
    this.#wake.close();
  }

  async #run(): Promise<void> {
    const poll = new PollSet(this.#lanes.length + 1);
    for (const { fd } of [...this.#lanes, this.#wake]) poll.add(fd, POLLIN);
    while (!this.#closing) {
      await poll.waitAsync(WAIT_MS);
      for (const lane of this.#lanes) this.#receive(lane);
    }
  }

  #receive(lane: ControlLane): void {
    for (let length; (length = lane.receive(this.#received)) > 0;) {
      this.#hear(this.#received.slice(0, length));
    }
  }

  #hear(frame: Uint8Array): void {
    this.log.add("in", frame);
    for (const listener of [...this.#listeners]) listener(frame);
  }
}

function padded(frame: Uint8Array): Uint8Array {
  if (frame.length >= ETHERNET_MINIMUM) return frame;
  const whole = new Uint8Array(ETHERNET_MINIMUM).fill(0xa5);
  whole.set(frame);
  return whole;
}
