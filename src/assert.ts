// Assertions that stay in production; those of @std/assert are for tests.

/** The error of an invariant that was broken: a fault of this program, never of its input. */
export class InvariantError extends Error {
  /** The class's name. */
  override name = "InvariantError";
}

/**
 * Checks an invariant whose breach would hurt somebody else's traffic. It throws, and the worker then stops
 * the data plane in an orderly way, which is better than to go on with wrong tables.
 *
 * @param holds The condition
 * @param breach A sentence that says what is wrong if the condition is false, such as `two sessions share an
 * id`; a constant, where calls are frequent
 * @throws {InvariantError} If the condition is false
 */
export function assertInvariant(holds: boolean, breach: string): asserts holds {
  if (!holds) throw new InvariantError(`This program has a fault, please report it: ${breach}`);
}
