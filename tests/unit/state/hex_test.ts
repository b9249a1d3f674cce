import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseHex } from "../../../src/state/hex.ts";

Deno.test("parseHex() reads what toHex() wrote", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
    assertEquals(parseHex(bytes.toHex()), bytes);
  }));
});

Deno.test("parseHex() returns undefined for anything else, and never throws", () => {
  for (const text of ["", "0", "001", "0A", "0x00", " 00", "00\n", "0g", "zz"]) {
    assertEquals(parseHex(text), undefined, text);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    const bytes = parseHex(text);
    if (bytes !== undefined) assertEquals(bytes.toHex(), text);
  }));
});
