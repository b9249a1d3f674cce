// Assertions on text.

import { AssertionError } from "./assertion_error.ts";
import { suffix } from "./format.ts";

/**
 * Fails unless a text matches a regular expression.
 *
 * @param actual The text
 * @param expected The regular expression
 * @param msg The message of a failure
 * @throws {AssertionError} If it does not match
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string) {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
  );
}

/**
 * Fails unless a text contains another.
 *
 * @param actual The text
 * @param expected The text that it must contain
 * @param msg The message of a failure
 * @throws {AssertionError} If it does not contain it
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string) {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`,
  );
}
