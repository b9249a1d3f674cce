// The settings of TLS for one side, which a side with keys makes when it starts.

import { TlsContext } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { reasonOf } from "../reason.ts";
import type { Side } from "../side.ts";

/**
 * Makes the settings of TLS.
 *
 * @param side The side
 * @param options The side's options
 * @returns The settings, which the caller disposes of
 * @throws {ConfigurationError} If OpenSSL is missing, or the options allow peers that know no encryption
 */
export function tlsContext(side: Side, { legacy }: { legacy?: boolean }): TlsContext {
  if (legacy) {
    throw new ConfigurationError(
      "Cannot use keys with --legacy, because the original Go pppoeproxy encrypts nothing: run another " +
        side + " for it" + (side === "server" ? ", with a port and an --allow of its own" : ""),
    );
  }
  try {
    return new TlsContext(side);
  } catch (error) {
    throw new ConfigurationError(reasonOf(error), { cause: error });
  }
}
