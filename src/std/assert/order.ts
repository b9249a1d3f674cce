// Assertions of order.

import { AssertionError } from "./assertion_error.ts";
import { format } from "./format.ts";

function check<T>(holds: boolean, actual: T, sign: string, expected: T, msg?: string) {
  if (holds) return;
  throw new AssertionError(msg ?? `Expect ${format(actual)} ${sign} ${format(expected)}`);
}

/**
 * Fails unless a value is greater than another.
 *
 * @param actual The actual value
 * @param expected The value that it must exceed
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string) {
  check(actual > expected, actual, ">", expected, msg);
}

/**
 * Fails unless a value is greater than another or equal to it.
 *
 * @param actual The actual value
 * @param expected The minimum
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string) {
  check(actual >= expected, actual, ">=", expected, msg);
}

/**
 * Fails unless a value is less than another.
 *
 * @param actual The actual value
 * @param expected The value that it must be less than
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assertLess<T>(actual: T, expected: T, msg?: string) {
  check(actual < expected, actual, "<", expected, msg);
}

/**
 * Fails unless a value is less than another or equal to it.
 *
 * @param actual The actual value
 * @param expected The maximum
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string) {
  check(actual <= expected, actual, "<=", expected, msg);
}
