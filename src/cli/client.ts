// The subcommand `client`.

import { Client } from "../client/client.ts";
import { type Endpoint, isUnspecified } from "../net/endpoint.ts";
import { CLIENT_FLAGS } from "./flags.ts";
import { endpoint, required, UsageError } from "./options.ts";
import { runSide } from "./run.ts";
import { runtimeOptions } from "./runtime_options.ts";

/** Runs the subcommand. */
export function client(args: string[]): Promise<number> {
  return runSide({
    flags: CLIENT_FLAGS,
    live: ["padi-rate", "log-level"],
    options: (given) => {
      required(given, "connect", "vpn.example:8000");
      return {
        ...runtimeOptions(given),
        connect: given.values("connect").flatMap((list) => list.split(",")).map(server),
        preferFirst: given.has("prefer-first"),
      };
    },
    start: (options) => Client.start(options),
  }, args);
}

function server(text: string): Endpoint {
  const address = endpoint("connect", text.trim());
  if (address.port === 0) throw new UsageError("Cannot read --connect: the port must not be 0");
  if (isUnspecified(address.hostname)) {
    throw new UsageError(
      `Cannot read --connect: ${address.hostname} is not the address of one machine; give the server's`,
    );
  }
  return address;
}
