// pppoe-proxy client

import { Client } from "../client/client.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { CONFIG_FLAGS } from "./config_file.ts";
import { MODE_FLAGS, modeOptions } from "./mode_flags.ts";
import { describeFlags, endpoint, type Flags, required, UsageError } from "./options.ts";
import { runMode } from "./run.ts";

const FLAGS: Flags = {
  interface: { value: "IF", help: "The Ethernet interface towards the PPPoE hosts." },
  connect: {
    value: "HOST:PORT",
    help: "The server; a name, an IPv4 or a bracketed IPv6 address. Several, by comma or\n" +
      "repeated, are tried in turn when one is not there.",
    repeats: true,
  },
  "prefer-first": {
    help: "Return to the first server when it is well again; sessions through another\n" +
      "one are then closed, and dialled anew through the first.",
  },
  ...MODE_FLAGS,
  ...CONFIG_FLAGS,
};

/** The help of the subcommand. */
export const CLIENT_HELP = `Usage: pppoe-proxy client --interface IF --connect HOST:PORT [flags]

Runs beside the PPPoE hosts, and keeps a tunnel to the server.

${describeFlags(FLAGS)}

Examples:
  pppoe-proxy client --interface eth1 --connect vpn.example:8000
  pppoe-proxy client --interface eth1 --connect '[2001:db8::1]:8000' --status 127.0.0.1:9000
  pppoe-proxy client --interface eth1 --connect a.example:8000,b.example:8000 --prefer-first

Exit status: 0 when told to stop, 1 when it failed, 2 when the command line is wrong.
`;

/** Runs the subcommand. */
export function client(args: string[]): Promise<number> {
  return runMode({
    flags: FLAGS,
    live: ["padi-rate", "log-level"],
    options: (given) => {
      required(given, "connect", "vpn.example:8000");
      return {
        ...modeOptions(given),
        connect: given.values("connect").flatMap((list) => list.split(",")).map(server),
        preferFirst: given.has("prefer-first"),
      };
    },
    start: (options) => Client.start(options),
  }, args);
}

function server(text: string): Endpoint {
  const to = endpoint("connect", text.trim());
  if (to.port === 0) throw new UsageError("Cannot read --connect: port 0 is no port of a server");
  return to;
}
