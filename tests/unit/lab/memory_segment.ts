// An Ethernet segment in memory, which delivers frames to all other attachments in a later turn.

import type { FrameListener, Segment } from "../../../src/lab/segment.ts";

/** A segment without sockets, with faults chosen by a test. */
export class MemorySegment {
  /** Maps a sent frame to the frames that arrive: `[frame]` by default, `[]` for a loss, two for a repeat. */
  carry: (frame: Uint8Array) => Uint8Array[] = (frame) => [frame];

  readonly #attachments = new Set<Set<FrameListener>>();

  attach(): Segment {
    const own = new Set<FrameListener>();
    this.#attachments.add(own);
    return {
      send: (frame) => this.#deliver(frame, own),
      listen: (listener) => {
        own.add(listener);
        return () => own.delete(listener);
      },
    };
  }

  #deliver(frame: Uint8Array, sender: Set<FrameListener>): void {
    for (const carried of this.carry(frame)) {
      queueMicrotask(() => {
        for (const listeners of this.#attachments) {
          if (listeners === sender) continue;
          for (const listener of listeners) listener(carried.slice());
        }
      });
    }
  }
}
