// Assertions on functions that throw and promises that reject.

import { stripVTControlCharacters } from "node:util";
import { AssertionError } from "./assertion_error.ts";
import { suffix } from "./format.ts";

// deno-lint-ignore no-explicit-any -- a class with any parameters, as in @std/assert
type ErrorConstructor<E extends Error> = abstract new (...args: any[]) => E;

// The parameters behind the function: (msg), or (ErrorClass, msgIncludes, msg).
type Expectation = [
  classOrMsg?: ErrorConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
];

function checkError(error: unknown, verb: string, [expected, msgIncludes, msg]: Expectation) {
  if (expected === undefined || typeof expected === "string") return;
  if (!(error instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${verb}${suffix(msg)}`);
  }
  const { name } = error.constructor;
  if (!(error instanceof expected)) {
    throw new AssertionError(
      `Expected error to be instance of "${expected.name}", but was "${name}"${suffix(msg)}`,
    );
  }
  const message = stripVTControlCharacters(error.message);
  if (msgIncludes && !message.includes(stripVTControlCharacters(msgIncludes))) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, but got ${
        JSON.stringify(error.message)
      }${suffix(msg)}`,
    );
  }
}

function saidBy([expected, , msg]: Expectation): string {
  return suffix(typeof expected === "string" ? expected : msg);
}

/**
 * Fails unless a function throws.
 *
 * @param fn The function
 * @param msg The message of a failure
 * @returns The value that it threw
 * @throws {AssertionError} If it does not throw
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Fails unless a function throws an error of a class, with a text in its message.
 *
 * @param fn The function
 * @param ErrorClass The class
 * @param msgIncludes The text
 * @param msg The message of a failure
 * @returns The error
 * @throws {AssertionError} If it does not throw, or something else
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(fn: () => unknown, ...expectation: Expectation): unknown {
  try {
    fn();
  } catch (error) {
    checkError(error, "thrown", expectation);
    return error;
  }
  throw new AssertionError(`Expected function to throw${saidBy(expectation)}`);
}

/**
 * Fails unless the promise that a function returns rejects.
 *
 * @param fn The function
 * @param msg The message of a failure
 * @returns The reason of the rejection
 * @throws {AssertionError} If it does not reject, or the function throws before there is a promise
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Fails unless the promise that a function returns rejects with an error of a class, with a text in its message.
 *
 * @param fn The function
 * @param ErrorClass The class
 * @param msgIncludes The text
 * @param msg The message of a failure
 * @returns The error
 * @throws {AssertionError} If it does not reject, or with something else, or the function throws before there is a
 * promise
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...expectation: Expectation
): Promise<unknown> {
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch {
    // Handled below, together with a function that returns no promise.
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(
      `Function throws when expected to reject${saidBy(expectation)}`,
    );
  }
  try {
    await promise;
  } catch (error) {
    checkError(error, "rejected", expectation);
    return error;
  }
  throw new AssertionError(`Expected function to reject${saidBy(expectation)}`);
}
