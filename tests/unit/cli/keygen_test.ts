// The paths that keygen prints.

import { assertEquals } from "@std/assert";
import { plainPath } from "../../../src/cli/keygen.ts";

Deno.test("plainPath() leaves out ./, unless scp would take what follows for a host", () => {
  for (
    const [path, plain] of [
      ["./osaka.key", "osaka.key"],
      ["./keys/osaka:2.key", "keys/osaka:2.key"],
      ["./osaka:2.key", "./osaka:2.key"],
      ["/etc/osaka:2.key", "/etc/osaka:2.key"],
    ]
  ) assertEquals(plainPath(path), plain);
});
