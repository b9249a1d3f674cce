// The interface by which simulated hosts and ACs send and receive frames.

/** A function called with a received frame. It owns the bytes, which nothing changes afterwards. */
export type FrameListener = (frame: Uint8Array) => void;

/**
 * An attachment to an Ethernet segment. `Station` implements it with a real interface. The unit tests
 * have one in memory, which can lose, repeat and delay frames.
 */
export interface Segment {
  /** Sends a whole Ethernet frame. */
  send(frame: Uint8Array): void;
  /** Calls a listener with every frame that others send, until the returned function is called. */
  listen(listener: FrameListener): () => void;
}
