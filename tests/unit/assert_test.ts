// Assertions that stay in production.

import { assertEquals, assertThrows } from "@std/assert";
import { assertInvariant, InvariantError } from "../../src/assert.ts";

Deno.test("assertInvariant() does nothing when the condition is true", () => {
  assertInvariant(true, "never");
});

Deno.test("assertInvariant() throws an error that names the fault when the condition is false", () => {
  const error = assertThrows(
    () => assertInvariant(false, "two sessions share an id"),
    InvariantError,
  );
  assertEquals(error.name, "InvariantError");
  assertEquals(
    error.message,
    "This program has a fault, please report it: two sessions share an id",
  );
});
