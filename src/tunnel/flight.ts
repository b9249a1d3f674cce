// The frames of a tunnel that its transport has taken, and that the peer's machine has not acknowledged yet.
//
// A transport takes bytes long before they arrive. If the connection breaks meanwhile, they are lost with it.
// So a frame counts as carried only once its last byte is acknowledged. The program is not told of
// acknowledgements. It asks the transport now and then how many bytes are under way; all frames before these
// have arrived.

import { FRAME } from "../wire/mod.ts";

/**
 * The maximum number of frames that are followed; beyond that, the oldest ones count as carried. That takes
 * 12 MB of large frames, which few paths hold.
 */
const FRAMES = 8192;
const MASK = FRAMES - 1;
/** The number of frames from which the transport should be asked. */
const MANY = FRAMES / 2;

/** The owner of frames, such as a session. */
export interface FrameOwner {
  /** The number of its frames that a transport has taken, and that were not lost with it. */
  framesFromLink: number;
  /** The number of bytes in these. */
  bytesFromLink: number;
  /** The number of these that are not known to have arrived yet. */
  framesUnderWay: number;
  /** The number of bytes in those. */
  bytesUnderWay: number;
}

/** Counts of Ethernet frames by kind, and of their bytes. */
export class Tally {
  /** The number of discovery frames. */
  discoveryFrames = 0;
  /** The number of bytes in these. */
  discoveryBytes = 0;
  /** The number of session frames. */
  sessionFrames = 0;
  /** The number of bytes in these. */
  sessionBytes = 0;

  /**
   * Adds frames of one type, or removes them.
   *
   * @param type The type of the tunnel frame; other than Ethernet frames do not count
   * @param frames The number of frames, negative to remove them
   * @param bytes The number of bytes in them, with the same sign
   */
  add(type: number, frames: number, bytes: number): void {
    if (type === FRAME.SESSION) {
      this.sessionFrames += frames;
      this.sessionBytes += bytes;
    } else if (type === FRAME.DISCOVERY) {
      this.discoveryFrames += frames;
      this.discoveryBytes += bytes;
    }
  }
}

/** The frames that are under way in one connection. Nothing is allocated for a frame. */
export class Flight {
  /** The frames that were carried. These counts only grow. */
  readonly carried = new Tally();
  /** The frames that are under way. */
  readonly underWay = new Tally();
  /** The number of bytes that the transport has taken. */
  #position = 0;
  // Frames are numbered, and the number modulo the arrays' length is the index into these four.
  /** The position after each frame's last byte. */
  readonly #ends = new Float64Array(FRAMES);
  readonly #types = new Uint16Array(FRAMES);
  readonly #lengths = new Uint32Array(FRAMES);
  /** The owner of each frame. The list grows to the largest number of frames so far. */
  readonly #owners: (FrameOwner | undefined)[] = [];
  /** The number of the first frame, and the number that the next one will get. */
  #head = 0;
  #tail = 0;

  /** True if so many frames are under way that the transport should be asked about them. */
  get isLong(): boolean {
    return this.#tail - this.#head >= MANY;
  }

  /** True if no frame is under way. */
  get empty(): boolean {
    return this.#head === this.#tail;
  }

  /** Notes that the transport has taken a part of a frame, but not its end. */
  part(bytes: number): void {
    this.#position += bytes;
  }

  /**
   * Notes that the transport has taken the end of a frame.
   *
   * @param type The type of the tunnel frame
   * @param length The length of its payload, in bytes
   * @param owner The owner of the frame, if it has one
   * @param bytes The number of bytes that were taken: the whole frame, or the rest of it
   */
  whole(type: number, length: number, owner: FrameOwner | undefined, bytes: number): void {
    this.#position += bytes;
    if (type !== FRAME.SESSION && type !== FRAME.DISCOVERY) return;
    if (this.#tail - this.#head === FRAMES) this.#arrived();
    const index = this.#tail++ & MASK;
    this.#ends[index] = this.#position;
    this.#types[index] = type;
    this.#lengths[index] = length;
    this.#owners[index] = owner;
    this.underWay.add(type, 1, length);
    if (owner === undefined) return;
    owner.framesFromLink++;
    owner.bytesFromLink += length;
    owner.framesUnderWay++;
    owner.bytesUnderWay += length;
  }

  /** Counts the frames that have arrived, given the number of bytes that have not. */
  settle(bytesUnderWay: number): void {
    const arrived = this.#position - bytesUnderWay;
    while (!this.empty && this.#ends[this.#head & MASK] <= arrived) this.#arrived();
    if (this.empty) this.#head = this.#tail = 0;
  }

  /** Forgets the frames that are under way, because they are lost. */
  abandon(): void {
    for (; !this.empty; this.#head++) {
      const index = this.#head & MASK;
      const owner = this.#owners[index];
      const length = this.#lengths[index];
      this.#landed(index);
      if (owner === undefined) continue;
      owner.framesFromLink--;
      owner.bytesFromLink -= length;
    }
    this.#head = this.#tail = 0;
  }

  #arrived(): void {
    const index = this.#head++ & MASK;
    this.carried.add(this.#types[index], 1, this.#lengths[index]);
    this.#landed(index);
  }

  #landed(index: number): void {
    const length = this.#lengths[index];
    this.underWay.add(this.#types[index], -1, -length);
    const owner = this.#owners[index];
    // A closed session must not be kept in memory.
    this.#owners[index] = undefined;
    if (owner === undefined) return;
    owner.framesUnderWay--;
    owner.bytesUnderWay -= length;
  }
}
