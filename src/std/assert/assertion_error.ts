// The error of a failed assertion.

/** Error thrown when an assertion fails. */
export class AssertionError extends Error {
  /**
   * Makes the error of a failed assertion.
   *
   * @param message The expected and the actual value
   * @param options The cause
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}
