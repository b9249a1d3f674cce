// The subcommand `client`.

import { Client } from "../client/client.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { CLIENT_FLAGS } from "./flags.ts";
import { describeFlags, endpoint, required, UsageError } from "./options.ts";
import { runSide } from "./run.ts";
import { runtimeOptions } from "./runtime_options.ts";

/** The help of the subcommand. */
export const CLIENT_HELP = `Usage: pppoe-proxy client --interface IF --connect HOST:PORT [flags]

Runs beside the PPPoE hosts and keeps a tunnel to the server.

${describeFlags(CLIENT_FLAGS)}

Examples:
  pppoe-proxy client --interface eth1 --connect vpn.example:8000
  pppoe-proxy client --interface eth1 --connect '[2001:db8::1]:8000' --status 127.0.0.1:9000
  pppoe-proxy client --interface eth1 --connect a.example:8000,b.example:8000 --prefer-first

Exit status: 0 when stopped by a signal, 1 after a failure, 2 if the command line or the configuration
is wrong.
`;

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
  return address;
}
