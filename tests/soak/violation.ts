// What is thrown where something does not hold that always should.

/** An invariant is broken. */
export class Violation extends Error {
  override name = "Violation";
}

/** Throws unless it holds. The text is a function where it costs something to make. */
export function hold(holds: boolean, what: string | (() => string)): asserts holds {
  if (!holds) throw new Violation(typeof what === "string" ? what : what());
}
