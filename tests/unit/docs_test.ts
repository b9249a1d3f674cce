// The parts of the docs that follow from the source.

import { assertEquals } from "@std/assert";
import { FILES, regenerate } from "../../docs/generate.ts";

for (const file of FILES) {
  Deno.test(`docs/${file} has what follows from the source (deno task docs)`, () => {
    const text = Deno.readTextFileSync(new URL(`../../docs/${file}`, import.meta.url));
    assertEquals(regenerate(file, text), text, "run deno task docs");
  });
}
