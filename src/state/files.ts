// The files of a state directory: their names, and how to replace, set aside and sync them.

import { NUMBER_MAX } from "./session_record.ts";
import { OwnFile, UnsafeFileError } from "../files/own_file.ts";

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
 * Reads a file that only this program should have written.
 *
 * @param path The path of the file
 * @returns The bytes
 * @throws {UnsafeFileError} If somebody else may have put the file there
 */
export async function readFile(path: string): Promise<Uint8Array> {
  await using file = await OwnFile.open(path, "read");
  return await file.read();
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
  // The file is always a new one: an older one could be a link to a file of another program.
  await removeFile(path);
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
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
  await using file = await OwnFile.open(path, "read");
  await file.sync();
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
      // Some file systems have no links, and none has links to directories. The new name may be somebody else's
      // link by now, which a copy would follow.
      await Deno.rename(from, `${dir}/${aside}`);
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
  return error instanceof UnsafeFileError || error instanceof Error &&
      (typeof (error as { code?: unknown }).code === "string" || TOO_LARGE.test(error.message));
}

/** Checks whether there was no space for a file. */
export function isNoSpace(error: unknown): boolean {
  if (!isFileError(error)) return false;
  return TOO_LARGE.test(error.message) || NO_SPACE.includes((error as { code?: string }).code!);
}
