// Tests of @std/bytes, which pass with the stand-in and with the real package.

import { assert, assertEquals, assertFalse } from "@std/assert";
import { concat, equals } from "@std/bytes";
import fc from "fast-check";

Deno.test("concat() joins byte arrays in order", () => {
  const joined = concat([Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)]);
  assertEquals(joined, Uint8Array.of(1, 2, 3));
});

Deno.test("concat() returns new memory", () => {
  const part = Uint8Array.of(1, 2);
  const joined: Uint8Array<ArrayBuffer> = concat([part]);
  part[0] = 9;
  assertEquals(joined, Uint8Array.of(1, 2));
  assertEquals(joined.byteOffset, 0);
  assertEquals(joined.buffer.byteLength, 2);
  assert(Object.getPrototypeOf(joined) === Uint8Array.prototype);
});

Deno.test("concat() returns an empty array without arguments", () => {
  assertEquals(concat([]), new Uint8Array());
});

Deno.test("equals() returns true only for the same bytes", () => {
  assert(equals(new Uint8Array(), new Uint8Array()));
  assert(equals(Uint8Array.of(1, 2), Uint8Array.of(0, 1, 2).subarray(1)));
  assertFalse(equals(Uint8Array.of(1, 2), Uint8Array.of(1, 3)));
  assertFalse(equals(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3)));
});

Deno.test("equals() agrees with a comparison byte by byte", () => {
  const bytes = fc.uint8Array({ maxLength: 300, max: 1 });
  fc.assert(fc.property(bytes, bytes, (a, b) => {
    assert(equals(a, concat([a])));
    assertEquals(equals(a, b), a.length === b.length && a.every((byte, at) => byte === b[at]));
  }));
});
