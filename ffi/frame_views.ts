// Views of frames in a buffer, without a new object for each frame.

/** The length of a view is that of the frame, rounded up to a multiple of this. */
export const VIEW_STEP = 128;

/**
 * Cached views of a buffer that is divided into places. Copying a frame takes a view of it, and a new
 * view for each frame would burden the garbage collector. The cache has one view for each place and
 * each rounded length, made on first use.
 */
export class FrameViews {
  readonly #memory: Uint8Array;
  readonly #steps: number;
  readonly #views: (Uint8Array | undefined)[];

  /**
   * Makes an empty cache.
   *
   * @param memory The buffer that holds the frames
   * @param places The number of places
   * @param most The maximum length of a frame in bytes
   */
  constructor(memory: Uint8Array, places: number, most: number) {
    this.#memory = memory;
    this.#steps = Math.ceil(most / VIEW_STEP) + 1;
    this.#views = new Array(places * this.#steps).fill(undefined);
  }

  /**
   * Returns a view that starts with a frame and extends up to 127 bytes beyond it, within the buffer.
   *
   * @param place The index of the place that holds the frame
   * @param offset The offset of the frame in the buffer, usually the same for all frames of a place
   * @param length The length of the frame in bytes
   * @returns The view, which later calls may return again
   */
  at(place: number, offset: number, length: number): Uint8Array {
    const step = Math.ceil(length / VIEW_STEP);
    const index = place * this.#steps + step;
    const known = this.#views[index];
    if (known !== undefined && known.byteOffset === this.#memory.byteOffset + offset) return known;
    const view = this.#memory.subarray(offset, offset + step * VIEW_STEP);
    this.#views[index] = view;
    return view;
  }
}
