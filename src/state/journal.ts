// The changes of the sessions, written down as they happen, on the data worker's thread.
//
// Each is one write(2) to the end of a segment, so that the system has it before the next frame is
// looked at: it outlives the process, however that ends. It is on this thread since no frame may leave
// that tells of a session before that session is noted. Such a write goes into the system's memory: of
// `opened`, half were done in 4.8 µs and 99 of 100 in 10 µs; the worst of many thousands took 1 to 8 ms.
// It too can wait, and all frames with it, where more is written to a slow disk than the system lets
// pile up.
//
// To make a change outlive the machine as well takes an fsync, which always waits for the disk: the
// main thread does that once a second (state_dir.ts).

import { reasonOf } from "../reason.ts";
import { segmentPath } from "./files.ts";
import {
  encodeAway,
  encodeBack,
  encodeClose,
  encodeOpen,
  encodeOwe,
  encodePaid,
  encodeReset,
  type SessionRecord,
} from "./session_record.ts";

/** A segment that is longer is full. */
const SEGMENT_BYTES = 1024 * 1024;
/** How much of what is live is written at once, about. */
const BLOCK_LENGTH = 64 * 1024;
/** How long after a retry that failed the next one is made, each time twice as long. */
const RETRY_MS = 2000;
const RETRY_MAX_MS = 60_000;

const encoder = new TextEncoder();

/** What the owner of a journal hears from it. */
export interface JournalEvents {
  /** No line is written any more to this segment and those before it. */
  full(segment: number): void;
  /** From now on nothing is written, until a `retry` succeeds. */
  failed(error: Error): void;
}

/** Writes changes to segments. None of its methods throws. */
export class Journal {
  readonly #dir: string;
  readonly #events: JournalEvents;
  readonly #segmentBytes: number;
  #file: Deno.FsFile | undefined;
  /** The last segment that was opened. */
  #segment: number;
  /** How long it is. */
  #bytes = 0;
  /** Before then, nothing is tried again. */
  #retryAtMs = -Infinity;
  #retryMs = RETRY_MS;
  #closed = false;

  private constructor(dir: string, segment: number, events: JournalEvents, segmentBytes: number) {
    this.#dir = dir;
    this.#events = events;
    this.#segmentBytes = segmentBytes;
    this.#segment = segment;
  }

  /**
   * Begins with a segment. When that cannot be had, the journal is broken from the start.
   *
   * @param dir The state directory.
   * @param segment The number that it gave.
   * @param events What the owner hears.
   * @param options How long a segment may become, in bytes; 1 MiB by default.
   */
  static open(
    dir: string,
    segment: number,
    events: JournalEvents,
    { segmentBytes = SEGMENT_BYTES }: { segmentBytes?: number } = {},
  ): Journal {
    const journal = new Journal(dir, segment - 1, events, segmentBytes);
    try {
      journal.#openNext();
    } catch (error) {
      journal.#fail(error, segment);
    }
    return journal;
  }

  /** Whether nothing is written because a write or an open failed. */
  get broken(): boolean {
    return this.#file === undefined && !this.#closed;
  }

  /** Notes that a session was opened. */
  opened(record: SessionRecord): void {
    this.#append(() => encodeOpen(record));
  }

  /** Notes that a session has ended. */
  closed(serial: number): void {
    this.#append(() => encodeClose(serial));
  }

  /** Notes that the link has not taken a PADT yet. Any other frame would not be read again. */
  owes(frame: Uint8Array): void {
    this.#append(() => encodeOwe(frame));
  }

  /** Notes that the link has taken it, or that it is given up. */
  paid(frame: Uint8Array): void {
    this.#append(() => encodePaid(frame));
  }

  /** Notes that a peer with sessions has no tunnel since then, in ms since the epoch. */
  away(peer: string, sinceMs: number): void {
    this.#append(() => encodeAway(peer, sinceMs));
  }

  /** Notes that it has one again. */
  back(peer: string): void {
    this.#append(() => encodeBack(peer));
  }

  /**
   * Begins anew after a failure, with all that is live in place of what was missed; after more than one
   * ever less often, since all of it may be thousands of lines.
   *
   * @param sessions All live sessions; not looked at where it is too soon.
   * @param owed All PADTs that the link has not taken yet.
   * @param nowMs The time by any clock that goes forward; Infinity: it is the last chance.
   * @returns Whether changes are written again.
   */
  retry(
    sessions: Iterable<SessionRecord>,
    owed: Iterable<Uint8Array>,
    nowMs: number,
  ): boolean {
    if (!this.broken) return !this.#closed;
    if (nowMs < this.#retryAtMs) return false;
    const before = this.#segment;
    const path = segmentPath(this.#dir, before + 1);
    try {
      // What an attempt before this one has left, if it could not remove it itself.
      removeIfThere(path);
      this.#openNext();
      let block = "";
      for (const line of resetLines(sessions, owed)) {
        block += line;
        if (block.length < BLOCK_LENGTH) continue;
        this.#write(block);
        block = "";
      }
      this.#write(block);
    } catch {
      this.#file?.close();
      this.#file = undefined;
      this.#segment = before;
      try {
        removeIfThere(path);
      } catch {
        // The next attempt will. Until then it adds to what is known, and takes nothing away.
      }
      this.#retryAtMs = nowMs + this.#retryMs;
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
      return false;
    }
    this.#retryAtMs = -Infinity;
    this.#retryMs = RETRY_MS;
    this.#events.full(before);
    return true;
  }

  /** Writes nothing more. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#closed = true;
  }

  #append(encode: () => string): void {
    if (this.#file === undefined) return;
    const segment = this.#segment;
    try {
      this.#write(encode());
      if (this.#bytes <= this.#segmentBytes) return;
      this.#openNext();
    } catch (error) {
      return this.#fail(error, segment);
    }
    this.#events.full(segment);
  }

  #write(lines: string): void {
    const bytes = encoder.encode(lines);
    const file = this.#file!;
    try {
      for (let written = 0; written < bytes.length;) {
        written += file.writeSync(bytes.subarray(written));
      }
    } catch (error) {
      try {
        // So that a disk that was full in the middle of a line leaves no damage behind.
        file.truncateSync(this.#bytes);
      } catch {
        // The reader will see a line that is not whole.
      }
      throw error;
    }
    this.#bytes += bytes.length;
  }

  #openNext(): void {
    const path = segmentPath(this.#dir, this.#segment + 1);
    const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    this.#file?.close();
    this.#file = file;
    this.#segment++;
    this.#bytes = file.statSync().size;
  }

  #fail(error: unknown, segment: number): void {
    this.#file?.close();
    this.#file = undefined;
    const reason = reasonOf(error);
    this.#events.failed(
      new Error(`Cannot write ${segmentPath(this.#dir, segment)}: ${reason}`, { cause: error }),
    );
  }
}

function* resetLines(
  sessions: Iterable<SessionRecord>,
  owed: Iterable<Uint8Array>,
): Generator<string> {
  yield encodeReset("begin");
  for (const record of sessions) yield encodeOpen(record);
  for (const frame of owed) yield encodeOwe(frame);
  yield encodeReset("end");
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
