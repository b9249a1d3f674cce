// Reads a base and the segments after it, and keeps every good line.

import { decodeText } from "../wire/text.ts";
import { FILE, ifThere, isFileError, LINES_A_TURN, listSegments, segmentPath } from "./files.ts";
import { type Header, parseHeader } from "./header.ts";
import { Replay } from "./replay.ts";
import { parseLine } from "./session_record.ts";

const LINE_END = 0x0a;

/** What was found in a directory. */
export interface Loaded {
  /** What the base says of itself; undefined when there is none, or none that can be read. */
  header: Header | { laterVersion: number } | undefined;
  replay: Replay;
  /** The segments that were read, in order. */
  segments: number[];
  damaged: Damage[];
}

/** A file that could not be read, or not all of it. */
export interface Damage {
  name: string;
  /** How many lines are lost; undefined when it could not be read at all. */
  lines: number | undefined;
}

/**
 * Reads a base and the segments up to one, by default all.
 *
 * @param dir The directory.
 * @param options The last segment to read; and whether a file that cannot be read at all is damaged,
 * rather than an error, which it is where the fault may pass.
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
      const bytes = await ifThere(Deno.readFile(`${dir}/${name}`));
      const lines = bytes === undefined ? 0 : await take(bytes);
      if (lines > 0) damaged.push({ name, lines });
    } catch (error) {
      const denied = error instanceof Deno.errors.PermissionDenied;
      if (!salvage || !isFileError(error) || denied) throw error;
      damaged.push({ name, lines: undefined });
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
    const bad = await countBad(bytes, (line) => {
      header = first && line !== undefined ? parseHeader(line) : header;
      const isHeader = first && header !== undefined;
      first = false;
      return isHeader || takeLine(line);
    });
    // It is replaced as a whole: one without a header, be it empty, is not what was written.
    return bad.lines + (bad.torn ? 1 : 0) || (header === undefined ? 1 : 0);
  });
  if (header !== undefined && "lastSerial" in header) replay.lastSerial = header.lastSerial;

  const through = header !== undefined && "through" in header ? header.through : 0;
  for (const segment of segments) {
    if (segment <= through) continue;
    await read(segmentPath("", segment).slice(1), async (bytes) => {
      const bad = await countBad(bytes, takeLine);
      // A kill, or a loss of power, cuts the last line that was written.
      return bad.lines + (bad.torn && segment !== last ? 1 : 0);
    });
  }
  return { header, replay, segments, damaged };
}

/** Goes through the lines, undefined where one is not UTF-8; `torn` when the last has no end. */
async function countBad(
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
