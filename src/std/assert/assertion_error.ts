// What a failed assertion throws.

/** What a failed assertion throws. */
export class AssertionError extends Error {
  /**
   * Makes the error of a failed assertion.
   *
   * @param message What was expected and what was there
   * @param options The cause
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}
