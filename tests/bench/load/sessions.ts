// The sessions of one end, by the order in which they were opened.

const SESSION_IDS = 65536;

/** Each has a number, counted from 0, and an id. One station is at the other side of all of them. */
export class Sessions {
  /** This end's address. */
  readonly own: Uint8Array;
  /** The address that is seen at the other side. */
  peer = new Uint8Array(6);
  count = 0;
  /** The id of each number. */
  readonly ids = new Uint16Array(SESSION_IDS);
  /** The number of each id; -1 for none. */
  readonly numbers = new Int32Array(SESSION_IDS).fill(-1);
  /** The number that the other end knows each by, as its frames say; -1 as long as none came. */
  readonly others = new Int32Array(SESSION_IDS).fill(-1);

  constructor(own: Uint8Array) {
    this.own = own;
  }

  /**
   * Adds one.
   *
   * @throws {Error} If it is with another station than the ones before, or its id is in use.
   */
  add(id: number, peer: Uint8Array): void {
    if (this.count === 0) this.peer = peer.slice();
    if (this.peer.some((byte, at) => byte !== peer[at])) {
      throw new Error(`Cannot use session ${id}: it is with another station than those before`);
    }
    if (this.numbers[id] >= 0) throw new Error(`Cannot use session ${id}: it is open already`);
    this.ids[this.count] = id;
    this.numbers[id] = this.count++;
  }
}
