// Files with secrets: reads them only if no other user can read or change them, and makes them in the same way.
//
// A path can change at any moment if others can write to its directory, so all checks are made on the open file.
// It is opened without following a link, and without waiting for the writer of a pipe.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  type Stats,
  writeSync,
} from "node:fs";
import { ConfigurationError } from "../configuration_error.ts";
import { OTHERS, OTHERS_WRITE, ownerFault, ownUid, ROOT } from "./owner.ts";
import { pathFault } from "./path_fault.ts";
import { readUpTo } from "./read_up_to.ts";
import { shellWord } from "./shell_word.ts";

/** The bit of a mode that lets the group read. */
const GROUP_READS = 0o040;
/** The bit of a directory in which a file can be removed only by its owner. */
const STICKY = 0o1000;

/** The facts about an open file from which its owner and mode are judged. */
export type FileFacts = Pick<Stats, "mode" | "uid" | "gid">;

/**
 * Reads a file with secrets.
 *
 * @param path The path of the file
 * @param maxBytes The maximum size of the file
 * @returns Its bytes
 * @throws {ConfigurationError} If the file cannot be read, is not a regular file, is too large, or if another
 * user than root can read or change it. The message names the file and the remedy.
 */
export function readSecretFile(path: string, maxBytes: number): Uint8Array<ArrayBuffer> {
  const fail = (reason: string) => new ConfigurationError(`Cannot use ${path}: ${reason}`);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw fail(openFault(error));
  }
  try {
    const facts = fstatSync(fd);
    const fault = kindFault(facts) ?? secretFault(path, facts, ownUid()) ??
      replaceFault(directoryOf(path), "its directory");
    if (fault !== undefined) throw fail(fault);
    const bytes = readUpTo((into) => readSync(fd, into), maxBytes);
    if (bytes === undefined) throw fail(`it is larger than ${maxBytes / 1024} KiB`);
    return bytes;
  } catch (error) {
    throw error instanceof ConfigurationError ? error : fail(openFault(error));
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a file with secrets, which only this user can read, and syncs it to the disk.
 *
 * @param path The path of the file, which must not exist, not even as a link
 * @param text The content
 * @throws {Error} If something has that path, with the code `EEXIST`, or if the file cannot be written. A file
 * that was begun is removed.
 */
export function createSecretFile(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    // The umask may have taken away more than the group's and others' rights.
    fchmodSync(fd, 0o600);
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    Deno.removeSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Syncs a directory to the disk, so that its new files are there after a power failure.
 *
 * @param path The path of the directory
 */
export function syncDirectory(path: string): void {
  try {
    using directory = Deno.openSync(path);
    directory.syncSync();
  } catch {
    // Some file systems cannot do this. There the change is durable once the system writes it.
  }
}

/**
 * Judges the owner and the mode of a file with secrets.
 *
 * @param path The path of the file, for the remedy
 * @param facts The facts about the file
 * @param user The uid of this process
 * @returns The fault and the remedy; undefined if the file is safe
 */
export function secretFault(path: string, facts: FileFacts, user: number): string | undefined {
  const { mode, uid, gid } = facts;
  const word = shellWord(path);
  const fault = ownerFault(uid, user);
  if (fault !== undefined) return `${fault}; run it as that user, or run chown ${user} ${word}`;
  // A credential of systemd belongs to root. It is opened to the user of a service by an access control list,
  // whose mask shows as the rights of the group.
  const isCredential = uid === ROOT && gid === ROOT && user !== ROOT &&
    (mode & OTHERS) === GROUP_READS;
  if ((mode & OTHERS) === 0 || isCredential) return undefined;
  const can = (mode & OTHERS_WRITE) === 0 ? "read" : "change";
  return `others can ${can} it; run chmod 600 ${word}`;
}

/**
 * Judges a directory of files with secrets: another user must not be able to replace its files.
 *
 * @param path The path of the directory
 * @param it The word for the directory in the fault
 * @returns The fault and the remedy; undefined if only this user and root can replace a file, or in a sticky
 * directory such as `/tmp` only the owner of the file
 */
export function replaceFault(path: string, it: string): string | undefined {
  const { mode, uid } = Deno.statSync(path);
  const user = ownUid();
  if (uid !== null && uid !== user && uid !== ROOT) {
    return `${it} belongs to uid ${uid}, who can replace the files in it; run chown ${user} ${
      shellWord(path)
    }`;
  }
  if (mode === null || (mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0) return undefined;
  return `others can write to ${it}; run chmod go-w ${shellWord(path)}`;
}

/** Returns the path of the directory in which a file is. */
export function directoryOf(path: string): string {
  return path.replace(/\/?[^/]*$/, "") || (path.startsWith("/") ? "/" : ".");
}

function openFault(error: unknown): string {
  switch ((error as { code?: string }).code) {
    // The file was opened without following a link.
    case "ELOOP":
      return "it is a symbolic link; give the path of the file itself";
    case "ENXIO":
      return "it is not a regular file; give a file";
  }
  return pathFault(error, "file", "run as its owner, or change its owner with chown");
}

function kindFault(facts: Stats): string | undefined {
  if (facts.isFile()) return undefined;
  return `it is ${facts.isDirectory() ? "a directory" : "not a regular file"}; give a file`;
}
