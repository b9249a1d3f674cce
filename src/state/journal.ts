// The journal of the sessions' changes, written as they happen on the data worker's thread.
//
// Each change is one write(2) at the end of a segment. The system has it before the next frame is
// processed, so it survives the process however that ends. The write happens on this thread because no
// frame that announces a session may leave before the session is recorded. It goes into the system's
// memory: the median of `opened` was 4.8 µs and the 99th percentile 10 µs; the slowest of many thousands
// took 1 to 8 ms. A write can block, and all frames with it, if a slow disk has more unwritten data than
// the system allows.
//
// A change survives the machine only after an fsync, which always waits for the disk. The main thread
// does that once a second (state_dir.ts).

import { reasonOf } from "../reason.ts";
import { segmentPath } from "./files.ts";
import {
  encodeAway,
  encodeBack,
  encodeClose,
  encodeDelivered,
  encodeOpen,
  encodeReset,
  encodeUndelivered,
  type SessionRecord,
} from "./session_record.ts";

/** Length above which a segment is full. */
const SEGMENT_BYTES = 1024 * 1024;
/** Approximate length of the blocks in which a retry writes the live state. */
const BLOCK_LENGTH = 64 * 1024;
/** Delay between a failed retry and the next one, doubled after each failure. */
const RETRY_MS = 2000;
const RETRY_MAX_MS = 60_000;

const encoder = new TextEncoder();

/** Functions that a journal calls. */
export interface JournalEvents {
  /** Called when nothing more will be written to this segment and earlier ones. */
  full(segment: number): void;
  /** Called when a write failed. The journal writes nothing until a `retry` succeeds. */
  failed(error: Error): void;
}

/** A journal of changes in segments. Its methods never throw. */
export class Journal {
  readonly #dir: string;
  readonly #events: JournalEvents;
  readonly #segmentBytes: number;
  #file: Deno.FsFile | undefined;
  /** The latest segment. */
  #segment: number;
  /** Length of the latest segment, in bytes. */
  #bytes = 0;
  /** Time of the next retry. */
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
   * Starts a journal with a new segment. If the segment cannot be opened, the journal starts broken.
   *
   * @param dir The state directory
   * @param segment The number of the segment, from the state directory
   * @param events The functions to call
   * @param options The length in bytes at which a segment is full, 1 MiB by default
   * @returns The journal, to be closed by the caller
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

  /** True if nothing is written because a write or an open failed. */
  get broken(): boolean {
    return this.#file === undefined && !this.#closed;
  }

  /** Records that a session was opened. */
  opened(record: SessionRecord): void {
    this.#append(() => encodeOpen(record));
  }

  /** Records that a session has ended. */
  closed(serial: number): void {
    this.#append(() => encodeClose(serial));
  }

  /** Records that the link has not taken a PADT yet. Frames of another kind are ignored when read. */
  undelivered(frame: Uint8Array): void {
    this.#append(() => encodeUndelivered(frame));
  }

  /** Records that the link has taken an undelivered PADT, or that it was given up. */
  delivered(frame: Uint8Array): void {
    this.#append(() => encodeDelivered(frame));
  }

  /** Records the time, in ms since the epoch, at which a peer with sessions lost its tunnel. */
  away(peer: string, sinceMs: number): void {
    this.#append(() => encodeAway(peer, sinceMs));
  }

  /** Records that a peer has a tunnel again. */
  back(peer: string): void {
    this.#append(() => encodeBack(peer));
  }

  /**
   * Tries to recover from a failure with a new segment that has the whole live state, which may be
   * thousands of lines. Retries become less frequent with each failure.
   *
   * @param sessions All live sessions; not read if it is too early for a retry
   * @param undelivered All undelivered PADTs
   * @param nowMs The time by a monotonic clock, or Infinity to try in any case
   * @returns True if the journal is working
   */
  retry(
    sessions: Iterable<SessionRecord>,
    undelivered: Iterable<Uint8Array>,
    nowMs: number,
  ): boolean {
    if (!this.broken) return !this.#closed;
    if (nowMs < this.#retryAtMs) return false;
    const before = this.#segment;
    const path = segmentPath(this.#dir, before + 1);
    try {
      this.#openNext();
      let block = "";
      for (const line of resetLines(sessions, undelivered)) {
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
        removeIfExists(path);
      } catch {
        // The next attempt removes it. Until then it only adds to the state, as its reset has no end.
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

  /** Closes the journal, which then ignores all changes. */
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
        // Remove the incomplete line that a full disk leaves behind.
        file.truncateSync(this.#bytes);
      } catch {
        // The reader skips an incomplete line.
      }
      throw error;
    }
    this.#bytes += bytes.length;
  }

  #openNext(): void {
    const path = segmentPath(this.#dir, this.#segment + 1);
    // A segment is always a new file: one that is there could be a link to a file of another program.
    removeIfExists(path);
    const file = Deno.openSync(path, { append: true, createNew: true, mode: 0o600 });
    this.#file?.close();
    this.#file = file;
    this.#segment++;
    this.#bytes = 0;
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
  undelivered: Iterable<Uint8Array>,
): Generator<string> {
  yield encodeReset("begin");
  for (const record of sessions) yield encodeOpen(record);
  for (const frame of undelivered) yield encodeUndelivered(frame);
  yield encodeReset("end");
}

function removeIfExists(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
