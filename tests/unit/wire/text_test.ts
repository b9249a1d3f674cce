import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import {
  decodePrintable,
  decodeText,
  escapeUnprintable,
  isPrintable,
  nameInText,
  quote,
  quoteBytes,
} from "../../../src/wire/text.ts";
import { bytes } from "./arbitraries.ts";
import { hex } from "./captures.ts";

Deno.test("decodeText() reads UTF-8, including a byte order mark", () => {
  assertEquals(decodeText(hex("efbbbf e59b9e")), "\ufeff回");
});

Deno.test("decodeText() returns undefined for bytes that are not UTF-8", () => {
  for (const digits of ["ff", "c3", "c0af", "eda080", "f5808080"]) {
    assertEquals(decodeText(hex(digits)), undefined);
  }
});

Deno.test("isPrintable() returns false for characters that move the cursor, end a line or are invisible", () => {
  const characters = ["\x00", "\n", "\r", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\ufeff"];
  for (const character of characters) assertFalse(isPrintable(`a${character}b`));
  assertFalse(isPrintable("\ud800"));
});

Deno.test("isPrintable() returns true for text in any script", () => {
  for (const text of ["", "a b", "é", "回線", "🛰", "שלום"]) assert(isPrintable(text));
});

Deno.test("escapeUnprintable() leaves quotes and backslashes as they are", () => {
  const escaped = escapeUnprintable('"a"\\ \n\u2028\ud800回');
  assertEquals(escaped, String.raw`"a"\ \x0a\u{2028}\u{d800}回`);
  assert(isPrintable(escaped));
});

Deno.test("quote() escapes quotes, backslashes and unprintable characters", () => {
  assertEquals(quote('a"b\\c'), String.raw`"a\"b\\c"`);
  assertEquals(quote("\x1b[2J\n\u202e回"), String.raw`"\x1b[2J\x0a\u{202e}回"`);
});

Deno.test("quoteBytes() escapes each byte beyond ASCII when the bytes are not UTF-8", () => {
  assertEquals(quoteBytes(hex("61 ff 22 5c 1b")), String.raw`"a\xff\"\\\x1b"`);
});

Deno.test("quoteBytes() returns one line of printable text for any bytes", () => {
  fc.assert(fc.property(bytes(), (value) => {
    assert(isPrintable(quoteBytes(value)));
    assert(isPrintable(decodePrintable(value)));
  }));
});

Deno.test("quote() returns a string literal of the same text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const unescaped = quote(text).slice(1, -1).replace(
      /\\(?:x([0-9a-f]{2})|u\{([0-9a-f]+)\}|(["\\]))/g,
      (_, byte, point, itself) => itself ?? String.fromCodePoint(parseInt(byte ?? point, 16)),
    );
    assertEquals(unescaped, text);
  }));
});

Deno.test("nameInText() quotes only names that could be taken for more", () => {
  for (const name of ["osaka", "site-12_b.example", "m\u00fcnchen", "\u6771\u4eac", ""]) {
    assertEquals(nameInText(name), name);
  }
  assertEquals(nameInText("osaka is fine"), '"osaka is fine"');
  assertEquals(nameInText('a "b"'), '"a \\"b\\""');
  assertEquals(nameInText("a:b\x1b[m"), '"a:b\\x1b[m"');
});
