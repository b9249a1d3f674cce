// Assertions of truth.

import { AssertionError } from "./assertion_error.ts";
import { suffix } from "./format.ts";

/** The values that count as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/**
 * Fails unless a value is truthy.
 *
 * @param expr The value
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Fails unless a value is falsy.
 *
 * @param expr The value
 * @param msg The message of a failure
 * @throws {AssertionError} If it is not
 */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/**
 * Fails.
 *
 * @param msg The message
 * @throws {AssertionError} Always
 */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}
