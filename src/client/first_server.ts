// How often a client looks at the first server while it uses another one.

/** How long to wait between two looks, where nothing else is asked for. */
export const LOOK_MS = 30_000;
/** The longest wait, for a first server that is not well again and again. */
export const LOOK_MAX_MS = 3_600_000;

/** The pauses between looks. */
export class FirstServer {
  readonly #leastMs: number;
  #pauseMs: number;

  /**
   * Begins with the shortest pause.
   *
   * @param leastMs How long that is, in ms
   */
  constructor(leastMs: number = LOOK_MS) {
    this.#leastMs = leastMs;
    this.#pauseMs = leastMs;
  }

  /** How long to wait before the next look, in ms. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /**
   * Learns from a tunnel to the first server that has ended. Each return that does not last costs all
   * sessions, so it doubles the pause; one that lasted for twice the shortest pause makes it short again.
   *
   * @param upMs How long the tunnel was up, in ms
   */
  judge(upMs: number): void {
    this.#pauseMs = upMs < 2 * this.#leastMs
      ? Math.min(2 * this.#pauseMs, LOOK_MAX_MS)
      : this.#leastMs;
  }
}
