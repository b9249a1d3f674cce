// The memory of a client that tries to connect for months. What it keeps is counted, not timed.

import { assert, assertEquals } from "@std/assert";

const PROGRAM = new URL("../../support/attempts_program.ts", import.meta.url).pathname;
/** Far below what one forgotten listener, promise or signal takes, in bytes. */
const GROWTH = 64;

for (
  const [kind, server] of [
    ["refused", "refuses the connection"],
    ["closed", "closes the connection at once"],
    ["silent", "accepts and stays silent"],
  ]
) {
  Deno.test(`Thousands of attempts leave nothing in memory if the server ${server}`, async () => {
    const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", PROGRAM, kind],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const growth: number[] = JSON.parse(new TextDecoder().decode(stdout));
    // A leak shows in each round, and the work of the runtime itself in some of them only.
    const least = Math.min(...growth);
    assert(least < GROWTH, `each attempt left ${growth.map(Math.round)} bytes`);
  });
}
