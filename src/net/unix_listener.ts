// Listening on a unix socket that only this user can reach.

import { withUmask } from "../../ffi/mod.ts";
import { reasonOf } from "../reason.ts";

/** The rights that nobody but this user gets. */
const OTHERS_AND_EXECUTE = 0o177;

/**
 * Listens on a unix socket with the mode 0600. A socket of this user that nobody listens on any more, as after a
 * kill, is replaced; anything else at the path is left alone. Closing the listener removes the file.
 *
 * @param path The path
 * @returns The listener, to be closed by the caller
 * @throws {Error} If it cannot listen there; the message is the reason
 */
export async function listenUnix(path: string): Promise<Deno.UnixListener> {
  await removeStale(path);
  try {
    return withUmask(OTHERS_AND_EXECUTE, () => Deno.listen({ transport: "unix", path }));
  } catch (error) {
    throw new Error(failure(error), { cause: error });
  }
}

/** Removes a socket of this user on which nobody listens. */
export async function removeStale(path: string): Promise<void> {
  const before = statOf(path);
  if (before === undefined) return;
  if (!before.isSocket) throw new Error("something that is not a socket has that path; remove it");
  if (before.uid !== Deno.uid()) {
    throw new Error(`a socket of uid ${before.uid} has that path; remove it, or use another path`);
  }
  if (await isListening(path)) {
    throw new Error("another program listens there; stop it, or use another path");
  }
  // Another process may have replaced the socket meanwhile.
  const after = statOf(path);
  if (after !== undefined && after.ino === before.ino && after.dev === before.dev) {
    Deno.removeSync(path);
  }
}

async function isListening(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    // Too many connections may wait for a process that is stopped.
    return !(error instanceof Deno.errors.ConnectionRefused ||
      error instanceof Deno.errors.NotFound);
  }
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function failure(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "its directory does not exist; make it";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "not permitted; choose a directory to which this user can write";
  }
  return reasonOf(error);
}
