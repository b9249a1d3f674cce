// The frames of a tunnel that its transport has taken, and that the peer's machine has not acknowledged yet.
//
// A transport takes bytes long before they arrive. If the connection breaks meanwhile, they are lost with it.
// So a frame counts as carried only once its last byte is acknowledged. The program is not told of
// acknowledgements. It asks the transport now and then how many bytes are under way; all frames before these
// have arrived.

import { FRAME } from "../wire/mod.ts";
import { QueueRoom } from "./queue_room.ts";

/**
 * The maximum number of frames that are followed; beyond that, the oldest ones count as carried. That takes
 * 12 MB of large frames, which few paths hold.
 */
const FOLLOWED = 8192;
/** The number of frames for which there is memory at first. It doubles when it is full. */
const FIRST_FOLLOWED = 256;
/** The number of bytes that each takes. */
const FRAME_BYTES = 20;
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

/** Looks at the Ethernet frames of a tunnel as they leave it. A frame is valid only during the call. */
export interface FrameTap {
  /** Called for a frame of which the transport has taken at least a part. */
  sent(bytes: Uint8Array, offset: number, length: number, owner: FrameOwner | undefined): void;
  /** Called for a frame that was dropped while it waited. */
  dropped(bytes: Uint8Array, offset: number, length: number, owner: FrameOwner | undefined): void;
  /** Called for a frame that was sent, and lost with the connection. Its bytes are no longer known. */
  lost(type: number, length: number, owner: FrameOwner | undefined): void;
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

/** Returns the length in a mark. */
export function lengthOf(mark: number): number {
  return mark >>> 2;
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
  #ends = new Float64Array(FIRST_FOLLOWED);
  #marks = new Uint32Array(FIRST_FOLLOWED);
  /** The owner of each frame. The list grows to the largest number of frames so far. */
  #owners: (FrameOwner | undefined)[] = [];
  #mask = FIRST_FOLLOWED - 1;
  readonly #room: QueueRoom;
  /** The most frames at once since the last `trim`. */
  #high = 0;
  /** The number of the first frame, and the number that the next one will get. */
  #head = 0;
  #tail = 0;
  /** The tail from which the transport should be asked. */
  #askFrom = ASK_AFTER;

  /** Follows no frames at first, in memory that is shared with other queues; by default with none. */
  constructor(room: QueueRoom = new QueueRoom()) {
    this.#room = room;
  }

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
      if (typeOf(this.#marks[number & this.#mask]) === type) count++;
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
    const frames = this.#tail - this.#head;
    if (frames > this.#mask && !this.#grow()) this.#arrived(this.#ends[this.#head & this.#mask]);
    if (frames >= this.#high) this.#high = frames + 1;
    const index = this.#tail++ & this.#mask;
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

  /**
   * Forgets the frames that are under way, because they are lost.
   *
   * @param tap Told of each frame; by default nothing is
   */
  abandon(tap?: FrameTap): void {
    for (; !this.empty; this.#head++) {
      const index = this.#head & this.#mask;
      const owner = this.#owners[index];
      const mark = this.#marks[index];
      tap?.lost(typeOf(mark), lengthOf(mark), owner);
      this.#owners[index] = undefined;
      if (owner === undefined) continue;
      owner.framesFromLink--;
      owner.bytesFromLink -= this.#marks[index] >>> 2;
    }
    this.#head = this.#tail = 0;
    this.#askFrom = ASK_AFTER;
  }

  /** Gives back half of the memory if not even a quarter was used since the last call; only if it is empty. */
  trim(): void {
    if (this.empty && this.#high < (this.#mask + 1) / 4) this.#shrink((this.#mask + 1) / 2);
    this.#high = this.#tail - this.#head;
  }

  /** Gives back all of the memory but the initial one, if it is empty. */
  release(): void {
    if (this.empty) this.#shrink(FIRST_FOLLOWED);
  }

  #shrink(frames: number): void {
    const from = this.#mask + 1;
    if (frames < FIRST_FOLLOWED || frames >= from) return;
    this.#resize(frames);
    this.#room.shrink(from * FRAME_BYTES, frames * FRAME_BYTES);
  }

  // Doubles the memory; returns false if it may not grow.
  #grow(): boolean {
    const from = this.#mask + 1;
    if (from >= FOLLOWED || !this.#room.grow(from * FRAME_BYTES, 2 * from * FRAME_BYTES)) {
      return false;
    }
    this.#resize(2 * from);
    return true;
  }

  #resize(frames: number): void {
    const [ends, marks, owners, mask] = [this.#ends, this.#marks, this.#owners, this.#mask];
    this.#ends = new Float64Array(frames);
    this.#marks = new Uint32Array(frames);
    this.#owners = [];
    this.#mask = frames - 1;
    const count = this.#tail - this.#head;
    for (let to = 0; to < count; to++) {
      const index = (this.#head + to) & mask;
      this.#ends[to] = ends[index];
      this.#marks[to] = marks[index];
      this.#owners[to] = owners[index];
    }
    // The tail goes from 0 again, and so does the place from which the transport is asked.
    this.#askFrom -= this.#head;
    this.#head = 0;
    this.#tail = count;
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
      const index = head & this.#mask;
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
