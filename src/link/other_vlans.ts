// Frames with VLAN tags that arrive at the link's interface: they are dropped, counted and reported.

import { ERRNO, readSystemFile, SystemError, type VlanFrame } from "../../ffi/mod.ts";
import type { Problem } from "../problem.ts";
import { DROP } from "../relay/mod.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import type { EventSink } from "../observe/events.ts";
import type { LinkDevice } from "./device.ts";

/** The time between two reports. */
const REPORT_EVERY_MS = 60_000;
/** The kernel's list of VLAN interfaces, which exists once there was one. */
const VLAN_INTERFACES = "/proc/net/vlan/config";
/** The maximum length of an interface's name (IFNAMSIZ). */
const MAX_NAME_LENGTH = 15;

/** The part of a link device that is needed here. */
export type VlanLink = Pick<LinkDevice, "name" | "vlanFrames" | "takeVlan">;

/** Counts and reports the frames with VLAN tags. */
export class OtherVlans {
  readonly #link: VlanLink;
  readonly #counters: Counters;
  readonly #events: EventSink;
  readonly #interfaces: () => string | undefined;
  #counted = 0;
  /** The time from which there may be another report. */
  #reportMs = -Infinity;

  /**
   * Makes a counter for one link.
   *
   * @param link The link
   * @param counters The place to count drops
   * @param events Takes the reports
   * @param interfaces Returns the kernel's list of VLAN interfaces; undefined if it may not be read
   */
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

  /** Counts and reports new frames; to be called about once a second. */
  tick(nowMs: number): void {
    const link = this.#link;
    const frames = link.vlanFrames - this.#counted;
    if (frames <= 0) return;
    this.#counted += frames;
    this.#counters.offer(FRAMES.sessionFromLink, frames);
    this.#counters.drop(DROP.vlan, FRAMES.sessionFromLink, frames);
    // Take the frame even if it will not be reported, so that the next report is about a recent one.
    const vlan = link.takeVlan();
    if (nowMs < this.#reportMs) return;
    const list = this.#interfaces();
    // The VLAN's own interface takes these frames. Later ones may belong to another VLAN.
    if (vlan !== undefined && list !== undefined && hasInterface(list, link.name, vlan.id)) return;
    this.#reportMs = nowMs + REPORT_EVERY_MS;
    this.#events.problem(vlanProblem(link.name, vlan, list === undefined));
  }
}

/**
 * Looks for the interface of a VLAN.
 *
 * @param list The kernel's list: two header lines, then lines such as `eth1.7 | 7 | eth1`
 * @param lower The name of the interface below
 * @param id The VLAN's id
 * @returns True if the VLAN has its own interface on the interface below
 */
export function hasInterface(list: string, lower: string, id: number): boolean {
  return list.split("\n").some((line) => {
    const [, vlan, on] = line.split("|").map((part) => part.trim());
    return vlan === `${id}` && on === lower;
  });
}

/**
 * Describes the arrival of frames with VLAN tags as a problem.
 *
 * @param name The name of the link's interface
 * @param vlan The VLAN of one of the frames; undefined if it is not known
 * @param mayBeTaken True if the VLAN may have its own interface
 * @returns The problem, with advice
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
  const own = wanted.length <= MAX_NAME_LENGTH ? wanted : `vlan${id}`;
  const type = provider ? "vlan proto 802.1ad" : "vlan";
  return {
    id: "vlan",
    what: `Frames of VLAN ${id} come to ${name}, and are dropped`,
    advice: "to carry that VLAN, capture on an interface of its own " +
      `(ip link add link ${name} name ${own} type ${type} id ${id})` +
      (mayBeTaken ? "; if it already has one, nothing is wrong" : ""),
  };
}

function readInterfaces(): string | undefined {
  try {
    return readSystemFile(VLAN_INTERFACES);
  } catch (error) {
    // Without the kernel's module there are no VLANs. Only root may read the file.
    return error instanceof SystemError && error.errno === ERRNO.ENOENT ? "" : undefined;
  }
}
