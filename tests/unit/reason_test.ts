import { assertEquals } from "@std/assert";
import { reasonOf } from "../../src/reason.ts";

Deno.test("reasonOf() removes only the system's error number", () => {
  for (
    const [error, reason] of [
      [new Error("Connection refused (os error 111)"), "Connection refused"],
      [new Error("Is a directory (os error 21): open '/a'"), "Is a directory: open '/a'"],
      [new TypeError("it is (not) a port"), "it is (not) a port"],
      ["a word", "a word"],
      [undefined, "undefined"],
    ]
  ) assertEquals(reasonOf(error), reason);
});

Deno.test("reasonOf() returns Deno's message for a missing file", () => {
  try {
    Deno.readTextFileSync("/no/such");
  } catch (error) {
    assertEquals(reasonOf(error), "No such file or directory: readfile '/no/such'");
  }
});
