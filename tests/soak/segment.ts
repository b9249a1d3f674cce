// A link with a relay on one side and stations on the other, which loses, repeats and delays frames.

import { CODE, ETH_BROADCAST, ETHERNET, readCode, sameMac } from "../../src/wire/mod.ts";
import type { LinkFaults } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";
import type { Letter } from "./truth.ts";

/** A frame on the link, with facts that only the simulation knows. */
export interface OnLink {
  bytes: Uint8Array;
  /** The time at which it left the relay. */
  leftMs: number;
  /** For a PADT that a relay has sent: the letter with the session that it ends. */
  padt?: Letter;
}

/** A host or an AC on a segment. */
export interface Station {
  readonly mac: Uint8Array;
  receive(frame: OnLink): void;
}

/** The maximum extra delay of a frame that others overtake. */
const LATE_MS = 100;
const DESTINATION = ETHERNET.destination[0];

/** Options of {@linkcode Segment}. The faults may change later. */
export interface SegmentOptions {
  timeline: Timeline;
  random: Random;
  faults: LinkFaults;
  delayMs: number;
  /** True if PADTs arrive exactly once and in order, since a late one may end another session. */
  calmPadts: boolean;
}

/** A link. Stations do not hear each other, which makes no difference here. */
export class Segment {
  readonly options: SegmentOptions;
  readonly stations: Station[] = [];
  /** The relay's end, which takes the frames of the stations. */
  heard: (bytes: Uint8Array) => void = () => {};

  constructor(options: SegmentOptions) {
    this.options = { ...options };
  }

  /** The maximum time that a frame takes. */
  get slowestMs(): number {
    return this.options.delayMs + LATE_MS;
  }

  /** Carries a frame from a station. */
  toRelay(bytes: Uint8Array): void {
    this.#carry(bytes, () => this.heard(bytes.slice()));
  }

  /** Carries a frame from the relay. */
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
