// The subcommand `client`.

import { Client } from "../client/client.ts";
import type { Key } from "../keys/key.ts";
import { readClientKey } from "../keys/key_ring.ts";
import { type Endpoint, isUnspecified } from "../net/endpoint.ts";
import { CLIENT_FLAGS } from "./flags.ts";
import { endpoint, type Given, path, required, UsageError } from "./options.ts";
import { runSide } from "./run.ts";
import { capturePaths, runtimeOptions } from "./runtime_options.ts";

/** Runs the subcommand. */
export function client(args: string[]): Promise<number> {
  return runSide({
    name: "client",
    flags: CLIENT_FLAGS,
    live: ["key-file", "padi-rate", "log-level"],
    options: (given) => {
      required(given, "connect", "vpn.example:8000");
      const shared = runtimeOptions(given);
      return {
        ...shared,
        key: keyOf(given, shared.name),
        connect: given.values("connect").flatMap((list) => list.split(",")).map(server),
        preferFirst: given.has("prefer-first"),
      };
    },
    start: (options) => Client.start(options),
    uses: ({ connect, status, stateDir, ...captures }) => ({
      listens: [status],
      connects: connect,
      writes: [stateDir, ...capturePaths(captures)],
    }),
  }, args);
}

/** Reads the key of this client, if there is one, and checks that no other name was given. */
function keyOf(given: Given, name: string | undefined): (() => Key) | undefined {
  const file = path(given, "key-file");
  if (file === undefined) return undefined;
  const key = readClientKey(file);
  if (name === undefined || name === key.name) return () => key;
  throw new UsageError(
    `--name must be ${key.name}, the name of the key in ${file}; leave it out`,
  );
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
