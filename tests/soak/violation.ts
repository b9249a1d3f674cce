// The error for a broken invariant, and the assertion that throws it.

/** A broken invariant. */
export class Violation extends Error {
  override name = "Violation";
}

/**
 * Asserts an invariant.
 *
 * @param holds True if the invariant holds
 * @param what The violation in words; a function if the text is expensive to make
 * @throws {Violation} If it does not hold
 */
export function hold(holds: boolean, what: string | (() => string)): asserts holds {
  if (!holds) throw new Violation(typeof what === "string" ? what : what());
}
