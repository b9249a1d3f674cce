// Files that only this program writes, in a directory to which others may have access.
//
// A path can change at any moment if others can write to its directory, so all checks and changes are made on the
// open file. It is opened without following a link, and without waiting for the writer of a pipe.

import fs from "node:fs";
import { ownerFault, ownUid } from "./owner.ts";

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** Error for a file that somebody else may have put there. */
export class UnsafeFileError extends Error {
  /** The fault, such as `it is a symbolic link`. */
  readonly fault: string;

  /** Makes the error of a file. */
  constructor(path: string, fault: string) {
    super(`Cannot use ${path}: ${fault}; remove it`);
    this.name = "UnsafeFileError";
    this.fault = fault;
  }
}

/** An open file. */
export class OwnFile {
  readonly #fd: number;
  readonly #stats: fs.Stats;

  private constructor(fd: number, stats: fs.Stats) {
    this.#fd = fd;
    this.#stats = stats;
  }

  /**
   * Opens a file that exists.
   *
   * @param path The path of the file
   * @param access The way in which it is used: only read, or also written
   * @returns The file, to be closed by the caller
   * @throws {UnsafeFileError} If it is not a regular file, belongs to another user than this one or root, or, to
   * be written, has another name
   * @throws {Error} If it cannot be opened
   */
  static async open(path: string, access: "read" | "write"): Promise<OwnFile> {
    const flags = (access === "read" ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK;
    const fd = await call<number>((done) => fs.open(path, flags, done)).catch((error) => {
      throw openError(path, error);
    });
    try {
      const stats = await call<fs.Stats>((done) => fs.fstat(fd, done));
      const fault = fileFault(stats, ownUid(), access);
      if (fault !== undefined) throw new UnsafeFileError(path, fault);
      return new OwnFile(fd, stats);
    } catch (error) {
      await call((done) => fs.close(fd, done));
      throw error;
    }
  }

  /**
   * Makes a new file, which only this user can read.
   *
   * @param path The path of the file
   * @returns The file, to be closed by the caller
   * @throws {Error} If there is something with that name, or it cannot be made
   */
  static async create(path: string): Promise<OwnFile> {
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    const fd = await call<number>((done) => fs.open(path, flags, 0o600, done)).catch((error) => {
      throw openError(path, error);
    });
    return new OwnFile(fd, await call<fs.Stats>((done) => fs.fstat(fd, done)));
  }

  /** The size at the time of the opening, in bytes. */
  get size(): number {
    return this.#stats.size;
  }

  /** The permission bits at that time. */
  get mode(): number {
    return this.#stats.mode & 0o7777;
  }

  /**
   * Reads the whole file.
   *
   * @param maxBytes The maximum number of bytes
   * @returns The bytes; none if the file has more
   */
  async read(maxBytes = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    // The file need not be as large as the system says, so one more byte is asked for.
    let bytes = new Uint8Array(Math.min(maxBytes, this.size) + 1);
    for (let length = 0;;) {
      const room = bytes.length - length;
      const count = await call<number>((done) =>
        fs.read(this.#fd, bytes, length, room, length, done)
      );
      if (count === 0) return bytes.subarray(0, length);
      length += count;
      if (length > maxBytes) return bytes.subarray(0, 0);
      if (length < bytes.length) continue;
      const larger = new Uint8Array(2 * bytes.length);
      larger.set(bytes);
      bytes = larger;
    }
  }

  /** Reads up to `maxBytes` bytes from the start. */
  async start(maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(maxBytes);
    for (let length = 0;;) {
      const room = maxBytes - length;
      const count = await call<number>((done) =>
        fs.read(this.#fd, bytes, length, room, length, done)
      );
      length += count;
      if (count === 0 || length === maxBytes) return bytes.subarray(0, length);
    }
  }

  /** Writes bytes over the start of the file. */
  overwrite(bytes: Uint8Array): Promise<void> {
    return this.write(bytes, 0);
  }

  /** Writes bytes at an offset. */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      const left = bytes.length - written;
      written += await call<number>((done) =>
        fs.write(this.#fd, bytes, written, left, offset + written, done)
      );
    }
  }

  /** Cuts the file off at a length. */
  truncate(length: number): Promise<void> {
    return call((done) => fs.ftruncate(this.#fd, length, done));
  }

  /** Sets the time of the last change, in ms since the epoch. */
  touch(timeMs: number): Promise<void> {
    // The time goes through a fraction of seconds, which must not be rounded down to another millisecond.
    const seconds = (timeMs + 0.5) / 1000;
    return call((done) => fs.futimes(this.#fd, seconds, seconds, done));
  }

  /** Syncs the content to the disk. */
  sync(): Promise<void> {
    return call((done) => fs.fdatasync(this.#fd, done));
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await call((done) => fs.close(this.#fd, done));
  }
}

/**
 * Judges a file that only this program should have written.
 *
 * @param facts The facts about the open file
 * @param user The uid of this process
 * @param access The way in which it is used
 * @returns The fault; undefined if it is safe
 */
function fileFault(
  facts: Pick<fs.Stats, "uid" | "nlink" | "isFile" | "isDirectory">,
  user: number,
  access: "read" | "write",
): string | undefined {
  if (facts.isDirectory()) return "it is a directory";
  if (!facts.isFile()) return "it is not a regular file";
  if (ownerFault(facts.uid, user) !== undefined) return `it belongs to uid ${facts.uid}`;
  // A second name can be anywhere, so a change could damage another program's file.
  if (access === "write" && facts.nlink > 1) return "it is a hard link";
  return undefined;
}

/** Makes the error of a failed open, with the class and the words that Deno's own functions use. */
function openError(path: string, error: NodeJS.ErrnoException): Error {
  const { code } = error;
  if (code === "ELOOP") return new UnsafeFileError(path, "it is a symbolic link");
  // A pipe without a reader, or a socket.
  if (code === "ENXIO") return new UnsafeFileError(path, "it is not a regular file");
  if (code === "EISDIR") return new UnsafeFileError(path, "it is a directory");
  const [, first, rest] = /^[A-Z]+: (.)(.*), open /.exec(error.message) ?? [];
  const words = first === undefined ? error.message : first.toUpperCase() + rest;
  const kind = code === "ENOENT"
    ? Deno.errors.NotFound
    : code === "EACCES" || code === "EPERM"
    ? Deno.errors.PermissionDenied
    : Error;
  return Object.assign(new kind(`${words}: open '${path}'`), { code });
}

/** Waits for a function with a callback. */
function call<T = void>(
  start: (done: (error: NodeJS.ErrnoException | null, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) =>
    start((error, value) => error ? reject(error) : resolve(value as T))
  );
}
