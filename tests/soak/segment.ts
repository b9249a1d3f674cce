// One link: a relay on one side, stations on the other, and frames that get lost, twice or late between.

import { CODE, ETH_BROADCAST, ETHERNET, readCode, sameMac } from "../../src/wire/mod.ts";
import type { LinkFaults } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";
import type { Letter } from "./truth.ts";

/** A frame on the link, with what nobody on it can see. */
export interface OnLink {
  bytes: Uint8Array;
  /** When it left the relay. */
  leftMs: number;
  /** What a PADT is that a relay has sent: the end of this letter's session. */
  padt?: Letter;
}

/** What is attached to a segment. */
export interface Station {
  readonly mac: Uint8Array;
  receive(frame: OnLink): void;
}

/** How late a frame is at most that others overtake. */
const LATE_MS = 100;
const DESTINATION = ETHERNET.destination[0];

/** What the segment is made with; the faults may be changed. */
export interface SegmentOptions {
  timeline: Timeline;
  random: Random;
  faults: LinkFaults;
  delayMs: number;
  /** An end comes once and in its order, since one that comes late may be another session's. */
  calmPadts: boolean;
}

/** The segment. Stations do not hear each other: nobody here cares. */
export class Segment {
  readonly options: SegmentOptions;
  readonly stations: Station[] = [];
  /** The relay's side of it: hears what stations send. */
  heard: (bytes: Uint8Array) => void = () => {};

  constructor(options: SegmentOptions) {
    this.options = { ...options };
  }

  /** The longest time that a frame takes. */
  get slowestMs(): number {
    return this.options.delayMs + LATE_MS;
  }

  /** From a station. */
  toRelay(bytes: Uint8Array): void {
    this.#carry(bytes, () => this.heard(bytes.slice()));
  }

  /** From the relay. */
  toStations(frame: OnLink): void {
    this.#carry(frame.bytes, () => {
      for (const station of this.stations) {
        const meant = sameMac(frame.bytes, DESTINATION, station.mac, 0) ||
          sameMac(frame.bytes, DESTINATION, ETH_BROADCAST, 0);
        if (meant) station.receive(frame);
      }
    });
  }

  #carry(bytes: Uint8Array, arrive: () => void): void {
    const { timeline, random, faults, delayMs, calmPadts } = this.options;
    const calm = calmPadts && readCode(bytes) === CODE.PADT;
    if (!calm && random.chance(faults.loss)) return;
    const copies = !calm && random.chance(faults.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const late = !calm && random.chance(faults.reorder) ? random.below(LATE_MS) : 0;
      timeline.after(delayMs + late, arrive);
    }
  }
}
