// Makes a key: a file for the client, and a line in the file of the server.

import { pathFault } from "../files/path_fault.ts";
import { createSecretFile, replaceFault, syncDirectory } from "../files/secret_file.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { ID_BYTES, SECRET_BYTES } from "./key.ts";
import { emitKey, KEY_FILE_MAX_BYTES, KEYS_OF_NAME_MAX, parseKeys } from "./key_file.ts";
import { keyNameFault } from "./key_name.ts";
import { readText } from "./key_ring.ts";

/** The name of the server's file. */
const SERVER_FILE = "server.keys";
/** The suffix of the server's file until it is complete. */
const UNFINISHED = ".new";
/** The maximum number of the files of one client that are tried for a free name. */
const FILES_TRIED = 1000;

/** Options for {@linkcode makeKey}. */
export interface KeygenOptions {
  /** The name of the client. */
  name: string;
  /** The directory of the files, which is made if it is missing. */
  directory: string;
  /** True to add a second key to a client that has one. */
  rotate: boolean;
}

/** The files of a new key. */
export interface MadeKey {
  /** The path of the client's file. */
  clientFile: string;
  /** The path of the server's file. */
  serverFile: string;
}

/**
 * Makes a random key, writes the client's file, and adds the key to the server's file. Nothing is overwritten,
 * and a crash at any moment leaves the server's file whole, with or without the new line.
 *
 * @param options The name, the directory, and whether the client has a key already
 * @returns The paths of the two files
 * @throws {ConfigurationError} If the name is invalid or taken, or a file cannot be used
 */
export function makeKey({ name, directory, rotate }: KeygenOptions): MadeKey {
  const fault = keyNameFault(name);
  if (fault !== undefined) {
    throw new ConfigurationError(
      `Cannot use NAME "${name}": it ${fault}; give a name such as osaka, which becomes a file's name`,
    );
  }
  const within = directory.endsWith("/") ? directory : `${directory}/`;
  const serverFile = `${within}${SERVER_FILE}`;
  makeDirectory(directory);
  using _lock = lockDirectory(directory);
  const text = present(serverFile) ? readText(serverFile) : "";
  const existing = parseKeys(text, serverFile).filter((key) => key.name === name);
  if (!rotate && existing.length > 0) {
    throw new ConfigurationError(
      `Cannot make a key for ${name}: ${serverFile} has one; give another name, or add a second ` +
        "key with --rotate",
    );
  }
  if (rotate && existing.length !== 1) {
    throw new ConfigurationError(
      existing.length === 0
        ? `Cannot rotate the key of ${name}: ${serverFile} has none; make the first one without --rotate`
        : `Cannot rotate the key of ${name}: ${serverFile} has ${KEYS_OF_NAME_MAX} of it; remove the ` +
          "old line first",
    );
  }
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
  const key = { name, id: random(ID_BYTES).toHex(), secret: random(SECRET_BYTES) };
  // The limits of the client stay as they are.
  const line = emitKey({ ...existing[0], ...key });
  const more = text === "" || text.endsWith("\n") ? line : `\n${line}`;
  checkSize(text + more, serverFile);
  const clientFile = writeClientFile(`${within}${name}`, rotate, emitKey(key));
  try {
    replace(serverFile, text, text + more);
  } catch (error) {
    Deno.removeSync(clientFile);
    throw error instanceof ConfigurationError ? error : cannotWrite(serverFile, error);
  }
  syncDirectory(directory);
  return { clientFile, serverFile };
}

function makeDirectory(path: string): void {
  let fault: string | undefined;
  try {
    if (!exists(path)) Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    fault = !Deno.statSync(path).isDirectory
      ? "it is not a directory; give another one"
      : replaceFault(path, "it");
  } catch (error) {
    // A link leads nowhere, or nothing can be made there, as in /proc.
    const { code = "" } = error as { code?: string };
    fault = ["EEXIST", "ENOENT"].includes(code)
      ? "it does not exist, and cannot be made; give another one"
      : directoryFault(error);
  }
  if (fault !== undefined) throw cannotUse(path, fault);
}

/** Locks a directory against other programs that add a key to it, until the result is disposed. */
function lockDirectory(path: string): Disposable {
  let directory: Deno.FsFile;
  try {
    directory = Deno.openSync(path);
  } catch (error) {
    throw cannotUse(path, directoryFault(error));
  }
  try {
    directory.lockSync(true);
  } catch {
    // Some file systems have no locks for directories. There the user must not make two keys at once.
  }
  return directory;
}

function cannotUse(directory: string, fault: string): Error {
  return new ConfigurationError(`Cannot use --dir ${directory}: ${fault}`);
}

function directoryFault(error: unknown): string {
  return pathFault(error, "directory", "give a directory that you may read and write");
}

/** Checks whether something has a path, also if it is a link to nothing. */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Checks the same for a file in the directory. */
function present(path: string): boolean {
  try {
    return exists(path);
  } catch (error) {
    const fault = pathFault(error, "file", "give a directory that you may search with --dir");
    throw new ConfigurationError(`Cannot use ${path}: ${fault}`);
  }
}

function checkSize(text: string, file: string): void {
  // The number of lines, too, must stay within what the server reads.
  parseKeys(text, file);
  if (new TextEncoder().encode(text).length <= KEY_FILE_MAX_BYTES) return;
  throw new ConfigurationError(
    `Cannot add to ${file}: it would be larger than ${
      KEY_FILE_MAX_BYTES / 1024
    } KiB; use another --dir`,
  );
}

/** Writes the client's file under a name that is free, and returns its path. */
function writeClientFile(start: string, rotate: boolean, text: string): string {
  if (!rotate) {
    const path = `${start}.key`;
    if (tryToCreate(path, text)) return path;
    throw new ConfigurationError(
      `Cannot make ${path}: it exists; give another name, or remove it if no client uses it`,
    );
  }
  for (let n = 2; n <= FILES_TRIED; n++) {
    const path = `${start}.${n}.key`;
    if (tryToCreate(path, text)) return path;
  }
  throw new ConfigurationError(
    `Cannot make ${start}.2.key: it exists, and so do ${
      FILES_TRIED - 2
    } more; remove those that no ` +
      "client uses",
  );
}

/** Makes a file; returns false if something has its path. */
function tryToCreate(path: string, text: string): boolean {
  try {
    createSecretFile(path, text);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw cannotWrite(path, error);
  }
}

/** Replaces the text of a file at once, so that nobody ever sees a part of it. */
function replace(path: string, before: string, after: string): void {
  const unfinished = path + UNFINISHED;
  // A program that was killed may have left it.
  if (exists(unfinished)) {
    try {
      Deno.removeSync(unfinished);
    } catch {
      throw new ConfigurationError(`Cannot write ${path}: ${unfinished} is in the way; remove it`);
    }
  }
  createSecretFile(unfinished, after);
  try {
    // An editor knows nothing of the lock.
    if ((present(path) ? readText(path) : "") !== before) {
      throw new ConfigurationError(`Cannot add to ${path}: it has just changed; try again`);
    }
    Deno.renameSync(unfinished, path);
  } catch (error) {
    Deno.removeSync(unfinished);
    throw error;
  }
}

function cannotWrite(path: string, error: unknown): Error {
  const denied = "choose a directory that you may write to with --dir";
  return new ConfigurationError(`Cannot write ${path}: ${pathFault(error, "directory", denied)}`);
}
