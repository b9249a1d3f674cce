// Loading a base and the segments after it, as far as their lines are valid.

import { UnsafeFileError } from "../files/own_file.ts";
import { decodeText } from "../wire/text.ts";
import {
  FILE,
  ifExists,
  isFileError,
  LINES_A_TURN,
  listSegments,
  readFile,
  segmentPath,
} from "./files.ts";
import { type Header, parseHeader } from "./header.ts";
import { Replay } from "./replay.ts";
import { parseLine } from "./session_record.ts";

const LINE_END = 0x0a;

/** The content of a state directory. */
export interface Loaded {
  /** Header of the base, or undefined if there is no base or its header is invalid. */
  header: Header | { laterVersion: number } | undefined;
  /** The state after all changes. */
  replay: Replay;
  /** The segments that were read, in order. */
  segments: number[];
  /** The files that could not be read completely. */
  damaged: Damage[];
}

/** A file that could not be read completely. */
export interface Damage {
  /** Name of the file. */
  name: string;
  /** Number of lines lost, or undefined if the file could not be read at all. */
  lines: number | undefined;
  /** The reason why it was not read, if somebody else may have put it there. */
  reason?: string;
}

/**
 * Loads a base and the segments up to a given one.
 *
 * @param dir The state directory
 * @param options.upTo The last segment to read, by default all
 * @param options.salvage True to report an unreadable file as damaged; false to throw, because the
 * fault may pass
 * @returns The content
 * @throws {Error} If a file cannot be read, and `salvage` is false or permission is denied
 */
export async function load(
  dir: string,
  { upTo = Infinity, salvage }: { upTo?: number; salvage: boolean },
): Promise<Loaded> {
  const replay = new Replay();
  const damaged: Damage[] = [];
  const found = await listSegments(dir);
  const last = found.at(-1);
  const segments = found.filter((segment) => segment <= upTo);

  async function read(name: string, take: (bytes: Uint8Array) => Promise<number>): Promise<void> {
    try {
      const bytes = await ifExists(readFile(`${dir}/${name}`));
      const lines = bytes === undefined ? 0 : await take(bytes);
      if (lines > 0) damaged.push({ name, lines });
    } catch (error) {
      const denied = error instanceof Deno.errors.PermissionDenied;
      if (!salvage || !isFileError(error) || denied) throw error;
      const reason = error instanceof UnsafeFileError ? error.fault : undefined;
      damaged.push({ name, lines: undefined, reason });
    }
  }

  function takeLine(line: string | undefined): boolean {
    const change = line === undefined ? undefined : parseLine(line);
    if (change !== undefined) replay.apply(change);
    return change !== undefined;
  }

  let header: Loaded["header"];
  await read(FILE.base, async (bytes) => {
    let first = true;
    const bad = await countInvalid(bytes, (line) => {
      header = first && line !== undefined ? parseHeader(line) : header;
      const isHeader = first && header !== undefined;
      first = false;
      return isHeader || takeLine(line);
    });
    // A base is always replaced as a whole, so one without a header is damaged, even if it is empty.
    return bad.lines + (bad.torn ? 1 : 0) || (header === undefined ? 1 : 0);
  });
  if (header !== undefined && "lastSerial" in header) replay.lastSerial = header.lastSerial;

  const through = header !== undefined && "through" in header ? header.through : 0;
  for (const segment of segments) {
    if (segment <= through) continue;
    await read(segmentPath("", segment).slice(1), async (bytes) => {
      const bad = await countInvalid(bytes, takeLine);
      // The last line of the last segment is incomplete after a kill or a power failure.
      return bad.lines + (bad.torn && segment !== last ? 1 : 0);
    });
  }
  return { header, replay, segments, damaged };
}

/**
 * Passes each line to a function, or undefined for one that is not UTF-8.
 *
 * @returns The number of lines for which the function returned false; `torn` if the last line has no
 * line break
 */
async function countInvalid(
  bytes: Uint8Array,
  take: (line: string | undefined) => boolean,
): Promise<{ lines: number; torn: boolean }> {
  let count = 0;
  let lines = 0;
  let at = 0;
  for (let end; (end = bytes.indexOf(LINE_END, at)) >= 0; at = end + 1) {
    if (!take(decodeText(bytes.subarray(at, end)))) lines++;
    if (++count % LINES_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { lines, torn: at < bytes.length };
}
