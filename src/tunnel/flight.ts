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
const FOLLOWED = 8192;
const MASK = FOLLOWED - 1;
/** The number of frames after which the transport should be asked again. So few stay in the CPU's cache. */
const ASK_AFTER = 512;

/** The owner of frames, such as a session. */
export interface FrameOwner {
  /** The number of its frames that a transport has taken, without those that were lost with it. */
  framesFromLink: number;
  /** The number of bytes in the frames of `framesFromLink`. */
  bytesFromLink: number;
  /** The number of its frames that are known to have arrived. */
  framesArrived: number;
  /** The number of bytes in the frames of `framesArrived`. */
  bytesArrived: number;
}

/** Counts of Ethernet frames by kind, and of their bytes. */
export class Tally {
  /** The number of discovery frames. */
  discoveryFrames = 0;
  /** The number of bytes in the discovery frames. */
  discoveryBytes = 0;
  /** The number of session frames. */
  sessionFrames = 0;
  /** The number of bytes in the session frames. */
  sessionBytes = 0;
}

/**
 * Packs the type of a frame and the length of its payload into one number, its mark. All types that no
 * Ethernet frame has count as the same.
 */
export function markOf(type: number, length: number): number {
  return length << 2 | (type <= FRAME.SESSION ? type : FRAME.PING);
}

/** Returns the type in a mark. */
export function typeOf(mark: number): number {
  return mark & 3;
}

/** Returns true for the mark of an Ethernet frame, whose types alone have this bit. */
export function isEthernet(mark: number): boolean {
  return (mark & FRAME.DISCOVERY) !== 0;
}

/**
 * The frames that are under way in one connection. Nothing is allocated for a frame, and little is done for
 * it: whatever can be found out later is not counted.
 */
export class Flight {
  /** The frames that were carried. These counts only grow. */
  readonly carried = new Tally();
  /** The number of bytes that the transport has taken. */
  #position = 0;
  // Frames are numbered, and the number modulo the arrays' length is the index into these three.
  /** The position after each frame's last byte. */
  readonly #ends = new Float64Array(FOLLOWED);
  readonly #marks = new Uint32Array(FOLLOWED);
  /** The owner of each frame. The list grows to the largest number of frames so far. */
  readonly #owners: (FrameOwner | undefined)[] = [];
  /** The number of the first frame, and the number that the next one will get. */
  #head = 0;
  #tail = 0;
  /** The tail from which the transport should be asked. */
  #askFrom = ASK_AFTER;

  /** True if so many frames were taken since the last `settle` that the transport should be asked. */
  get isDue(): boolean {
    return this.#tail >= this.#askFrom;
  }

  /** True if no frame is under way. */
  get empty(): boolean {
    return this.#head === this.#tail;
  }

  /** Returns the number of frames of a type that are under way, for which it looks at each. */
  count(type: number): number {
    let count = 0;
    for (let number = this.#head; number !== this.#tail; number++) {
      if (typeOf(this.#marks[number & MASK]) === type) count++;
    }
    return count;
  }

  /** Notes that the transport has taken a part of a frame, but not its end. */
  part(bytes: number): void {
    this.#position += bytes;
  }

  /**
   * Notes that the transport has taken the end of a frame.
   *
   * @param mark The mark of the frame
   * @param owner The owner of the frame, if it has one
   * @param bytes The number of bytes that were taken: the whole frame, or the rest of it
   */
  whole(mark: number, owner: FrameOwner | undefined, bytes: number): void {
    this.#position += bytes;
    if (!isEthernet(mark)) return;
    if (this.#tail - this.#head === FOLLOWED) this.#arrived(this.#ends[this.#head & MASK]);
    const index = this.#tail++ & MASK;
    this.#ends[index] = this.#position;
    this.#marks[index] = mark;
    this.#owners[index] = owner;
    if (owner === undefined) return;
    owner.framesFromLink++;
    owner.bytesFromLink += mark >>> 2;
  }

  /** Counts the frames that have arrived, given the number of bytes that have not. */
  settle(bytesUnderWay: number): void {
    this.#arrived(this.#position - bytesUnderWay);
    if (this.empty) this.#head = this.#tail = 0;
    this.#askFrom = this.#tail + ASK_AFTER;
  }

  /** Forgets the frames that are under way, because they are lost. */
  abandon(): void {
    for (; !this.empty; this.#head++) {
      const index = this.#head & MASK;
      const owner = this.#owners[index];
      this.#owners[index] = undefined;
      if (owner === undefined) continue;
      owner.framesFromLink--;
      owner.bytesFromLink -= this.#marks[index] >>> 2;
    }
    this.#head = this.#tail = 0;
    this.#askFrom = ASK_AFTER;
  }

  // Counts the frames up to a position.
  #arrived(position: number): void {
    const { carried } = this;
    const ends = this.#ends;
    const owners = this.#owners;
    const tail = this.#tail;
    let head = this.#head;
    let frames = 0;
    let bytes = 0;
    for (; head !== tail; head++) {
      const index = head & MASK;
      if (ends[index] > position) break;
      const mark = this.#marks[index];
      const length = mark >>> 2;
      if (typeOf(mark) === FRAME.SESSION) {
        frames++;
        bytes += length;
      } else {
        carried.discoveryFrames++;
        carried.discoveryBytes += length;
      }
      const owner = owners[index];
      if (owner === undefined) continue;
      // A closed session must not be kept in memory.
      owners[index] = undefined;
      owner.framesArrived++;
      owner.bytesArrived += length;
    }
    carried.sessionFrames += frames;
    carried.sessionBytes += bytes;
    this.#head = head;
  }
}
