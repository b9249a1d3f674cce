// Checks docs/SECURITY.md against the tests that it names.

import { assert, assertStringIncludes } from "@std/assert";

const DOCS = new URL("../../docs/", import.meta.url);
/** A row of a table that ends with a link to a file of tests, and the name of a test in it. */
const ROW = /\[\w+\]\((\.\.\/tests\/[\w/]+_test\.ts)\): (.*?) *\|$/gm;
/** The sign in a name for what differs from test to test. */
const DIFFERS = "…";

Deno.test("docs/SECURITY.md names tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("SECURITY.md", DOCS));
  const rows = [...text.matchAll(ROW)];
  assert(rows.length > 30, `${rows.length} rows`);
  for (const [, path, name] of rows) {
    const tests = await Deno.readTextFile(new URL(path, DOCS));
    const known = tests.replace(/\$\{.*?\}/g, DIFFERS);
    assertStringIncludes(known, name, `${path} has no such test`);
  }
});

Deno.test("docs/SECURITY.md names a test in each row of the table of threats", async () => {
  const text = await Deno.readTextFile(new URL("SECURITY.md", DOCS));
  const table = text.split("## Who can do what from where")[1].split("\n## ")[0];
  const rows = table.split("\n").filter((line) => line.startsWith("|")).slice(2);
  assert(rows.length > 30, `${rows.length} rows`);
  for (const row of rows) assert(row.match(ROW) !== null, row);
});
