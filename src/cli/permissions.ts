// The permissions that Deno has to give. They are checked before anything needs one, because Deno would
// otherwise ask for it at a terminal, or throw in the middle of the program.

import { isIP } from "node:net";
import { ConfigurationError } from "../configuration_error.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";

/** The permissions that every run of a side needs. */
const NEEDED_BY_SIDE: readonly Deno.PermissionDescriptor[] = [
  { name: "ffi" },
  { name: "sys", kind: "hostname" },
  { name: "sys", kind: "uid" },
];
/** The permissions that suffice for making a key. */
const NEEDED_BY_KEYGEN: readonly Deno.PermissionDescriptor[] = [
  { name: "read" },
  { name: "write" },
  { name: "sys", kind: "uid" },
];
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
  /** The addresses to listen on. */
  listens?: (Endpoint | undefined)[];
  /** The addresses to connect to. */
  connects?: Endpoint[];
  /** The files and directories to read and write. */
  writes?: (string | undefined)[];
}

/**
 * Describes the permissions that Deno has not given to a subcommand, whatever its flags are.
 *
 * @param subcommand The subcommand that is about to run
 * @returns The fault and the remedy, in words; undefined if nothing is missing
 */
export function permissionFault(subcommand: string): string | undefined {
  const needed = subcommand === "keygen"
    ? NEEDED_BY_KEYGEN
    : subcommand === "demo"
    ? NEEDED_BY_DEMO
    : NEEDED_BY_SIDE;
  return faultOf(needed.filter(isMissing).map(flagFor), subcommand);
}

/**
 * Checks the permissions for what the flags of a side name.
 *
 * @param uses The addresses and files
 * @param subcommand The subcommand, for the remedy
 * @throws {ConfigurationError} If Deno has not given one of them
 */
export function checkPermissions(uses: Uses, subcommand: string): void {
  const { listens = [], connects = [], writes = [] } = uses;
  const needed: Deno.PermissionDescriptor[] = [];
  const endpoints = [...listens, ...connects].filter((endpoint) => endpoint !== undefined);
  // The addresses of a name are not known yet, and may change.
  if (connects.some(({ hostname }) => isIP(hostname) === 0)) needed.push({ name: "net" });
  else endpoints.forEach((one) => needed.push({ name: "net", host: formatEndpoint(one) }));
  for (const path of writes) {
    if (path !== undefined) needed.push({ name: "read", path }, { name: "write", path });
  }
  const fault = faultOf(needed.filter(isMissing).map(flagFor), subcommand);
  if (fault !== undefined) throw new ConfigurationError(fault);
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

function faultOf(missing: string[], subcommand: string): string | undefined {
  if (missing.length === 0) return undefined;
  return `Cannot run without Deno's permissions (missing: ${missing.join(" ")}); ` +
    `run it with deno run -A main.ts ${subcommand}`;
}
