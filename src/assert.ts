// Assertions that stay in production. Tests use @std/assert instead.

/** An error that is thrown when an invariant is broken: a fault in this program, never in its input. */
export class InvariantError extends Error {
  /** The class's name. */
  override name = "InvariantError";
}

/**
 * Checks an invariant that protects other people's traffic. If the check fails, the worker stops the data
 * plane in an orderly way, which is better than going on with wrong tables.
 *
 * @param holds The condition
 * @param breach The fault that a false condition shows, such as `two sessions share an id`. If calls are
 * frequent, it should be a constant, because it is made even if the condition is true.
 * @throws {InvariantError} If the condition is false
 */
export function assertInvariant(holds: boolean, breach: string): asserts holds {
  if (!holds) throw new InvariantError(`This program has a fault, please report it: ${breach}`);
}
