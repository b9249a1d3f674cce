// The causes for which a tunnel ends.

import { assertEquals } from "@std/assert";
import { goodbyeCause, TUNNEL_CAUSES } from "../../src/tunnel_cause.ts";
import { REASON, reasonName } from "../../src/wire/mod.ts";

Deno.test("goodbyeCause() has a cause for each reason of a goodbye", () => {
  const causes = Object.values(REASON).map((reason) => goodbyeCause(reasonName(reason)));
  assertEquals(causes, [
    "peer-shutdown",
    "peer-version",
    "peer-protocol",
    "peer-timeout",
    "peer-not-allowed",
    "peer-full",
    "peer-replaced",
    "peer-internal",
    "peer-restart",
  ]);
  for (const cause of causes) assertEquals(typeof TUNNEL_CAUSES[cause], "string");
});

Deno.test("goodbyeCause() has one cause for reasons that this version does not know", () => {
  assertEquals(goodbyeCause(reasonName(0x4242)), "peer-goodbye");
  assertEquals(goodbyeCause(undefined), "peer-goodbye");
});
