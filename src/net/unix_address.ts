// The address of a unix socket, and the permission of Deno for it. It needs no permission itself.

/** The path of a unix socket, which is used in place of HOST:PORT. */
export interface UnixAddress {
  /** The path. */
  path: string;
}

/** The maximum length of a path, in bytes; see unix(7). */
export const UNIX_PATH_MAX = 107;

/** Writes the path of a unix socket as on the command line. */
export function formatUnix({ path }: UnixAddress): string {
  return `unix:${path}`;
}

/**
 * Describes the permission that Deno needs for a unix socket, besides reading and writing its path.
 *
 * @param path The path
 * @returns The permission; undefined if this version of Deno needs none
 */
export function unixPermission(path: string): Deno.PermissionDescriptor | undefined {
  const permission = { name: "net", host: formatUnix({ path }) } as const;
  try {
    // Versions that do not know unix sockets here cannot read the host.
    Deno.permissions.querySync(permission);
    return permission;
  } catch {
    return undefined;
  }
}
