// The table of drop reasons in docs/OPERATIONS.md says what the program says.

import { assertEquals } from "@std/assert";
import { DROP_MEANINGS, DROP_REASONS } from "../../src/relay/mod.ts";

Deno.test("docs/OPERATIONS.md lists each drop reason with its meaning", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/OPERATIONS.md", import.meta.url));
  const section = /^## Drop reasons\n(.*?)^## /ms.exec(text)![1];
  const rows = section.split("\n").filter((line) => line.startsWith("|")).slice(2)
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const expected = DROP_REASONS.map((reason) => {
    const { meaning, worry, advice } = DROP_MEANINGS[reason];
    return [`\`${reason}\``, meaning, worry, advice];
  });
  assertEquals(rows, expected);
});
