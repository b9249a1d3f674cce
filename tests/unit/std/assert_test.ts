// Tests of @std/assert, which pass with the stand-in and with the real package. They test the assertions
// themselves, so they catch failures without them.

import {
  assert,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";

function failure(check: () => void): string {
  try {
    check();
  } catch (error) {
    if (error instanceof AssertionError && error.name === "AssertionError") return error.message;
    throw error;
  }
  throw new Error("The assertion passed");
}

async function failureOf(check: () => Promise<unknown>): Promise<string> {
  try {
    await check();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new Error("The assertion passed");
}

function is(actual: string, expected: string) {
  if (actual !== expected) throw new Error(`${actual} is not ${expected}`);
}

function startsWith(actual: string, expected: string) {
  if (!actual.startsWith(expected)) throw new Error(`${actual} does not start with ${expected}`);
}

class Point {
  constructor(readonly x: number) {}
}
class OtherPoint {
  constructor(readonly x: number) {}
}

const bytes = Uint8Array.of(1, 2);
const cycle: Record<string, unknown> = { a: 1 };
cycle.self = cycle;
const otherCycle: Record<string, unknown> = { a: 1 };
otherCycle.self = otherCycle;

const EQUAL: [string, unknown, unknown][] = [
  ["numbers", 1, 1],
  ["NaN", NaN, NaN],
  ["zeros of either sign", 0, -0],
  ["zeros of either sign inside", { a: [0] }, { a: [-0] }],
  ["strings", "a", "a"],
  ["bigints", 1n, 1n],
  ["objects", { a: 1, b: { c: [1, "2"] } }, { b: { c: [1, "2"] }, a: 1 }],
  ["an object without prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["byte arrays", bytes, Uint8Array.of(0, 1, 2).subarray(1)],
  ["buffers", bytes.buffer, Uint8Array.of(1, 2).buffer],
  ["dates", new Date(5), new Date(5)],
  ["invalid dates", new Date(NaN), new Date(NaN)],
  ["regular expressions", /a/g, /a/g],
  ["URLs", new URL("http://a/b"), new URL("http://a/b")],
  ["maps in another order", new Map([["a", 1], ["b", 2]]), new Map([["b", 2], ["a", 1]])],
  ["sets of objects", new Set([{ a: 1 }, { b: 1 }]), new Set([{ b: 1 }, { a: 1 }])],
  ["instances of a class", new Point(1), new Point(1)],
  ["cycles", cycle, otherCycle],
  ["symbols as keys", { [Symbol.iterator]: 1 }, { [Symbol.iterator]: 1 }],
];

const DIFFERENT: [string, unknown, unknown][] = [
  ["numbers", 1, 2],
  ["a number and its text", 1, "1"],
  ["null and undefined", null, undefined],
  ["an undefined property and none", { a: undefined }, {}],
  ["undefined properties of other names", { a: undefined }, { b: undefined }],
  ["arrays of other lengths", [1], [1, 2]],
  ["an array and an object", [], {}],
  ["a hole and undefined", new Array(1), [undefined]],
  ["byte arrays", bytes, Uint8Array.of(1, 3)],
  ["byte arrays of other types", bytes, Int8Array.of(1, 2)],
  ["buffers", bytes.buffer, Uint8Array.of(1, 3).buffer],
  ["dates", new Date(5), new Date(6)],
  ["flags of regular expressions", /a/g, /a/i],
  ["URLs", new URL("http://a/b"), new URL("http://a/c")],
  ["maps", new Map([["a", 1]]), new Map([["a", 2]])],
  ["sets", new Set([1]), new Set([2])],
  ["instances of other classes", new Point(1), new OtherPoint(1)],
  ["an instance and a plain object", new Point(1), { x: 1 }],
  ["errors with other messages", new Error("a"), new Error("b")],
  ["errors made at other places", new Error("a"), new Error("a")],
  ["functions", () => 1, () => 1],
  ["symbols as keys", { [Symbol.iterator]: 1 }, { [Symbol.iterator]: 2 }],
];

for (const [what, a, b] of EQUAL) {
  Deno.test(`assertEquals() passes for equal values: ${what}`, () => {
    assertEquals(a, b);
    assertEquals(b, a);
    startsWith(failure(() => assertNotEquals(a, b)), "Expected actual: ");
  });
}

for (const [what, a, b] of DIFFERENT) {
  Deno.test(`assertEquals() fails for different values: ${what}`, () => {
    startsWith(failure(() => assertEquals(a, b)), "Values are not equal.\n");
    startsWith(failure(() => assertEquals(b, a, "why")), "Values are not equal: why\n");
    assertNotEquals(a, b);
  });
}

Deno.test("assert() passes only for truthy values", () => {
  assert(1);
  is(failure(() => assert(0)), "");
  is(failure(() => assert("", "why")), "why");
});

Deno.test("assertFalse() passes only for falsy values", () => {
  assertFalse("");
  is(failure(() => assertFalse(1, "why")), "why");
});

Deno.test("fail() fails", () => {
  is(failure(() => fail()), "Failed assertion.");
  is(failure(() => fail("why")), "Failed assertion: why");
});

Deno.test("assertStrictEquals() passes only for identical values", () => {
  assertStrictEquals(bytes, bytes);
  assertStrictEquals(NaN, NaN);
  startsWith(
    failure(() => assertStrictEquals({ a: 1 }, { a: 1 })),
    "Values have the same structure but are not reference-equal.\n",
  );
  startsWith(failure(() => assertStrictEquals(0, -0)), "Values are not strictly equal.\n");
  startsWith(
    failure(() => assertStrictEquals(1, 2, "why")),
    "Values are not strictly equal: why\n",
  );
});

Deno.test("assertExists() fails only for null and undefined", () => {
  assertExists(0);
  assertExists("");
  is(
    failure(() => assertExists(null)),
    'Expected actual: "null" to not be null or undefined.',
  );
  is(
    failure(() => assertExists(undefined, "why")),
    'Expected actual: "undefined" to not be null or undefined: why',
  );
});

Deno.test("assertInstanceOf() passes only for instances", () => {
  assertInstanceOf(new TypeError("a"), Error);
  const start = 'Expected object to be an instance of "Point"';
  is(failure(() => assertInstanceOf(new OtherPoint(1), Point)), `${start} but was "OtherPoint".`);
  is(failure(() => assertInstanceOf(null, Point)), `${start} but was "null".`);
  is(failure(() => assertInstanceOf(undefined, Point)), `${start} but was "undefined".`);
  is(failure(() => assertInstanceOf("a", Point, "why")), `${start} but was "string": why`);
  is(failure(() => assertInstanceOf(Point, Point)), `${start} but was not an instanced object.`);
  is(
    failure(() => assertInstanceOf(Object.create({ constructor: Point }), Point)),
    `${start}.`,
  );
});

Deno.test("assertMatch() passes only for a text that matches", () => {
  assertMatch("abc", /b/);
  is(failure(() => assertMatch("abc", /d/)), 'Expected actual: "abc" to match: "/d/".');
});

Deno.test("assertStringIncludes() passes only for a text that contains the other", () => {
  assertStringIncludes("abc", "b");
  is(
    failure(() => assertStringIncludes("abc", "d", "why")),
    'Expected actual: "abc" to contain: "d": why',
  );
});

Deno.test("assertGreater() and similar assertions compare values", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(1, 1);
  assertLess(1, 2);
  assertLessOrEqual(1n, 1n);
  is(failure(() => assertGreater(1, 1)), "Expect 1 > 1");
  is(failure(() => assertGreaterOrEqual(1, 2)), "Expect 1 >= 2");
  is(failure(() => assertLess(1, 1)), "Expect 1 < 1");
  is(failure(() => assertLessOrEqual(2, 1)), "Expect 2 <= 1");
  is(failure(() => assertLess(NaN, 1, "why")), "why");
});

Deno.test("assertThrows() returns what the function throws", () => {
  const error = new TypeError("Cannot do it");
  const thrown: TypeError = assertThrows(
    () => {
      throw error;
    },
    TypeError,
    "do it",
  );
  assertStrictEquals(thrown, error);
  const other: unknown = assertThrows(() => {
    throw "text";
  });
  assertEquals(other, "text");
});

Deno.test("assertThrows() fails when nothing, another class or another message is thrown", () => {
  const throws = (what: unknown) => () => {
    throw what;
  };
  is(failure(() => assertThrows(() => {})), "Expected function to throw.");
  is(failure(() => assertThrows(() => {}, "why")), "Expected function to throw: why");
  is(failure(() => assertThrows(() => {}, Error, "a", "why")), "Expected function to throw: why");
  is(failure(() => assertThrows(throws(1), Error)), "A non-Error object was thrown.");
  is(
    failure(() => assertThrows(throws(new Error("a")), TypeError)),
    'Expected error to be instance of "TypeError", but was "Error".',
  );
  is(
    failure(() => assertThrows(throws(new Error("a")), Error, "b", "why")),
    'Expected error message to include "b", but got "a": why',
  );
});

Deno.test("assertThrows() ignores colours in a message", () => {
  assertThrows(
    () => {
      throw new Error("\x1b[31mred\x1b[39m text");
    },
    Error,
    "red text",
  );
});

Deno.test("assertRejects() returns what the promise rejects with", async () => {
  const error = new TypeError("Cannot do it");
  const rejected: TypeError = await assertRejects(() => Promise.reject(error), TypeError, "do it");
  assertStrictEquals(rejected, error);
  assertEquals(await assertRejects(() => Promise.reject("text")), "text");
});

Deno.test("assertRejects() fails when there is no rejection, or a different one", async () => {
  is(
    await failureOf(() => assertRejects(() => Promise.resolve())),
    "Expected function to reject.",
  );
  is(
    await failureOf(() =>
      assertRejects(() => {
        throw new Error("a");
      }, "why")
    ),
    "Function throws when expected to reject: why",
  );
  is(
    await failureOf(() => assertRejects(() => undefined as unknown as Promise<void>)),
    "Function throws when expected to reject.",
  );
  is(
    await failureOf(() => assertRejects(() => Promise.reject(1), Error)),
    "A non-Error object was rejected.",
  );
  is(
    await failureOf(() => assertRejects(() => Promise.reject(new Error("a")), Error, "b")),
    'Expected error message to include "b", but got "a".',
  );
});

Deno.test("assertExists() and similar assertions narrow types", () => {
  const maybe = [1].at(0);
  assertExists(maybe);
  const number: number = maybe;
  const unknown: unknown = new Point(number);
  assertInstanceOf(unknown, Point);
  const point: Point = unknown;
  assertEquals(point.x, 1);
});
