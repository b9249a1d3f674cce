// How long a frame has waited in the ring, going by a stamp of the wall clock that may be wrong.
//
// The kernel stamps a frame with the wall clock when it arrives. But the same field also carries the time
// at which a frame is to be sent, by whatever clock: from kernel 4.20 to 5.17 a TCP segment of this
// machine that crosses a veth pair still has a monotonic one when the ring takes it. And the wall clock
// may be set at any moment, also while frames wait that were stamped before.
//
// So times of arrival are told by the monotonic clock, from the difference of the two clocks. What is
// known of a frame's arrival without its stamp says whether that can be true:
//   - the ring was empty at some moment, so that the frame came later;
//   - the frame before it came earlier;
//   - while a difference held, frames were stamped by it. As long as frames may wait that were stamped
//     by an earlier one, it is kept, with the time in which it held.
// An age that cannot be true counts as 0, and of two that can be true the lower one counts: a frame too
// many in a queue costs less than one that is lost.

/** A frame that waited longer is not told from one that waited so long. */
const MOST_MS = 60_000;
/** Reading two clocks one after the other can make the difference look this much larger. */
const STEP_MS = 2;
/** Readings that are further apart are not trusted, and taken again, so many times in all. */
const READING_MS = 1;
const READINGS = 3;
/** How long before the ring a frame may have been stamped, and how long after a turn's beginning one may come. */
const SLACK_MS = 20;
/** How many earlier differences are kept, should the clock be set again and again while frames wait. */
const EARLIER = 4;

/** Places in {@linkcode RingAge}'s times. */
const DIFFERENCE = 0;
const NOW = 1;
const LEAST = 2;

/** The two clocks, in ms. */
export interface Clocks {
  /** One that only goes forward. */
  now(): number;
  /** The one that frames are stamped with. It may be set. */
  wall(): number;
}

/** The ages of one ring's frames, which come in the order in which the kernel has put them there. */
export class RingAge {
  readonly #clocks: Clocks;
  /**
   * The wall clock's time less the other one's; when this turn began, in which frames are taken; the time
   * before which no frame to come has arrived. They are in one array, because a number in a field of its own
   * would be a new object each time that it changes.
   */
  readonly #timesMs = new Float64Array(3);
  /** When the current difference can have begun. */
  #fromMs = -Infinity;
  /** Of the earlier ones in turn: the difference, when it can have begun, and when it can have ended. */
  readonly #earlier = new Float64Array(3 * EARLIER);
  #steps = 0;

  /** The ring is new, and empty. */
  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    const times = this.#timesMs;
    times[NOW] = clocks.now();
    times[DIFFERENCE] = this.#measure();
    times[LEAST] = times[NOW] - SLACK_MS;
  }

  /** Frames are to be taken, in a turn that has begun at this time. */
  begin(nowMs: number): void {
    // Rarely more than a glance: one that comes late shows a difference that is too large.
    const glanceMs = this.#clocks.wall() - nowMs;
    if (Math.abs(glanceMs - this.#timesMs[DIFFERENCE]) > STEP_MS) this.#look();
    this.#timesMs[NOW] = nowMs;
  }

  /** The ring was empty at this time, or later. */
  emptied(atMs: number): void {
    this.#timesMs[LEAST] = atMs - SLACK_MS;
    if (this.#steps === 0) return;
    this.#steps = 0;
    this.#fromMs = -Infinity;
  }

  /**
   * How long the next frame has waited.
   *
   * @param stampMs Its stamp.
   * @returns A whole number: another one would be an object, once for each frame.
   */
  waited(stampMs: number): number {
    if (this.#steps > 0) return this.#waitedOverSteps(stampMs);
    const times = this.#timesMs;
    const arrivedMs = stampMs - times[DIFFERENCE];
    const waitedMs = times[NOW] - arrivedMs;
    if (arrivedMs < times[LEAST] || waitedMs <= 0) return 0;
    if (arrivedMs - SLACK_MS > times[LEAST]) times[LEAST] = arrivedMs - SLACK_MS;
    return waitedMs < MOST_MS ? waitedMs | 0 : MOST_MS;
  }

  /** The same, where the stamp may be by an earlier difference. */
  #waitedOverSteps(stampMs: number): number {
    const earlier = this.#earlier;
    const times = this.#timesMs;
    const leastMs = times[LEAST];
    let arrivedMs = stampMs - times[DIFFERENCE];
    let fits = arrivedMs >= Math.max(this.#fromMs, leastMs) && arrivedMs <= times[NOW] + SLACK_MS;
    let firstMs = fits ? arrivedMs : Infinity;
    let lastMs = fits ? arrivedMs : -Infinity;
    for (let i = 0; i < 3 * this.#steps; i += 3) {
      arrivedMs = stampMs - earlier[i];
      fits = arrivedMs >= Math.max(earlier[i + 1], leastMs) && arrivedMs <= earlier[i + 2];
      if (fits && arrivedMs < firstMs) firstMs = arrivedMs;
      if (fits && arrivedMs > lastMs) lastMs = arrivedMs;
    }
    // It arrived between these two, if there are any.
    const waitedMs = times[NOW] - lastMs;
    if (waitedMs <= 0 || waitedMs === Infinity) return 0;
    times[LEAST] = Math.max(leastMs, firstMs - SLACK_MS);
    return Math.min(MOST_MS, waitedMs) | 0;
  }

  // The wall clock may have been set since frames were last taken.
  #look(): void {
    const times = this.#timesMs;
    const differenceMs = this.#measure();
    if (Math.abs(differenceMs - times[DIFFERENCE]) <= STEP_MS) return;
    if (this.#steps === EARLIER) {
      this.#earlier.copyWithin(0, 3);
      this.#steps--;
    }
    const at = 3 * this.#steps++;
    this.#earlier[at] = times[DIFFERENCE];
    this.#earlier[at + 1] = this.#fromMs;
    this.#earlier[at + 2] = this.#clocks.now() + STEP_MS;
    times[DIFFERENCE] = differenceMs;
    this.#fromMs = times[NOW] - STEP_MS;
  }

  /** Reads both clocks, as close together as can be had. */
  #measure(): number {
    const { now, wall } = this.#clocks;
    let differenceMs = 0;
    let leastMs = Infinity;
    for (let i = 0; i < READINGS && leastMs > READING_MS; i++) {
      const beforeMs = now();
      const wallMs = wall();
      const apartMs = now() - beforeMs;
      if (apartMs >= leastMs) continue;
      leastMs = apartMs;
      differenceMs = wallMs - beforeMs;
    }
    return differenceMs;
  }
}
