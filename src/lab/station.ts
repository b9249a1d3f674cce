// An Ethernet station: an interface of a network namespace, used from this process.
//
// A socket belongs to the namespace that its thread is in when it opens the socket, and stays there.
// The sockets are therefore opened inside a namespace and used from outside, which lets one process
// use several namespaces.

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
  /** Path of the namespace, such as `/run/netns/host`. The default is this process's namespace. */
  namespace?: string;
  /** Name of the interface in the namespace. */
  interface: string;
  /**
   * Pad frames to Ethernet's minimum of 60 bytes with arbitrary bytes, as real network cards may. A
   * veth does not pad.
   */
  padding?: boolean;
  log?: FrameLogOptions;
}

const ETHERNET_MINIMUM = 60;
const LARGEST_FRAME = 0xffff;
/** Maximum duration of a wait, in case a wake-up is lost. */
const WAIT_MS = 500;

/** A station on a real interface. It receives every PPPoE frame there, to any MAC address. */
export class Station implements Segment {
  readonly name: string;
  /** The interface's MAC address. */
  readonly mac: Uint8Array;
  readonly log: FrameLog;

  // The lab does not use the receive ring: it should depend on little of the code that it tests, and
  // it does not need the speed.
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
   * @param options The interface and its namespace
   * @returns The station, which receives from now on
   * @throws {Error} If the namespace or the interface does not exist or may not be opened
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
    // A host may still repeat its packets, but another file may have the descriptor's number by now.
    if (this.#closing) return;
    const carried = this.#padding ? padded(frame) : frame;
    this.log.add("out", carried);
    this.#sender.send(carried);
  }

  /** Counts the frames that the kernel dropped because a socket's buffer was full. */
  drops(): number {
    return this.#lanes.reduce((drops, lane) => drops + lane.drops(), 0);
  }

  /** Stops receiving and closes the sockets. */
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
      this.#deliver(this.#received.slice(0, length));
    }
  }

  #deliver(frame: Uint8Array): void {
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
