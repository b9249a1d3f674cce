// A link on one of this machine's interfaces: packet sockets, which are opened again whenever the interface
// comes back.

import {
  ControlLane,
  DataLane,
  type InterfaceInfo,
  InterfaceWatch,
  LinkSender,
  listInterfaces,
  type MacvlanMode,
  readInterface,
  readInterfaceCondition,
  readLinkKind,
  type VlanFrame,
  VlanFrames,
} from "../../ffi/mod.ts";
import { closest } from "../closest.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { reasonOf } from "../reason.ts";
import { sameMac } from "../wire/mod.ts";
import type { Diverted, Lanes, LinkDevice, LinkState } from "./device.ts";
import { downReason } from "./down_reason.ts";
import { type Lane, laneFilter, vlanFilter } from "./lane_filter.ts";

/** The size of the ring for control frames: with the usual MTU it holds as many frames as the one for data. */
const CONTROL_RING_BYTES = 8 << 20;

/** The lanes over packet sockets. */
interface PacketLanes extends Lanes {
  readonly opening: ControlLane;
  readonly control: DataLane;
  readonly data: DataLane;
  /** Counts the frames with a VLAN tag, which no lane takes. */
  readonly vlans: VlanFrames;
}

/** Options of {@linkcode PacketLink}. */
export interface PacketLinkOptions {
  /** Take frames to other stations' addresses too. */
  promiscuous: boolean;
  /** The number of slots in the data lane's ring, a power of two; by default the ring's own. */
  ringFrames?: number;
}

/** One interface to capture on and to inject into. */
export class PacketLink implements LinkDevice {
  readonly name: string;
  readonly #options: PacketLinkOptions;
  readonly #watch: InterfaceWatch;
  #info: InterfaceInfo;
  #state: LinkState = "down";
  #lanes: PacketLanes | undefined;
  #failure: string | undefined;
  #isDeaf = false;
  #closedDrops = 0;
  #closedVlanFrames = 0;

  /**
   * Opens the link on an existing interface, which may be up or down.
   *
   * @param name The name of the interface
   * @param options The options
   * @throws {ConfigurationError} If there is no such interface, it is not an Ethernet one, or it cannot
   * receive frames for other stations and `promiscuous` is set
   * @throws {Error} If a socket is refused
   */
  constructor(name: string, options: PacketLinkOptions) {
    this.name = name;
    this.#options = options;
    const info = readInterface(name);
    if (info === undefined || !info.isEthernet) {
      const reason = info === undefined
        ? "there is no such interface"
        : "it is not an Ethernet interface";
      const others = listInterfaces();
      // Another number is another interface, not a mistake.
      const letters = (name: string) => name.replace(/\d/g, "");
      const meant = closest(name, others.filter((other) => letters(other) !== letters(name)));
      const hint = info !== undefined || meant === undefined ? "" : `, did you mean ${meant}?`;
      throw new ConfigurationError(
        `Cannot capture on ${name}: ${reason}${hint} ` +
          `(Ethernet interfaces here: ${others.join(", ") || "none"})`,
      );
    }
    this.#info = info;
    // The watch begins before the interface is read, so that no change is missed.
    this.#watch = new InterfaceWatch();
    try {
      this.#open(readInterface(name) ?? info);
    } catch (error) {
      this.#watch.close();
      throw error;
    }
  }

  /** The state of the interface. */
  get state(): LinkState {
    return this.#state;
  }

  /** The reason why the lanes of an existing interface could not be opened; undefined if there is none. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** True if that reason is that the interface cannot receive frames for other stations. */
  get isDeaf(): boolean {
    return this.#failure !== undefined && this.#isDeaf;
  }

  /** The interface's address; the last known one while the interface is missing. */
  get mac(): Uint8Array {
    return this.#info.mac;
  }

  /** The interface's MTU in bytes; the last known one while the interface is missing. */
  get mtu(): number {
    return this.#info.mtu;
  }

  /** The lanes; undefined while the interface is not up. */
  get lanes(): Lanes | undefined {
    return this.#lanes;
  }

  /** A descriptor that is readable when any interface of the machine has changed. */
  get watchFd(): number {
    return this.#watch.fd;
  }

  /** The total number of frames for which the kernel had no room. */
  get kernelDrops(): number {
    const lanes = this.#lanes;
    return this.#closedDrops + (lanes ? dropsOf(lanes) : 0);
  }

  /** The total number of PPPoE frames with a VLAN tag, which no lane takes. */
  get vlanFrames(): number {
    return this.#closedVlanFrames + (this.#lanes?.vlans.count() ?? 0);
  }

  /** Returns the VLAN of such a frame that arrived since the last call; undefined if it is not known. */
  takeVlan(): VlanFrame | undefined {
    return this.#lanes?.vlans.take();
  }

