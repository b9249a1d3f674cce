// The subcommand `server`.

import { KeyRing } from "../keys/key_ring.ts";
import type { LeveledLog } from "../observe/log.ts";
import { HOST_UNIQ_MAX, lacksHostUniq, LineTemplate } from "../relay/mod.ts";
import { Server, type ServerOptions } from "../server/server.ts";
import { SERVER_FLAGS } from "./flags.ts";
import {
  addresses,
  bytes,
  endpoint,
  type Given,
  integer,
  path,
  required,
  UsageError,
} from "./options.ts";
import { runSide } from "./run.ts";
import { capturePaths, runtimeOptions } from "./runtime_options.ts";

/** Runs the subcommand. */
export function server(args: string[]): Promise<number> {
  return runSide({
    name: "server",
    flags: SERVER_FLAGS,
    live: [
      "allow",
      "key-file",
      "proxy-protocol",
      "max-clients",
      "max-clients-per-address",
      "max-sessions",
      "padi-rate",
      "padi-rate-client",
      "log-level",
    ],
    options: serverOptions,
    start: (options) => Server.start(options),
    uses: ({ listen, status, stateDir, ...captures }) => ({
      listens: [listen, status],
      writes: [stateDir, ...capturePaths(captures)],
    }),
  }, args);
}

/**
 * Makes the options of a server from the flags.
 *
 * @param given The flags
 * @returns The options
 * @throws {UsageError} If a value is invalid
 * @throws {ConfigurationError} If the key file is invalid or unsafe
 */
export function serverOptions(given: Given): ServerOptions & { log: LeveledLog } {
  const shared = runtimeOptions(given);
  const hostUniq = bytes(given, "host-uniq", HOST_UNIQ_MAX);
  const relayTag = !given.has("no-relay-tag");
  if (lacksHostUniq({ hostUniq, relayTag })) {
    throw new UsageError("--no-relay-tag needs --host-uniq");
  }
  const keyFile = path(given, "key-file");
  return {
    ...shared,
    limits: {
      ...shared.limits,
      padiPerClient: integer(given, "padi-rate-client", 0, 1_000_000),
      maxSessions: integer(given, "max-sessions", 1, 65_534),
    },
    listen: endpoint("listen", required(given, "listen", "0.0.0.0:8000")),
    allow: addresses(given, "allow"),
    keys: keyFile === undefined ? undefined : KeyRing.read(keyFile),
    proxyProtocol: addresses(given, "proxy-protocol"),
    maxClients: integer(given, "max-clients", 1, 1000),
    maxClientsPerAddress: integer(given, "max-clients-per-address", 1, 1000),
    hostUniq,
    relayTag,
    circuitId: template(given, "circuit-id"),
    remoteId: template(given, "remote-id"),
  };
}

/** Returns the value of a flag whose value is a template, after checking it. */
function template(given: Given, flag: string): string | undefined {
  const text = given.value(flag);
  try {
    if (text !== undefined) LineTemplate.parse(text);
  } catch (error) {
    // The message begins with "Cannot use" and the template.
    throw new UsageError((error as Error).message.replace("Cannot use", `Cannot use --${flag}`));
  }
  return text;
}
