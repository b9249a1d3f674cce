// The frames of a tunnel that its transport has taken whole.

import { FRAME } from "../wire/mod.ts";

/** The owner of a frame, such as a session, and its counts of the frames that were sent for it. */
export interface FrameOwner {
  framesFromLink: number;
  bytesFromLink: number;
}

/** Counts of the Ethernet frames that a transport has taken. They only grow. */
export class Tally {
  discoveryFrames = 0;
  discoveryBytes = 0;
  sessionFrames = 0;
  sessionBytes = 0;

  /**
   * Counts a frame, unless it is not an Ethernet one.
   *
   * @param type The type of the tunnel frame
   * @param length The length of its payload, in bytes
   * @param owner The owner, which counts it too
   */
  carry(type: number, length: number, owner: FrameOwner | undefined): void {
    if (type === FRAME.SESSION) {
      this.sessionFrames++;
      this.sessionBytes += length;
    } else if (type === FRAME.DISCOVERY) {
      this.discoveryFrames++;
      this.discoveryBytes += length;
    }
    if (owner !== undefined) {
      owner.framesFromLink++;
      owner.bytesFromLink += length;
    }
  }
}
