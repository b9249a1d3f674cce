// Assertions about the type of a value.

import { AssertionError } from "./assertion_error.ts";
import { suffix } from "./format.ts";

/**
 * Fails if a value is null or undefined.
 *
 * @param actual The value
 * @param msg The message of a failure
 * @throws {AssertionError} If it is
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`,
  );
}

/**
 * Fails unless a value is an instance of a class.
 *
 * @param actual The value
 * @param expectedType The class
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any -- a class with any parameters, as in @std/assert
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg = ""): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const expected = `Expected object to be an instance of "${expectedType.name}"`;
  const type = actual === null
    ? "null"
    : typeof actual === "object"
    ? actual.constructor?.name ?? "Object"
    : typeof actual;
  if (type === expectedType.name) throw new AssertionError(`${expected}${suffix(msg)}`);
  throw new AssertionError(
    type === "function"
      ? `${expected} but was not an instanced object${suffix(msg)}`
      : `${expected} but was "${type}"${suffix(msg)}`,
  );
}
