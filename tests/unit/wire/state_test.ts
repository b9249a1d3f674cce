// Tests of the STATE payload.

import { assertEquals } from "@std/assert";
import { emitState, parseState, STATE_PROBLEMS_MAX } from "../../../src/wire/mod.ts";

Deno.test("parseState() reads what emitState() writes", () => {
  for (const linkUp of [true, false]) {
    for (const problems of [[], [1], [255, 0, 7]]) {
      assertEquals(parseState(emitState({ linkUp, problems })), { linkUp, problems });
    }
  }
});

Deno.test("parseState() returns undefined for an empty payload", () => {
  assertEquals(parseState(new Uint8Array(0)), undefined);
});

Deno.test("parseState() and emitState() leave out codes beyond the maximum", () => {
  const codes = Array.from({ length: 100 }, (_, code) => code);
  const few = codes.slice(0, STATE_PROBLEMS_MAX);
  assertEquals(parseState(Uint8Array.of(1, ...codes))!.problems, few);
  assertEquals(emitState({ linkUp: true, problems: codes }), Uint8Array.of(1, ...few));
});
