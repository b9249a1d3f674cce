// The pauses between two looks at the first server, while a client uses another one.

/** The shortest pause, where nothing else is asked for. */
export const LOOK_MS = 30_000;
/** The longest pause, for a first server that fails again and again. */
export const LOOK_MAX_MS = 3_600_000;

/** The pauses between looks. */
export class FirstServer {
  readonly #leastMs: number;
  #pauseMs: number;

  /**
   * Begins with the shortest pause.
   *
   * @param leastMs Its length in ms
   */
  constructor(leastMs: number = LOOK_MS) {
    this.#leastMs = leastMs;
    this.#pauseMs = leastMs;
  }

  /** The pause before the next look, in ms. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /**
   * Learns from a tunnel to the first server that has ended. Each return that does not last costs all
   * sessions, so it doubles the pause; one that lasted for twice the shortest pause makes it short again.
   *
   * @param upMs The time for which the tunnel was up, in ms
   */
  judge(upMs: number): void {
    this.#pauseMs = upMs < 2 * this.#leastMs
      ? Math.min(2 * this.#pauseMs, LOOK_MAX_MS)
      : this.#leastMs;
  }
}
