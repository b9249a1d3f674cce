// Checks docs/OPERATIONS.md and docs/PROTOCOL.md against the kinds of problems.

import { assert, assertEquals } from "@std/assert";
import { PROBLEMS } from "../../src/problem.ts";

/** Returns the rows of the first table of a section, as their cells. */
async function tableIn(file: string, section: string): Promise<string[][]> {
  const text = await Deno.readTextFile(new URL(`../../docs/${file}`, import.meta.url));
  const [table] = /(?:^\|.*\n)+/m.exec(text.split(`\n## ${section}\n`)[1]) ?? [""];
  return table.trimEnd().split("\n").slice(2)
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("docs/OPERATIONS.md says of each problem what it means and what to do", async () => {
  const rows = await tableIn("OPERATIONS.md", "Problems");
  assertEquals(rows.map(([id]) => id), Object.keys(PROBLEMS).map((id) => `\`${id}\``));
  for (const row of rows) {
    assertEquals(row.length, 4);
    for (const cell of row) assert(cell !== "", row[0]);
  }
});

Deno.test("docs/PROTOCOL.md has the codes of the problems that concern the peer", async () => {
  const codes = Object.values(PROBLEMS).flatMap((kind) => "code" in kind ? [`${kind.code}`] : []);
  const rows = await tableIn("PROTOCOL.md", "The state of a side");
  assertEquals(rows.map(([code]) => code), codes.sort((a, b) => Number(a) - Number(b)));
});
