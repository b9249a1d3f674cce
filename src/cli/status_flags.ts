// The flags of the status: its address, and the token for those who may change something.

import { ConfigurationError } from "../configuration_error.ts";
import { readSecretFile } from "../files/secret_file.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { UNIX_PATH_MAX, type UnixAddress } from "../net/unix_address.ts";
import { endpoint, type Given, path, UsageError } from "./options.ts";

const UNIX = "unix:";
const TOKEN_FILE_MAX_BYTES = 4096;
/** The form of a token: what the field Authorization can have, and nobody can guess. */
const TOKEN = /^[\w.~+/-]{16,512}=*$/;

/** The options of the status. */
export interface StatusOptions {
  status?: Endpoint | UnixAddress;
  statusToken?: string;
}

/**
 * Makes the options of the status from the flags.
 *
 * @param given The flags
 * @returns The options
 * @throws {UsageError} If a value is invalid
 * @throws {ConfigurationError} If the token file is invalid or unsafe
 */
export function statusOptions(given: Given): StatusOptions {
  const address = given.value("status");
  const status = address === undefined ? undefined : statusAddress(given, address);
  const file = path(given, "status-token-file");
  if (file === undefined) return { status };
  if (status === undefined || "path" in status) {
    throw new UsageError(
      "--status-token-file needs --status HOST:PORT; over a unix socket no token is needed",
    );
  }
  return { status, statusToken: readToken(file) };
}

function statusAddress(given: Given, value: string): Endpoint | UnixAddress {
  if (!value.startsWith(UNIX)) return endpoint("status", value);
  const name = path(given, "status")!.slice(UNIX.length);
  const fail = (reason: string) => new UsageError(`Cannot read --status: ${reason}`);
  if (!name.startsWith("/")) {
    throw fail(`"${value}" has no full path; give one such as unix:/run/pppoe-proxy/status.sock`);
  }
  if (name.endsWith("/")) throw fail(`"${value}" is a directory; add the name of the socket`);
  if (new TextEncoder().encode(name).length > UNIX_PATH_MAX) {
    throw fail(`the path of a unix socket has at most ${UNIX_PATH_MAX} bytes`);
  }
  return { path: name };
}

/**
 * Reads a token.
 *
 * @param file The path of the file
 * @returns The token
 * @throws {ConfigurationError} If the file is invalid or unsafe
 */
export function readToken(file: string): string {
  const text = new TextDecoder().decode(readSecretFile(file, TOKEN_FILE_MAX_BYTES));
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  throw new ConfigurationError(
    `Cannot use ${file}: it must have one token of 16 letters and digits or more; make one with ` +
      `openssl rand -hex 32`,
  );
}
