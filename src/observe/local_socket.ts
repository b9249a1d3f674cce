// The local socket on which a running side serves its status without being asked, for other programs of this
// machine such as the subcommand `status`.

import { OTHERS_WRITE, ownerFault, ownUid, ROOT } from "../files/owner.ts";
import { UNIX_PATH_MAX, unixPermission } from "../net/unix_address.ts";
import { listenUnix, removeStale } from "../net/unix_listener.ts";
import { reasonOf } from "../reason.ts";
import type { Side } from "../side.ts";

/** The directory if the system has not made one for this service. */
const DIRECTORY = "/run/pppoe-proxy";

/** The local socket, or the reason why there is none. */
export type LocalSocketResult = { listener: Deno.UnixListener } | { reason: string };

/**
 * Listens on the local socket of a side.
 *
 * @param side The side
 * @param interfaceName The name of its interface
 * @param directory The directory; by default the one that systemd has made for this service, or
 * `/run/pppoe-proxy`, which root makes
 * @returns The listener, to be closed by the caller; or the reason why there is none, which is no failure
 */
export async function listenLocally(
  side: Side,
  interfaceName: string,
  directory: string = runtimeDirectory() ?? DIRECTORY,
): Promise<LocalSocketResult> {
  const prefix = `${side}-${interfaceName}-`;
  const path = `${directory}/${prefix}${Deno.pid}.sock`;
  const missing = missingPermission(directory, path);
  if (missing !== undefined) return { reason: `Deno has no permission for it (${missing})` };
  if (new TextEncoder().encode(path).length > UNIX_PATH_MAX) {
    return { reason: `${path} is longer than ${UNIX_PATH_MAX} bytes` };
  }
  try {
    if (directory === DIRECTORY && ownUid() === ROOT) makeDirectory(directory);
    const fault = directoryFault(directory);
    if (fault !== undefined) return { reason: `${directory} cannot be used: ${fault}` };
    await removeLeftSockets(directory, prefix);
    return { listener: await listenUnix(path) };
  } catch (error) {
    return { reason: `${path}: ${reasonOf(error)}` };
  }
}

/** Returns the directory that systemd has made for this service (RuntimeDirectory=). */
function runtimeDirectory(): string | undefined {
  const permission = { name: "env", variable: "RUNTIME_DIRECTORY" } as const;
  if (Deno.permissions.querySync(permission).state !== "granted") return undefined;
  const [first] = Deno.env.get("RUNTIME_DIRECTORY")?.split(":") ?? [];
  return first?.startsWith("/") ? first : undefined;
}

function missingPermission(directory: string, path: string): string | undefined {
  const net = unixPermission(path);
  const needed: Deno.PermissionDescriptor[] = [
    { name: "read", path: directory },
    { name: "write", path: directory },
    ...net === undefined ? [] : [net],
  ];
  return needed.find((one) => Deno.permissions.querySync(one).state !== "granted")?.name;
}

function makeDirectory(path: string): void {
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Judges the directory: nobody else may be able to put a socket of their own in the place of this one. */
function directoryFault(path: string): string | undefined {
  const { isDirectory, uid, mode } = Deno.lstatSync(path);
  if (!isDirectory) return "it is not a directory";
  const fault = ownerFault(uid, ownUid());
  if (fault !== undefined) return fault;
  return mode !== null && (mode & OTHERS_WRITE) !== 0 ? "others can write to it" : undefined;
}

/** Removes the sockets that earlier runs of this side have left when they were killed. */
async function removeLeftSockets(directory: string, prefix: string): Promise<void> {
  for (const { name, isFile, isDirectory } of Deno.readDirSync(directory)) {
    const isOurs = name.startsWith(prefix) && /^\d+\.sock$/.test(name.slice(prefix.length));
    if (!isOurs || isFile || isDirectory) continue;
    try {
      await removeStale(`${directory}/${name}`);
    } catch {
      // Another process listens there, for example in a container with interfaces of its own.
    }
  }
}
