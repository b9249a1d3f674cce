// Frames of VLANs that come to the link's interface: counted as dropped, and the operator is told of them.

import type { VlanFrame } from "../../ffi/mod.ts";
import type { Problem } from "../problem.ts";
import { DROP } from "../relay/mod.ts";
import type { Counters } from "../observe/counters.ts";
import type { EventSink } from "../observe/events.ts";

/** How often it is looked which VLAN the frames are of, and told of. */
const TELL_EVERY_MS = 60_000;
/** Where the kernel lists the interfaces of VLANs, once there was one. */
const VLAN_INTERFACES = "/proc/net/vlan/config";
/** An interface's name has at most 15 characters (IFNAMSIZ). */
const NAME_MOST = 15;

/** What is asked of a link. */
export interface VlanLink {
  readonly name: string;
  /** PPPoE frames of VLANs that have come, ever. */
  readonly vlanFrames: number;
  /** The VLAN of one that came since this was last asked. */
  takeVlan(): VlanFrame | undefined;
}

/** Tells of the frames that no lane takes. */
export class OtherVlans {
  readonly #link: VlanLink;
  readonly #counters: Counters;
  readonly #events: EventSink;
  readonly #interfaces: () => string | undefined;
  #counted = 0;
  #tellMs = -Infinity;

  /** `interfaces` gives the kernel's list of VLAN interfaces; undefined where it may not be read. */
  constructor(
    link: VlanLink,
    counters: Counters,
    events: EventSink,
    interfaces: () => string | undefined = readInterfaces,
  ) {
    this.#link = link;
    this.#counters = counters;
    this.#events = events;
    this.#interfaces = interfaces;
  }

  /** Counts what has come. To be called about every second. */
  tick(nowMs: number): void {
    const link = this.#link;
    const frames = link.vlanFrames - this.#counted;
    if (frames <= 0) return;
    this.#counted += frames;
    this.#counters.drop(DROP.vlan, frames);
    // So that the next one is not of long ago.
    const vlan = link.takeVlan();
    if (nowMs < this.#tellMs) return;
    const list = this.#interfaces();
    // Somebody takes them there. The next ones may be of another VLAN.
    if (vlan !== undefined && list !== undefined && hasInterface(list, link.name, vlan.id)) return;
    this.#tellMs = nowMs + TELL_EVERY_MS;
    this.#events.problem(vlanProblem(link.name, vlan, list === undefined));
  }
}

/**
 * Says whether a VLAN has an interface of its own on an interface.
 *
 * @param list The kernel's list: lines such as `eth1.7 | 7 | eth1`, behind two of a head.
 */
export function hasInterface(list: string, lower: string, id: number): boolean {
  return list.split("\n").some((line) => {
    const [, vlan, on] = line.split("|").map((part) => part.trim());
    return vlan === `${id}` && on === lower;
  });
}

/**
 * Says what is wrong where frames of a VLAN come, and what an operator can do about it.
 *
 * @param mayBeTaken Whether it is not known if the VLAN has an interface of its own.
 */
export function vlanProblem(
  name: string,
  vlan: VlanFrame | undefined,
  mayBeTaken = false,
): Problem {
  if (vlan === undefined || vlan.id === 0) {
    return {
      id: "vlan",
      what: `Frames with VLAN tags come to ${name}, and are dropped`,
      advice: "capture on the VLAN's own interface",
    };
  }
  const { id, provider } = vlan;
  const wanted = `${name}.${id}`;
  const own = wanted.length <= NAME_MOST ? wanted : `vlan${id}`;
  const type = provider ? "vlan proto 802.1ad" : "vlan";
  return {
    id: "vlan",
    what: `Frames of VLAN ${id} come to ${name}, and are dropped`,
    advice: "to carry that VLAN, capture on an interface of its own " +
      `(ip link add link ${name} name ${own} type ${type} id ${id})` +
      (mayBeTaken ? "; where there is one already, nothing is wrong" : ""),
  };
}

function readInterfaces(): string | undefined {
  try {
    return Deno.readTextFileSync(VLAN_INTERFACES);
  } catch (error) {
    // Without the kernel's module there is no VLAN. The file is root's only.
    return error instanceof Deno.errors.NotFound ? "" : undefined;
  }
}
