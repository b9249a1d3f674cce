// The permissions that Deno has to give. They are checked before anything needs one, because Deno would
// otherwise ask for it at a terminal, or throw in the middle of the program.

import { isIP } from "node:net";
import { ConfigurationError } from "../configuration_error.ts";
import { directoryOf } from "../files/secret_file.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { type UnixAddress, unixPermission } from "../net/unix_address.ts";

/** The permissions that every run of a side needs. */
const NEEDED_BY_SIDE: readonly Deno.PermissionDescriptor[] = [
  { name: "ffi" },
  { name: "sys", kind: "hostname" },
  { name: "sys", kind: "uid" },
];
/** The permissions for making a key, besides those for its directory. */
const NEEDED_BY_KEYGEN: readonly Deno.PermissionDescriptor[] = [{ name: "sys", kind: "uid" }];
/** The permissions for showing the status, besides those for the socket of each side. */
const NEEDED_BY_STATUS: readonly Deno.PermissionDescriptor[] = [
  { name: "ffi" },
  { name: "sys", kind: "uid" },
];
/** The permissions for finding ACs, besides those for the socket of a client. */
const NEEDED_BY_DISCOVER = NEEDED_BY_STATUS;
/** The permissions for the demo, which also starts other programs. */
const NEEDED_BY_DEMO: readonly Deno.PermissionDescriptor[] = [
  ...NEEDED_BY_SIDE,
  { name: "net" },
  { name: "read" },
  { name: "write" },
  { name: "env" },
  { name: "run" },
];

/** The addresses and files that a run uses. */
export interface Uses {
  /** The addresses and unix sockets to listen on. */
  listens?: (Endpoint | UnixAddress | undefined)[];
  /** The addresses to connect to. */
  connects?: Endpoint[];
  /** The files and directories to read and write. */
  writes?: (string | undefined)[];
  /** The files with secrets to read. Their directories are checked too, so they must be readable. */
  secrets?: (string | undefined)[];
}

/**
 * Describes the permissions that Deno has not given to a subcommand, whatever its flags are. The subcommand
 * `keygen` checks all of its own with {@linkcode checkPermissions}, since they follow its flags.
 *
 * @param subcommand The subcommand that is about to run
 * @returns The fault and the remedy, in words; undefined if nothing is missing
 */
export function permissionFault(subcommand: string): string | undefined {
  if (subcommand === "keygen") return undefined;
  return faultOf(alwaysNeededBy(subcommand), subcommand);
}

/**
 * Checks the permissions of a subcommand, and those for what its flags name.
 *
 * @param uses The addresses and files
 * @param subcommand The subcommand, for the remedy
 * @throws {ConfigurationError} If Deno has not given one of them
 */
export function checkPermissions(uses: Uses, subcommand: string): void {
  const { listens = [], connects = [], writes = [], secrets = [] } = uses;
  const needed = [...alwaysNeededBy(subcommand)];
  const endpoints: Endpoint[] = [...connects];
  for (const one of listens) {
    if (one === undefined) continue;
    if ("path" in one) needed.push(...neededForUnix(one.path));
    else endpoints.push(one);
  }
  // The addresses of a name are not known yet, and may change.
  if (connects.some(({ hostname }) => isIP(hostname) === 0)) needed.push({ name: "net" });
  else endpoints.forEach((one) => needed.push({ name: "net", host: formatEndpoint(one) }));
  for (const path of writes) {
    if (path !== undefined) needed.push({ name: "read", path }, { name: "write", path });
  }
  for (const path of secrets) {
    if (path === undefined) continue;
    const directory: Deno.PermissionDescriptor = { name: "read", path: directoryOf(path) };
    // What gives the directory gives the file, unless the file is denied.
    needed.push(isMissing(directory) ? directory : { name: "read", path });
  }
  const fault = faultOf(needed, subcommand);
  if (fault !== undefined) throw new ConfigurationError(fault);
}

function neededForUnix(path: string): Deno.PermissionDescriptor[] {
  const net = unixPermission(path);
  return [{ name: "read", path }, { name: "write", path }, ...net === undefined ? [] : [net]];
}

function alwaysNeededBy(subcommand: string): readonly Deno.PermissionDescriptor[] {
  switch (subcommand) {
    case "keygen":
      return NEEDED_BY_KEYGEN;
    case "status":
      return NEEDED_BY_STATUS;
    case "discover":
      return NEEDED_BY_DISCOVER;
    case "demo":
      return NEEDED_BY_DEMO;
  }
  return NEEDED_BY_SIDE;
}

function isMissing(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state !== "granted";
}

/** Returns the flag of `deno run` that gives a permission. */
function flagFor(permission: Deno.PermissionDescriptor): string {
  const flag = `--allow-${permission.name}`;
  const scope = permission.name === "sys"
    ? permission.kind
    : permission.name === "net"
    ? permission.host
    : permission.name === "read" || permission.name === "write"
    ? permission.path
    : undefined;
  return scope === undefined ? flag : `${flag}=${scope}`;
}

function faultOf(
  needed: readonly Deno.PermissionDescriptor[],
  subcommand: string,
): string | undefined {
  const missing = needed.filter(isMissing).map(flagFor);
  if (missing.length === 0) return undefined;
  return `Cannot run without Deno's permissions (missing: ${missing.join(" ")}); ` +
    `run it with deno run -A main.ts ${subcommand}`;
}
