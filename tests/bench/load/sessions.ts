// The sessions of one end, numbered in the order in which they were opened.

const SESSION_IDS = 65536;

/** The sessions of one end. Each has a number from 0 and an id, and all are with the same station. */
export class Sessions {
  /** Address of this end. */
  readonly own: Uint8Array;
  /** Address by which this end knows the other one. */
  shown = new Uint8Array(6);
  count = 0;
  /** The id of each number. */
  readonly ids = new Uint16Array(SESSION_IDS);
  /** The number of each id, or -1 for none. */
  readonly numbers = new Int32Array(SESSION_IDS).fill(-1);
  /** The number of each session at the other end, from its frames, or -1 before the first one. */
  readonly others = new Int32Array(SESSION_IDS).fill(-1);

  constructor(own: Uint8Array) {
    this.own = own;
  }

  /**
   * Adds a session.
   *
   * @param id The id
   * @param shown The address of the other station
   * @throws {Error} If the station is not that of the earlier sessions, or the id is in use
   */
  add(id: number, shown: Uint8Array): void {
    if (this.count === 0) this.shown = shown.slice();
    if (this.shown.some((byte, at) => byte !== shown[at])) {
      throw new Error(`Cannot use session ${id}: it is with another station than the others`);
    }
    if (this.numbers[id] >= 0) throw new Error(`Cannot use session ${id}: it is already open`);
    this.ids[this.count] = id;
    this.numbers[id] = this.count++;
  }
}
