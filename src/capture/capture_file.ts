// The files of a capture, written by the main thread: FILE, and FILE.1 with what came before it.
//
// A file is only ever a new one, which no other program has open or has put there. One of an earlier capture becomes
// FILE.1; anything else in the way is left alone, and the capture does not start.

import { OwnFile } from "../files/own_file.ts";
import { FILE_START } from "./pcapng.ts";

/** The part of the limit that each of the two files may have. */
const FILES = 2;

/** The number of bytes for the statistics at the end. */
const END_BYTES = 256;

/** The pair of files. One call at a time. */
export class CaptureFile {
  readonly path: string;
  readonly #fileBytes: number;
  readonly #header: Uint8Array;
  #file: OwnFile | undefined;
  #bytes = 0;

  private constructor(path: string, maxBytes: number, header: Uint8Array) {
    this.path = path;
    this.#fileBytes = Math.floor(maxBytes / FILES) - END_BYTES;
    this.#header = header;
  }

  /** Returns the paths of the files of a capture. */
  static paths(path: string): string[] {
    return [path, previousPath(path)];
  }

  /**
   * Begins a file.
   *
   * @param path The path of the file
   * @param maxBytes The size of both files together, in bytes
   * @param header The blocks that each file begins with
   * @returns The files, to be closed by the caller
   * @throws {Error} If one of them exists and is no capture of this user, or the file cannot be made
   */
  static async open(path: string, maxBytes: number, header: Uint8Array): Promise<CaptureFile> {
    const files = new CaptureFile(path, maxBytes, header);
    for (const one of CaptureFile.paths(path)) await refuseOthers(one);
    await files.#next();
    return files;
  }

  /** Returns true if so many bytes would make the file too long, so that the next file begins with them. */
  hasNoRoom(bytes: number): boolean {
    return this.#bytes + bytes > this.#fileBytes;
  }

  /** Begins the next file. The previous one stays as FILE.1. */
  async rotate(): Promise<void> {
    await this.#close();
    await this.#next();
  }

  /**
   * Appends whole blocks. If that fails, the file ends with the last block before them, and the next call tries
   * again.
   *
   * @param blocks The blocks
   * @throws {Error} If they cannot be written
   */
  async append(blocks: Uint8Array): Promise<void> {
    if (this.#file === undefined) await this.#next();
    const file = this.#file!;
    try {
      await file.write(blocks, this.#bytes);
    } catch (error) {
      // A part of a block would make the rest unreadable.
      await file.truncate(this.#bytes).catch(() => {});
      throw error;
    }
    this.#bytes += blocks.length;
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#close();
  }

  async #next(): Promise<void> {
    try {
      await Deno.rename(this.path, previousPath(this.path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const file = await OwnFile.create(this.path);
    try {
      await file.write(this.#header, 0);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      // The next attempt would take it for a full file, and replace FILE.1 by it.
      await Deno.remove(this.path).catch(() => {});
      throw error;
    }
    this.#file = file;
    this.#bytes = this.#header.length;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.[Symbol.asyncDispose]();
  }
}

function previousPath(path: string): string {
  return `${path}.1`;
}

/** Throws if a file exists that is no capture, or that somebody else may have put there. */
async function refuseOthers(path: string): Promise<void> {
  let start: Uint8Array;
  try {
    await using file = await OwnFile.open(path, "read");
    start = await file.start(FILE_START.length);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (start.length === 0 || FILE_START.every((byte, at) => start[at] === byte)) return;
  throw new Error(`Cannot capture to ${path}: it exists, and is not a capture; remove it`);
}
