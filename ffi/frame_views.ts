// Views of frames in a memory, without a new object for each frame.

/** A view's length is the frame's, rounded up to this. */
export const VIEW_STEP = 128;

/**
 * Views of the places of one memory. To copy a frame takes a view of it, and each would be an
 * object for the garbage collector; so there is one for each place and each rounded length, made
 * when it is first asked for.
 */
export class FrameViews {
  readonly #memory: Uint8Array;
  readonly #steps: number;
  readonly #views: (Uint8Array | undefined)[];

  /**
   * Of a memory.
   *
   * @param memory Where the frames lie
   * @param places How many places there are
   * @param most The longest frame that a place can hold, in bytes
   */
  constructor(memory: Uint8Array, places: number, most: number) {
    this.#memory = memory;
    this.#steps = Math.ceil(most / VIEW_STEP) + 1;
    this.#views = new Array(places * this.#steps).fill(undefined);
  }

  /**
   * A view that starts with a frame and goes up to 127 bytes further, where the memory does.
   *
   * @param place Which place the frame is in
   * @param offset Where in the memory it starts; of one place mostly the same
   * @param length How long it is, in bytes
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
