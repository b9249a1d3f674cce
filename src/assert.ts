// Checks of what must be true whatever comes from outside.

/**
 * Throws where an invariant is broken, since to go on could hurt somebody else's traffic. The data worker
 * then ends in good order.
 *
 * The message is a constant: to build one would cost as much as the frame that it is about.
 *
 * @param condition What must be true
 * @param message What is wrong otherwise
 * @throws {Error} If it is not true
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
