// An Ethernet segment as the simulated host and AC see it: somewhere to send frames and to hear them.

/** What hears a frame. The bytes belong to the listener: nobody writes to them afterwards. */
export type FrameListener = (frame: Uint8Array) => void;

/**
 * One attachment to an Ethernet segment. {@linkcode Station} is one on a real interface;
 * the unit tests have one in memory, which can lose, repeat and delay frames.
 */
export interface Segment {
  /** Puts a whole Ethernet frame on the segment. */
  send(frame: Uint8Array): void;
  /** Hears every frame that others send. The returned function ends that. */
  listen(listener: FrameListener): () => void;
}
