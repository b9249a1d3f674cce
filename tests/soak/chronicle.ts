// The last events of a schedule, as lines to read when it fails.

import { printFrame } from "../../src/wire/mod.ts";
import type { Timeline } from "./timeline.ts";

interface Note {
  atMs: number;
  who: string;
  what: string;
  frame: Uint8Array | undefined;
}

/** The last events. They become text only when they are read. */
export class Chronicle {
  readonly #timeline: Timeline;
  readonly #kept: number;
  #notes: Note[] = [];

  /** Makes a chronicle that keeps at least the given number of events. */
  constructor(timeline: Timeline, kept: number) {
    this.#timeline = timeline;
    this.#kept = kept;
  }

  /** Notes an event. The frame must not change afterwards. */
  note(who: string, what: string, frame?: Uint8Array): void {
    this.#notes.push({ atMs: this.#timeline.nowMs, who, what, frame });
    if (this.#notes.length >= 2 * this.#kept) this.#notes = this.#notes.slice(-this.#kept);
  }

  /** Returns the events, one line each. */
  read(): string[] {
    return this.#notes.slice(-this.#kept).map(({ atMs, who, what, frame }) =>
      `${(atMs / 1000).toFixed(3).padStart(9)}  ${who}: ${what}` +
      (frame === undefined ? "" : ` ${printFrame(frame)}`)
    );
  }
}
