// pppoe-proxy server

import { Server } from "../server.ts";
import { CONFIG_FLAGS } from "./config_file.ts";
import { MODE_FLAGS, modeOptions } from "./mode_flags.ts";
import { allowed, describeFlags, endpoint, type Flags, integer, required } from "./options.ts";
import { runMode } from "./run.ts";

const FLAGS: Flags = {
  interface: { value: "IF", help: "The Ethernet interface towards the access concentrator." },
  listen: { value: "HOST:PORT", help: "Where clients connect to." },
  allow: {
    value: "CIDR",
    help: "Who may connect: addresses and networks, by comma or repeated\n" +
      "(127.0.0.0/8,::1). Nobody else is even read from.",
    repeats: true,
  },
  "max-clients": { value: "N", help: "How many clients at once (256)." },
  ...MODE_FLAGS,
  ...CONFIG_FLAGS,
};

/** The help of the subcommand. */
export const SERVER_HELP = `Usage: pppoe-proxy server --interface IF --listen HOST:PORT [flags]

Runs beside the access concentrator, and gives each client its own PPPoE sessions.

${describeFlags(FLAGS)}

Examples:
  pppoe-proxy server --interface eth1 --listen 0.0.0.0:8000 --allow 198.51.100.7
  pppoe-proxy server --interface eth1 --listen '[::]:8000' --allow 10.0.0.0/8,2001:db8::/32 \\
      --status 127.0.0.1:9000 --log-format json

Exit status: 0 when told to stop, 1 when it failed, 2 when the command line is wrong.
`;

/** Runs the subcommand. */
export function server(args: string[]): Promise<number> {
  return runMode({
    flags: FLAGS,
    live: ["allow", "max-clients", "log-level"],
    options: (given) => ({
      ...modeOptions(given),
      listen: endpoint("listen", required(given, "listen", "0.0.0.0:8000")),
      allow: allowed(given),
      maxClients: integer(given, "max-clients", 1, 1000),
    }),
    start: (options) => Server.start(options),
  }, args);
}
