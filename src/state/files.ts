// The files of a state directory: their names, and how they are replaced, set aside and made durable.

/** What the files are called. */
export const FILE = {
  lock: "lock",
  identity: "identity",
  base: "sessions.jsonl",
} as const;

/**
 * How many lines are read or written before something else has its turn on this thread: some
 * milliseconds' worth.
 */
export const LINES_A_TURN = 500;

/** What a file is called until it is whole. */
const UNFINISHED = ".new";
const SEGMENT = /^changes\.([1-9]\d{0,14})\.jsonl$/;

/** The path of a segment. */
export function segmentPath(dir: string, segment: number): string {
  return `${dir}/changes.${segment}.jsonl`;
}

/** The numbers of the segments that are there, in order. */
export async function listSegments(dir: string): Promise<number[]> {
  const segments: number[] = [];
  for await (const { name } of Deno.readDir(dir)) {
    const number = SEGMENT.exec(name)?.[1];
    if (number !== undefined) segments.push(Number(number));
  }
  return segments.sort((a, b) => a - b);
}

/** Removes what replacements that a kill cut short have left. */
export async function removeUnfinished(dir: string): Promise<void> {
  for (const name of [FILE.base, FILE.identity]) await removeFile(`${dir}/${name}${UNFINISHED}`);
}

/** What an act returns; undefined where the file is not there. */
export async function ifThere<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  await ifThere(Deno.remove(path));
}

/** Puts lines in a file's place, on the disk, so that either the old or the new one is there, whole. */
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
    // It would take room on a disk that may be full.
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

// Not every file system can; where it can't, the rename is durable when the system writes it.
async function syncDirectory(dir: string): Promise<void> {
  try {
    using file = await Deno.open(dir);
    await file.sync();
  } catch {
    // As above.
  }
}

/** Makes what was appended to a file durable. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { append: true });
  await file.syncData();
}

/** Gives a damaged file another name beside its own, under which it stays; returns that name. */
export async function setAside(dir: string, name: string): Promise<string> {
  const from = `${dir}/${name}`;
  for (let n = 1;; n++) {
    const aside = `${name}.damaged-${n}`;
    if (await ifThere(Deno.lstat(`${dir}/${aside}`)) !== undefined) continue;
    try {
      // Takes no room on a disk that may be full.
      await Deno.link(from, `${dir}/${aside}`);
    } catch {
      // Not every file system has links, and none has one to a directory.
      const { isDirectory } = await Deno.lstat(from);
      await (isDirectory ? Deno.rename : Deno.copyFile)(from, `${dir}/${aside}`);
    }
    return aside;
  }
}

/** Whether the system refused something about a file, rather than a fault of the program. */
export function isFileError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}
