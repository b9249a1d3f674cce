// Assertions of equality: es-toolkit compares, and node:assert describes the difference. They are stricter
// than the real ones in two cases, so that everything that passes here also passes there: objects as keys of
// a map, and instances of a class without visible properties, are equal only if they are identical.

import { AssertionError as NodeAssertionError } from "node:assert";
import { Buffer } from "node:buffer";
import { isEqualWith } from "es-toolkit";
import { AssertionError } from "./assertion_error.ts";
import { format, suffix } from "./format.ts";

function isPlain(prototype: unknown): boolean {
  return prototype === null || prototype === Object.prototype;
}

// Compares values for which @std/assert and es-toolkit differ; returns undefined for all others.
function compare(a: unknown, b: unknown): boolean | undefined {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return undefined;
  if (a === b) return true;
  const prototype = Object.getPrototypeOf(a);
  const other = Object.getPrototypeOf(b);
  if (prototype !== other && !(isPlain(prototype) && isPlain(other))) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  // A hole is not an undefined element.
  if (Array.isArray(a) && Object.keys(a).length !== Object.keys(b).length) return false;
  if (a instanceof URL || a instanceof URLSearchParams) return String(a) === String(b);
  // The stack is a property like any other, so that an error only equals itself or its clone.
  if (a instanceof Error && b instanceof Error && a.stack !== b.stack) return false;
  // Hidden state cannot be compared.
  if (
    Object.prototype.toString.call(a) === "[object Object]" && !isPlain(prototype) &&
    Reflect.ownKeys(a).length === 0
  ) return false;
  return undefined;
}

function equal(a: unknown, b: unknown): boolean {
  return isEqualWith(a, b, compare);
}

function difference(actual: unknown, expected: unknown, operator: string): string {
  return new NodeAssertionError({ actual, expected, operator }).message;
}

/**
 * Fails unless two values are equal, looking into objects, arrays, maps, sets and buffers.
 *
 * @param actual The actual value
 * @param expected The expected value
 * @param msg The message of a failure
 * @throws {AssertionError} If they differ
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string) {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n\n${difference(actual, expected, "deepStrictEqual")}`,
  );
}

/**
 * Fails if two values are equal, in the sense of {@linkcode assertEquals}.
 *
 * @param actual The actual value
 * @param expected The value that must not be equal
 * @param msg The message of a failure
 * @throws {AssertionError} If they are equal
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string) {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${format(actual)} not to be: ${format(expected)}${suffix(msg)}`,
  );
}

/**
 * Fails unless two values are identical, in the sense of `Object.is`.
 *
 * @param actual The actual value
 * @param expected The expected value
 * @param msg The message of a failure
 * @throws {AssertionError} If they are not
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const text = format(actual);
  if (text === format(expected)) {
    throw new AssertionError(
      `Values have the same structure but are not reference-equal${suffix(msg)}\n\n${text}\n`,
    );
  }
  throw new AssertionError(
    `Values are not strictly equal${suffix(msg)}\n\n${difference(actual, expected, "strictEqual")}`,
  );
}
