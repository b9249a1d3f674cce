// pppoe-proxy server

import type { LeveledLog } from "../observe/log.ts";
import { HOST_UNIQ_MAX, LineTemplate } from "../relay/mod.ts";
import { Server, type ServerOptions } from "../server/server.ts";
import { CONFIG_FLAGS } from "./config_file.ts";
import { MODE_FLAGS, modeOptions } from "./mode_flags.ts";
import {
  allowed,
  bytes,
  describeFlags,
  endpoint,
  type Flags,
  type Given,
  integer,
  required,
  UsageError,
} from "./options.ts";
import { runMode } from "./run.ts";

/** Its flags. */
export const SERVER_FLAGS: Flags = {
  interface: { value: "IF", help: "The Ethernet interface towards the access concentrator." },
  listen: { value: "HOST:PORT", help: "Where clients connect to." },
  allow: {
    value: "CIDR",
    help: "Who may connect: addresses and networks, by comma or repeated\n" +
      "(127.0.0.0/8,::1). Nobody else is even read from.",
    repeats: true,
  },
  "max-clients": {
    value: "N",
    help: "How many clients at once (256); one whose sessions are held can come back in any case.",
  },
  "max-sessions": { value: "N", help: "How many sessions each client may have (16384)." },
  "host-uniq": {
    value: "VALUE",
    help: "The Host-Uniq that the AC gets, where the ISP asks for a certain one: text,\n" +
      "or 0x and hex. Relay-Session-Id is added, to tell its answers apart.",
  },
  "no-relay-tag": {
    help: "With --host-uniq: add no Relay-Session-Id, where the AC does not bear it.\n" +
      "Hosts can only dial one after the other then.",
  },
  "circuit-id": {
    value: "TEMPLATE",
    help: "The agent circuit id (TR-101) that the AC gets. {client} stands for the\n" +
      "client's name, {host} for the host's address, {interface} for this one.",
  },
  "remote-id": { value: "TEMPLATE", help: "The same for the agent remote id." },
  "padi-rate-client": {
    value: "N",
    help: "How often the hosts of a client may dial: PADIs a second, and twice as many\n" +
      "at once; PADRs are counted apart (2500; 0: any number).",
  },
  ...MODE_FLAGS,
  ...CONFIG_FLAGS,
};

/** The help of the subcommand. */
export const SERVER_HELP = `Usage: pppoe-proxy server --interface IF --listen HOST:PORT [flags]

Runs beside the access concentrator, and gives each client its own PPPoE sessions.

${describeFlags(SERVER_FLAGS)}

Examples:
  pppoe-proxy server --interface eth1 --listen 0.0.0.0:8000 --allow 198.51.100.7
  pppoe-proxy server --interface eth1 --listen '[::]:8000' --allow 10.0.0.0/8,2001:db8::/32 \\
      --status 127.0.0.1:9000 --log-format json

Exit status: 0 when told to stop, 1 when it failed, 2 when the command line is wrong.
`;

/** Runs the subcommand. */
export function server(args: string[]): Promise<number> {
  return runMode({
    flags: SERVER_FLAGS,
    live: [
      "allow",
      "max-clients",
      "max-sessions",
      "padi-rate",
      "padi-rate-client",
      "log-level",
    ],
    options: serverOptions,
    start: (options) => Server.start(options),
  }, args);
}

/**
 * The options that the flags make.
 *
 * @throws {UsageError} If they are wrong.
 */
export function serverOptions(given: Given): ServerOptions & { log: LeveledLog } {
  const mode = modeOptions(given);
  const hostUniq = bytes(given, "host-uniq", HOST_UNIQ_MAX);
  const relayTag = !given.has("no-relay-tag");
  if (!relayTag && hostUniq === undefined) throw new UsageError("--no-relay-tag needs --host-uniq");
  return {
    ...mode,
    limits: {
      ...mode.limits,
      padiPerClient: integer(given, "padi-rate-client", 0, 1_000_000),
      maxSessions: integer(given, "max-sessions", 1, 65_534),
    },
    listen: endpoint("listen", required(given, "listen", "0.0.0.0:8000")),
    allow: allowed(given),
    maxClients: integer(given, "max-clients", 1, 1000),
    hostUniq,
    relayTag,
    circuitId: template(given, "circuit-id"),
    remoteId: template(given, "remote-id"),
  };
}

// A template, checked.
function template(given: Given, flag: string): string | undefined {
  const text = given.value(flag);
  try {
    if (text !== undefined) LineTemplate.parse(text);
  } catch (error) {
    throw new UsageError(`Cannot read --${flag}: ${(error as Error).message}`);
  }
  return text;
}
