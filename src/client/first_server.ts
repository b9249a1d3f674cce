// The pauses between two checks of the first server, while a client uses another one.

/** The default of the shortest pause. */
export const CHECK_MS = 30_000;
/** The longest pause, for a first server that fails again and again. */
export const CHECK_MAX_MS = 3_600_000;

/** Computes the pauses between two checks. */
export class FirstServer {
  readonly #leastMs: number;
  #pauseMs: number;

  /**
   * Starts with the shortest pause.
   *
   * @param leastMs The length of the shortest pause, in ms
   */
  constructor(leastMs: number = CHECK_MS) {
    this.#leastMs = leastMs;
    this.#pauseMs = leastMs;
  }

  /** The pause before the next check, in ms. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /**
   * Adjusts the pause after a tunnel to the first server has ended. A return that does not last costs all
   * sessions, so it doubles the pause. One that lasted for twice the shortest pause resets it.
   *
   * @param upMs The time for which the tunnel was up, in ms
   */
  judge(upMs: number): void {
    this.#pauseMs = upMs < 2 * this.#leastMs
      ? Math.min(2 * this.#pauseMs, CHECK_MAX_MS)
      : this.#leastMs;
  }
}
