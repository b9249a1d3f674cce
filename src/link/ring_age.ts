// The time that a frame has waited in the ring, computed from a wall-clock stamp that may be wrong.
//
// The kernel stamps a frame with the wall clock when it arrives. But the same field also carries the time
// at which a frame should be sent, by any clock: from kernel 4.20 to 5.17, a TCP segment of this machine
// that crosses a veth pair still has a monotonic stamp when the ring takes it. Besides, the wall clock may
// be set at any moment, even while stamped frames wait.
//
// So arrival times are converted to the monotonic clock, with the difference between the two clocks. Three
// facts that do not depend on the stamp show whether the result can be true:
//   - the ring was empty at some moment, and the frame arrived after that;
//   - the previous frame arrived earlier;
//   - a difference was valid for a certain time, and only frames of that time were stamped by it. An
//     earlier difference is kept, with that time, as long as frames from then may still wait.
// An impossible age counts as 0, and if two ages are possible, the lower one counts: one frame too many in
// a queue costs less than a lost one.

/** The maximum age; a longer wait counts as this. */
const MAX_AGE_MS = 60_000;
/** The error in the difference that comes from reading two clocks one after the other. */
const STEP_MS = 2;
/** The longest time between two readings that belong together; a slower pair is read again. */
const READING_MS = 1;
/** The maximum number of pairs that are read. */
const READINGS = 3;
/** The time by which a stamp may be too early (before the ring was empty) or too late (after the turn began). */
const SLACK_MS = 20;
/** The number of earlier differences that are kept, in case the clock is set repeatedly while frames wait. */
const EARLIER = 4;

// Indexes into the times of `RingAge`.
const DIFFERENCE = 0;
const NOW = 1;
const EARLIEST = 2;

/** The two clocks, in ms. */
export interface Clocks {
  /** Returns the time by a monotonic clock. */
  now(): number;
  /** Returns the time by the clock that stamps frames, which may be set. */
  wall(): number;
}

/** The ages of the frames in one ring, which arrive in the order in which the kernel put them there. */
export class RingAge {
  readonly #clocks: Clocks;
  /**
   * The wall clock's time minus the monotonic one; the start of this turn; the earliest possible arrival of
   * the next frame. They share one array, because V8 allocates an object each time that a number in a field
   * changes.
   */
  readonly #timesMs = new Float64Array(3);
  /** The earliest time at which the current difference can have begun. */
  #fromMs = -Infinity;
  /** Earlier differences, three numbers each: the difference, its earliest start and its latest end. */
  readonly #earlier = new Float64Array(3 * EARLIER);
  /** The number of earlier differences. */
  #steps = 0;

  /** Follows a new, empty ring. */
  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    const times = this.#timesMs;
    times[NOW] = clocks.now();
    times[DIFFERENCE] = this.#measure();
    times[EARLIEST] = times[NOW] - SLACK_MS;
  }

  /** Prepares for taking frames in a turn that began at `nowMs`. */
  begin(nowMs: number): void {
    // One reading is usually enough. If it comes late, the difference looks too large and is measured again.
    const roughMs = this.#clocks.wall() - nowMs;
    if (Math.abs(roughMs - this.#timesMs[DIFFERENCE]) > STEP_MS) this.#update();
    this.#timesMs[NOW] = nowMs;
  }

  /** Notes that the ring was empty at this time or later. */
  emptied(atMs: number): void {
    this.#timesMs[EARLIEST] = atMs - SLACK_MS;
    if (this.#steps === 0) return;
    this.#steps = 0;
    this.#fromMs = -Infinity;
  }

  /**
   * Computes the time that the next frame has waited.
   *
   * @param stampMs The frame's stamp
   * @returns The time in ms, as an integer: V8 would allocate an object for any other number
   */
  waited(stampMs: number): number {
    if (this.#steps > 0) return this.#waitedOverSteps(stampMs);
    const times = this.#timesMs;
    const arrivedMs = stampMs - times[DIFFERENCE];
    const waitedMs = times[NOW] - arrivedMs;
    if (arrivedMs < times[EARLIEST] || waitedMs <= 0) return 0;
    if (arrivedMs - SLACK_MS > times[EARLIEST]) times[EARLIEST] = arrivedMs - SLACK_MS;
    return waitedMs < MAX_AGE_MS ? waitedMs | 0 : MAX_AGE_MS;
  }

  /** Does the same when the frame may have been stamped while an earlier difference was valid. */
  #waitedOverSteps(stampMs: number): number {
    const earlier = this.#earlier;
    const times = this.#timesMs;
    const earliestMs = times[EARLIEST];
    let arrivedMs = stampMs - times[DIFFERENCE];
    let fits = arrivedMs >= Math.max(this.#fromMs, earliestMs) &&
      arrivedMs <= times[NOW] + SLACK_MS;
    let firstMs = fits ? arrivedMs : Infinity;
    let lastMs = fits ? arrivedMs : -Infinity;
    for (let i = 0; i < 3 * this.#steps; i += 3) {
      arrivedMs = stampMs - earlier[i];
      fits = arrivedMs >= Math.max(earlier[i + 1], earliestMs) && arrivedMs <= earlier[i + 2];
      if (fits && arrivedMs < firstMs) firstMs = arrivedMs;
      if (fits && arrivedMs > lastMs) lastMs = arrivedMs;
    }
    // If there is a possible arrival time, the frame arrived between these two.
    const waitedMs = times[NOW] - lastMs;
    if (waitedMs <= 0 || waitedMs === Infinity) return 0;
    times[EARLIEST] = Math.max(earliestMs, firstMs - SLACK_MS);
    return Math.min(MAX_AGE_MS, waitedMs) | 0;
  }

  // Measures the difference again, because the wall clock may have been set.
  #update(): void {
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

  /** Reads both clocks, as close together as possible. */
  #measure(): number {
    const { now, wall } = this.#clocks;
    let differenceMs = 0;
    let closestMs = Infinity;
    for (let i = 0; i < READINGS && closestMs > READING_MS; i++) {
      const beforeMs = now();
      const wallMs = wall();
      const apartMs = now() - beforeMs;
      if (apartMs >= closestMs) continue;
      closestMs = apartMs;
      differenceMs = wallMs - beforeMs;
    }
    return differenceMs;
  }
}
