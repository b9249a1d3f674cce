import { assertEquals } from "@std/assert";
import { closest } from "../../src/closest.ts";

Deno.test("closest() finds the word with the fewest mistakes", () => {
  const words = ["server", "client", "demo"];
  for (
    const [typed, word] of [
      ["clinet", "client"],
      ["sevrer", "server"],
      ["severr", "server"],
      ["clients", "client"],
      ["dem", "demo"],
      ["server", "server"],
      ["relay", undefined],
      ["do", undefined],
      ["", undefined],
      ["s".repeat(100_000), undefined],
    ]
  ) assertEquals(closest(typed!, words), word, typed);
  assertEquals(closest("queue-kip", ["batch-kib", "queue-kib", "queue-pib"]), "queue-kib");
});
