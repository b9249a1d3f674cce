// The files of a state directory: their names, and how to replace, set aside and sync them.

import { NUMBER_MAX } from "./session_record.ts";

/** The names of the files. */
export const FILE = {
  lock: "lock",
  identity: "identity",
  base: "sessions.jsonl",
} as const;

/**
 * Number of lines that are read or written before other work on this thread gets a turn. They take a
 * few milliseconds.
 */
export const LINES_A_TURN = 500;

/** Suffix of a file's name until the file is complete. */
const UNFINISHED = ".new";
const SEGMENT = /^changes\.([1-9]\d{0,14})\.jsonl$/;

/** Returns the path of a segment. */
export function segmentPath(dir: string, segment: number): string {
  return `${dir}/changes.${segment}.jsonl`;
}

/** Lists the numbers of the existing segments in order. */
export async function listSegments(dir: string): Promise<number[]> {
  const segments: number[] = [];
  for await (const { name } of Deno.readDir(dir)) {
    const number = Number(SEGMENT.exec(name)?.[1]);
    if (number <= NUMBER_MAX) segments.push(number);
  }
  return segments.sort((a, b) => a - b);
}

/** Removes the incomplete files that a killed process left behind. */
export async function removeUnfinished(dir: string): Promise<void> {
  for (const name of [FILE.base, FILE.identity]) await removeFile(`${dir}/${name}${UNFINISHED}`);
}

/** Waits for an operation on a file, and returns undefined if the file does not exist. */
export async function ifExists<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Reads a file that can be larger than it should be.
 *
 * @param path The path of the file
 * @param maxBytes The maximum number of bytes to read
 * @returns The bytes; none if the file has more
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  // The file need not be as large as the system says, so one more byte is asked for.
  const bytes = new Uint8Array(maxBytes + 1);
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) return bytes.subarray(0, length);
    length += read;
  }
  return bytes.subarray(0, 0);
}

/** Removes a file, if it exists. */
export async function removeFile(path: string): Promise<void> {
  await ifExists(Deno.remove(path));
}

/**
 * Replaces a file on the disk atomically: at any time either the old or the new file is there, complete.
 *
 * @param dir The state directory
 * @param name The name of the file
 * @param lines The lines of the new file
 */
export async function replaceFile(
  dir: string,
  name: string,
  lines: Iterable<string>,
): Promise<void> {
  const unfinished = `${dir}/${name}${UNFINISHED}`;
  try {
    await writeFile(unfinished, lines);
    await Deno.rename(unfinished, `${dir}/${name}`);
  } catch (error) {
    // The disk may be full, so do not leave the incomplete file.
    await removeFile(unfinished).catch(() => {});
    throw error;
  }
  await syncDirectory(dir);
}

async function writeFile(path: string, lines: Iterable<string>): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  let text = "";
  let count = 0;
  for (const line of lines) {
    text += line;
    if (++count % LINES_A_TURN > 0) continue;
    await writeAll(file, text);
    text = "";
  }
  await writeAll(file, text);
  await file.sync();
}

async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}

async function syncDirectory(dir: string): Promise<void> {
  try {
    using file = await Deno.open(dir);
    await file.sync();
  } catch {
    // Some file systems cannot do this. There the rename is durable once the system writes it.
  }
}

/** Syncs the data that was appended to a file to the disk. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { append: true });
  await file.syncData();
}

/**
 * Keeps a damaged file under a second name, so that its own name can be replaced.
 *
 * @param dir The state directory
 * @param name The name of the file
 * @returns The second name
 */
export async function setAside(dir: string, name: string): Promise<string> {
  const from = `${dir}/${name}`;
  for (let n = 1;; n++) {
    const aside = `${name}.damaged-${n}`;
    if (await ifExists(Deno.lstat(`${dir}/${aside}`)) !== undefined) continue;
    try {
      // A link needs no space on a disk that may be full.
      await Deno.link(from, `${dir}/${aside}`);
    } catch {
      // Some file systems have no links, and none has links to directories.
      const { isDirectory } = await Deno.lstat(from);
      await (isDirectory ? Deno.rename : Deno.copyFile)(from, `${dir}/${aside}`);
    }
    return aside;
  }
}

/** The errors of a disk without space, and of the limit on the size of a file. */
const NO_SPACE = ["ENOSPC", "EDQUOT", "EFBIG"];
/** Deno has no code for EFBIG, only the system's message and number. */
const TOO_LARGE = /\(os error 27\)/;

/** Checks whether the system refused an operation on a file, as opposed to a bug in the program. */
export function isFileError(error: unknown): error is Error {
  return error instanceof Error &&
    (typeof (error as { code?: unknown }).code === "string" || TOO_LARGE.test(error.message));
}

/** Checks whether there was no space for a file. */
export function isNoSpace(error: unknown): boolean {
  if (!isFileError(error)) return false;
  return TOO_LARGE.test(error.message) || NO_SPACE.includes((error as { code?: string }).code!);
}
