// The command line of the fuzz, as a process.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const FUZZ = new URL("../../fuzz/fuzz.ts", import.meta.url).pathname;
const FAULT = "a parser that trusts the length of a tag";

/** Runs a fuzz to its end. */
async function fuzz(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", FUZZ, ...args],
    stderr: "inherit",
  }).output();
  return { code, lines: new TextDecoder().decode(stdout).trimEnd().split("\n") };
}

Deno.test("A fuzz without a finding prints its seed and its figures, and exits with status 0", async () => {
  const { code, lines } = await fuzz("--target", "strangers", "--runs", "200", "--seed", "7");
  assertEquals(code, 0);
  assertEquals(lines[0], "Seed 7");
  assertMatch(lines.at(-1)!, /^200 runs in .* outcomes, .* inputs kept, no finding$/);
});

Deno.test("A fuzz with a finding prints the command that repeats it, and exits with status 1", async () => {
  const { code, lines } = await fuzz("--planted", FAULT, "--seed", "1");
  assertEquals(code, 1);
  assertStringIncludes(lines[1], "FAILED: discovery-frames, run ");
  const command = lines.find((line) => line.startsWith("Repeat it with: "));
  const [, input] = /^Repeat it with: deno task fuzz --target discovery-frames --input "(\w+)" /
    .exec(command ?? "") ?? [];
  assert(input !== undefined, command);
  const again = await fuzz("--target", "discovery-frames", "--input", input, "--planted", FAULT);
  assertEquals(again.code, 1);
  assertEquals(again.lines[0].split(": ").slice(2), lines[1].split(": ").slice(2));
  const own = await fuzz("--target", "discovery-frames", "--input", input);
  assertEquals(own.code, 0);
});

Deno.test("A fuzz with a wrong command line says so, and exits with status 2", async () => {
  const { code, lines } = await fuzz("--target", "strangrs");
  assertEquals(code, 2);
  assertStringIncludes(lines[0], "(did you mean strangers?)");
  assertEquals((await fuzz("--input", "00")).lines, ["--input and --file need --target"]);
});
