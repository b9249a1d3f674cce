// Lines and columns of a limited width.

import { assertEquals } from "@std/assert";
import { clip, pad, table, widthOf, wrap } from "../../../../src/cli/show/layout.ts";

Deno.test("widthOf() counts the columns of a terminal", () => {
  assertEquals(["abc", "大阪", "e\u0301", ""].map(widthOf), [3, 4, 1, 0]);
});

Deno.test("pad() fills up on either side, and cuts nothing", () => {
  assertEquals([pad("大", 4), pad("大", 4, true), pad("abc", 2)], ["大  ", "  大", "abc"]);
});

Deno.test("clip() shortens with three dots, also where characters are wide", () => {
  assertEquals(clip("abcdef", 6), "abcdef");
  assertEquals(clip("abcdefg", 6), "abc...");
  assertEquals(clip("大阪大阪", 6), "大...");
});

Deno.test("wrap() breaks between words, and never within one", () => {
  assertEquals(wrap("a bc def ghij".split(" "), 6), ["a bc", "def", "ghij"]);
  assertEquals(wrap(["longer than six"], 6), ["longer than six"]);
  assertEquals(wrap([""], 6), [""]);
  assertEquals(wrap(["1 a,", "2 b"], 5), ["1 a,", "2 b"]);
  assertEquals(wrap("a b".split(" "), Infinity), ["a b"]);
});

Deno.test("table() aligns texts at their start and numbers at their end", () => {
  const columns = [
    { title: "name", cells: ["大阪", "tokyo"] },
    { title: "n", cells: ["5", "10"], isNumber: true },
  ];
  assertEquals(table(columns, Infinity), ["name    n", "大阪    5", "tokyo  10"]);
});

Deno.test("table() leaves out columns in the given order until the rest fits", () => {
  const columns = ["a", "b", "c", "d"].map((title) => ({ title, cells: ["xxx"] }));
  const order = [["c"], ["a", "d"]];
  assertEquals(table(columns, 18, order), ["a    b    c    d", "xxx  xxx  xxx  xxx"]);
  assertEquals(table(columns, 17, order), ["a    b    d", "xxx  xxx  xxx"]);
  assertEquals(table(columns, 12, order), ["b", "xxx"]);
  assertEquals(table(columns, 1, order), ["b", "xxx"]);
});

Deno.test("table() has only titles without rows", () => {
  assertEquals(table([{ title: "a", cells: [] }], 10), ["a"]);
  assertEquals(table([], 10), [""]);
});