  /** Returns why an existing interface is down, and the remedy; undefined if unknown. */
  explainDown(): string | undefined {
    const link = this.#state === "down" ? readInterfaceCondition(this.#info.index) : undefined;
    return link && downReason(link, readInterfaceCondition);
  }

  /** Sends the PPP control frames of these stations to the data lane, as long as the interface stays up. */
  divert(stations: readonly Diverted[]): void {
    if (this.#lanes === undefined) return;
    const { control, data } = this.#lanes;
    const { promiscuous } = this.#options;
    // In between, both lanes may take a frame, but it is never left out.
    data.setFilter(laneFilter("data", promiscuous, stations));
    control.setFilter(laneFilter("session-control", promiscuous, stations));
  }

  /** Looks at the interface again; returns true if something has changed. */
  refresh(): boolean {
    this.#watch.drain();
    const before = this.#info;
    const state = this.#state;
    const failure = this.#failure;
    this.#failure = undefined;
    let info: InterfaceInfo | undefined;
    try {
      info = readInterface(this.name);
    } catch (error) {
      // There are no descriptors or no memory left. Open lanes stay open, and the next look tries again.
      this.#failure = reasonOf(error);
      this.#isDeaf = false;
      return this.#failure !== failure;
    }
    if (info === undefined) {
      this.close();
      this.#state = "missing";
      return state !== "missing";
    }
    const same = info.index === before.index && info.mtu === before.mtu &&
      sameMac(info.mac, 0, before.mac, 0) && info.up === (this.#lanes !== undefined);
    if (same && state !== "missing" && failure === undefined) return false;
    this.close();
    try {
      this.#open(info);
    } catch (error) {
      // The interface may just have gone again. Whatever the reason, the next look tries again.
      this.#state = "down";
      this.#failure = reasonOf(error);
      this.#isDeaf = error instanceof DeafInterfaceError;
    }
    return this.#state !== state || this.#failure !== failure || this.#lanes !== undefined;
  }

  /** Closes the lanes until the next `refresh`, because a socket has failed. */
  fail(): void {
    this.close();
    this.#state = "down";
  }

  /** Closes the lanes. */
  close(): void {
    const lanes = this.#lanes;
    if (lanes === undefined) return;
    this.#closedDrops += dropsOf(lanes);
    this.#closedVlanFrames += lanes.vlans.count();
    this.#lanes = undefined;
    lanes.opening.close();
    lanes.control.close();
    lanes.data.close();
    lanes.vlans.close();
  }

  /** Closes the lanes and the watch for good. */
  dispose(): void {
    this.close();
    this.#watch.close();
  }

  #open(info: InterfaceInfo): void {
    this.#info = info;
    this.#state = info.up ? "up" : "down";
    const { promiscuous, ringFrames: slots } = this.#options;
    if (promiscuous) refuseDeaf(info);
    if (!info.up) return;
    const options = (lane: Lane) => ({
      interface: info,
      promiscuous,
      filter: laneFilter(lane, promiscuous),
    });
    // Closes what is open if a later step fails.
    using opened = new DisposableStack();
    const keep = <T extends { close(): void }>(part: T) =>
      opened.adopt(part, (part) => part.close());
    const vlans = keep(VlanFrames.open({ interface: info, filter: vlanFilter(promiscuous) }));
    const opening = keep(ControlLane.open(options("opening")));
    const control = keep(
      DataLane.open({ ...options("session-control"), ringBytes: CONTROL_RING_BYTES }),
    );
    const data = keep(DataLane.open({ ...options("data"), slots }));
    const controlSender = new LinkSender(opening.fd);
    const dataSender = new LinkSender(data.fd);
    this.#lanes = { opening, control, data, vlans, controlSender, dataSender };
    opened.move();
  }
}

function dropsOf({ opening, control, data }: PacketLanes): number {
  return opening.drops() + control.drops() + data.drops();
}

/** The error of an interface that cannot receive frames for other stations. */
class DeafInterfaceError extends ConfigurationError {}

/** The modes in which a macvlan gets unicast frames for its own address only, promiscuous or not. */
const DEAF_MODES: readonly (MacvlanMode | undefined)[] = ["private", "vepa", "bridge"];

/**
 * Throws if the interface cannot receive frames for other stations. A macvlan in passthru mode gets all
 * frames of the interface below it, and in source mode all frames from the stations in its list.
 */
function refuseDeaf({ name, index }: InterfaceInfo): void {
  const { kind, macvlanMode } = readLinkKind(index) ?? {};
  if (!DEAF_MODES.includes(macvlanMode)) return;
  throw new DeafInterfaceError(
    `Cannot capture on ${name} with the addresses of other stations: it is a ${kind} in ` +
      `${macvlanMode} mode, which never gets frames for them; use --mac own, or make it with mode ` +
      "passthru",
  );
}
