// Assertions on order.

import { AssertionError } from "./assertion_error.ts";
import { format } from "./format.ts";

function check<T>(holds: boolean, actual: T, sign: string, expected: T, msg?: string) {
  if (holds) return;
  throw new AssertionError(msg ?? `Expect ${format(actual)} ${sign} ${format(expected)}`);
}

/**
 * Fails unless a value is greater than another.
 *
 * @param actual The value that is there
 * @param expected What it must be greater than
 * @param msg What to say when it fails
 * @throws {AssertionError} If it is not
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string) {
  check(actual > expected, actual, ">", expected, msg);
}

/**
 * Fails unless a value is greater than another or equal to it.
 *
 * @param actual The value that is there
 * @param expected What it must be greater than or equal to
 * @param msg What to say when it fails
 * @throws {AssertionError} If it is not
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string) {
  check(actual >= expected, actual, ">=", expected, msg);
}

/**
 * Fails unless a value is less than another.
 *
 * @param actual The value that is there
 * @param expected What it must be less than
 * @param msg What to say when it fails
 * @throws {AssertionError} If it is not
 */
export function assertLess<T>(actual: T, expected: T, msg?: string) {
  check(actual < expected, actual, "<", expected, msg);
}

/**
 * Fails unless a value is less than another or equal to it.
 *
 * @param actual The value that is there
 * @param expected What it must be less than or equal to
 * @param msg What to say when it fails
 * @throws {AssertionError} If it is not
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string) {
  check(actual <= expected, actual, "<=", expected, msg);
}
