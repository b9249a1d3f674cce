import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/options.ts";
import { readOptions } from "../../bench/options.ts";

Deno.test("readOptions() measures everything in three rounds by default", () => {
  const options = readOptions([])!;
  assertEquals(options.rounds, 3);
  assertEquals(options.measures, ["rate", "latency", "saturation", "setup", "lossy"]);
  assertEquals(options.paths[0].name, "ours");
});

Deno.test("readOptions() omits the setup in a quick run, unless requested", () => {
  assertEquals(readOptions(["--quick"])!.measures, ["rate", "latency", "saturation", "lossy"]);
  assertEquals(readOptions(["--quick"])!.rounds, 1);
  assertEquals(readOptions(["--quick", "--setup"])!.measures.includes("setup"), true);
});

Deno.test("readOptions() accepts lists of paths and measures", () => {
  const options = readOptions(["--paths", "bridge,ours", "--measures=setup,rate"])!;
  assertEquals(options.paths.map(({ name }) => name), ["ours", "bridge"]);
  assertEquals(options.measures, ["rate", "setup"]);
  const keyed = readOptions(["--paths", "ours,ours, keys"])!;
  assertEquals(keyed.paths.map(({ name }) => name), ["ours", "ours, keys"]);
});

for (const args of [["--paths", "gre"], ["--measures", "speed"], ["--rounds", "0"], ["--fast"]]) {
  Deno.test(`readOptions() rejects ${args.join(" ")}`, () => {
    assertThrows(() => readOptions(args), UsageError);
  });
}
