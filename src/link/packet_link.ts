// A link that is an interface of this machine: its packet sockets, through its going down, away and coming
// back.

import {
  ControlLane,
  DataLane,
  type InterfaceInfo,
  InterfaceWatch,
  LinkSender,
  listInterfaces,
  type MacvlanMode,
  readInterface,
  readLinkKind,
  type VlanFrame,
  VlanFrames,
} from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { reasonOf } from "../reason.ts";
import { sameMac } from "../wire/mod.ts";
import type { Lanes, LinkDevice, LinkState } from "./device.ts";
import { laneFilter, vlanFilter } from "./lane_filter.ts";

/** The lanes as they are opened here. */
interface PacketLanes extends Lanes {
  readonly control: ControlLane;
  readonly data: DataLane;
  /** Counts the frames that neither takes, since they are of a VLAN. */
  readonly vlans: VlanFrames;
}

/** Options of {@linkcode PacketLink}. */
export interface PacketLinkOptions {
  /** Take frames to other stations' addresses too. */
  promiscuous: boolean;
  /** Slots of the data lane's ring, a power of two; the ring's default without it. */
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
  #closedDrops = 0;
  #closedVlanFrames = 0;

  /**
   * Opens the link on an interface that is there, up or not.
   *
   * @throws {ConfigurationError} If there is no such interface, it is no Ethernet one, or cannot be
   * promiscuous.
   * @throws {Error} If a socket is refused.
   */
  constructor(name: string, options: PacketLinkOptions) {
    this.name = name;
    this.#options = options;
    const info = readInterface(name);
    if (info === undefined || !info.isEthernet) {
      const what = info === undefined ? "there is no such interface" : "it is not an Ethernet one";
      const others = listInterfaces().join(", ") || "none";
      throw new ConfigurationError(
        `Cannot capture on ${name}: ${what} (Ethernet ones here: ${others})`,
      );
    }
    this.#info = info;
    // Watched from before the first look, so that no change falls between.
    this.#watch = new InterfaceWatch();
    try {
      this.#open(readInterface(name) ?? info);
    } catch (error) {
      this.#watch.close();
      throw error;
    }
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why the lanes could not be opened at the last look, though the interface was there. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The interface's address; the last known one while it is away. */
  get mac(): Uint8Array {
    return this.#info.mac;
  }

  /** The interface's MTU, in bytes; the last known one while it is away. */
  get mtu(): number {
    return this.#info.mtu;
  }

  /** Undefined while the interface is not up. */
  get lanes(): Lanes | undefined {
    return this.#lanes;
  }

  /** Readable when any interface of the machine has changed. */
  get watchFd(): number {
    return this.#watch.fd;
  }

  /** Frames that the kernel had no room for, ever. */
  get kernelDrops(): number {
    const lanes = this.#lanes;
    return this.#closedDrops + (lanes ? lanes.control.drops() + lanes.data.drops() : 0);
  }

  /** PPPoE frames of VLANs that came, and no lane took, ever. */
  get vlanFrames(): number {
    return this.#closedVlanFrames + (this.#lanes?.vlans.count() ?? 0);
  }

  /** The VLAN of such a frame that came since this was last asked; undefined when there is no telling. */
  takeVlan(): VlanFrame | undefined {
    return this.#lanes?.vlans.take();
  }

  /** Looks at the interface again, where there may be a reason to; true when something is different. */
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
      // Out of descriptors or memory. What is open goes on; the next look is another try.
      this.#failure = reasonOf(error);
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
      // It may have gone again in this moment; whatever it was, the next look is another try.
      this.#state = "down";
      this.#failure = reasonOf(error);
    }
    return this.#state !== state || this.#failure !== failure || this.#lanes !== undefined;
  }

  /** Closes the lanes, of which a socket has failed, until the next look. */
  fail(): void {
    this.close();
    this.#state = "down";
  }

  /** Closes the lanes. */
  close(): void {
    const lanes = this.#lanes;
    if (lanes === undefined) return;
    this.#closedDrops += lanes.control.drops() + lanes.data.drops();
    this.#closedVlanFrames += lanes.vlans.count();
    this.#lanes = undefined;
    lanes.control.close();
    lanes.data.close();
    lanes.vlans.close();
  }

  /** Closes all of it, for good. */
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
    const options = { interface: info, promiscuous };
    const vlans = VlanFrames.open({ interface: info, filter: vlanFilter(promiscuous) });
    let control: ControlLane | undefined;
    try {
      control = ControlLane.open({ ...options, filter: laneFilter("control", promiscuous) });
      const data = DataLane.open({ ...options, filter: laneFilter("data", promiscuous), slots });
      const controlSender = new LinkSender(control.fd);
      this.#lanes = { control, data, vlans, controlSender, dataSender: new LinkSender(data.fd) };
    } catch (error) {
      control?.close();
      vlans.close();
      throw error;
    }
  }
}

/** What is for its own address alone is what a macvlan gets in these modes, promiscuous or not. */
const DEAF_MODES: readonly (MacvlanMode | undefined)[] = ["private", "vepa", "bridge"];

/**
 * Throws where frames for other stations cannot come in. A macvlan in passthru mode gets all that the
 * interface below it gets, and in source mode all that comes from the stations that it was told of.
 */
function refuseDeaf({ name, index }: InterfaceInfo): void {
  const { kind, macvlanMode } = readLinkKind(index) ?? {};
  if (!DEAF_MODES.includes(macvlanMode)) return;
  throw new ConfigurationError(
    `Cannot capture on ${name} with the addresses of other stations: it is a ${kind} in ` +
      `${macvlanMode} mode, which never gets frames for them; use --mac own, or make it with mode ` +
      "passthru",
  );
}
