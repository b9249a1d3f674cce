// The settings of TLS for each side.

import { assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { tlsContext } from "../../../src/tunnel/tls_context.ts";

for (
  const [side, more] of [["server", ", with a port and an --allow of its own"], [
    "client",
    "",
  ]] as const
) {
  Deno.test(`tlsContext() refuses keys beside --legacy for a ${side}`, () => {
    assertThrows(
      () => tlsContext(side, { legacy: true }),
      ConfigurationError,
      `encrypts nothing: run another ${side} for it${more}`,
    );
  });
}
