// Templates of circuit id and remote id.

import { assertEquals, assertThrows } from "@std/assert";
import { LineTemplate } from "../../../src/relay/mod.ts";

const VALUES = { client: "osaka", host: "02:00:00:00:00:11", interface: "eth1" };
const expand = (text: string, over: Partial<typeof VALUES> = {}) =>
  LineTemplate.parse(text).expand({ ...VALUES, ...over });

for (
  const [text, line] of [
    ["plain", "plain"],
    ["{client}", "osaka"],
    ["{client}/{host} {interface}", "osaka/02:00:00:00:00:11 eth1"],
    ["{client}{client}", "osakaosaka"],
    ["a/{interface}/b", "a/eth1/b"],
    ["大/{client}", "?/osaka"],
    ["$& \\1 ~", "$& \\1 ~"],
  ]
) {
  Deno.test(`LineTemplate.expand() makes "${line}" of "${text}"`, () =>
    assertEquals(expand(text), line));
}

Deno.test("LineTemplate.expand() writes one ? for each character that is not printable ASCII", () => {
  assertEquals(expand("<{client}>", { client: "a\tb\x7fc\u00e9d\u{1f600}e" }), "<a?b?c?d?e>");
  // Values are not read as templates.
  assertEquals(expand("{client}", { client: "{host}" }), "{host}");
});

Deno.test("LineTemplate.expand() cuts at 63 characters", () => {
  assertEquals(expand("{client}", { client: "a".repeat(64) }), "a".repeat(63));
  assertEquals(expand(`${"x".repeat(60)}{client}`), `${"x".repeat(60)}osa`);
  assertEquals(expand("{client}", { client: "\u{1f600}".repeat(64) }), "?".repeat(63));
});

for (
  const [text, message] of [
    [
      "{hosts}",
      'Cannot use "{hosts}": {hosts} is unknown; use {client}, {host}, {interface}',
    ],
    ["{}", 'Cannot use "{}": {} is unknown; use {client}, {host}, {interface}'],
    ["{Host}", 'Cannot use "{Host}": {Host} is unknown; use {client}, {host}, {interface}'],
    ["{host", 'Cannot use "{host": a brace is unmatched'],
    ["host}", 'Cannot use "host}": a brace is unmatched'],
    ["{{host}}", 'Cannot use "{{host}}": a brace is unmatched'],
    [
      `${"x".repeat(40)}{host}${"y".repeat(24)}`,
      `Cannot use "${"x".repeat(40)}{host}${
        "y".repeat(24)
      }": it is 64 characters long; the maximum is 63`,
    ],
  ]
) {
  Deno.test(`LineTemplate.parse() refuses "${text}"`, () => {
    assertEquals(assertThrows(() => LineTemplate.parse(text), Error).message, message);
  });
}

Deno.test("LineTemplate.parse() accepts 63 characters besides the placeholders", () => {
  assertEquals(expand(`${"x".repeat(63)}{host}`), "x".repeat(63));
  assertEquals(expand("大".repeat(63)), "?".repeat(63));
});
