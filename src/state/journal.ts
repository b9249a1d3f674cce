// The changes of the sessions, written down as they happen, on the data worker's thread.
//
// Each is one write(2) to the end of a segment, so that the system has it before the next frame is
// looked at: it outlives the process, however that ends. To make it outlive the machine as well takes
// an fsync, which the main thread does once a second (state_dir.ts): it may take longer than any frame
// should wait.

import { reasonOf, segmentPath } from "./files.ts";
import {
  encodeClose,
  encodeOpen,
  encodeOwe,
  encodePaid,
  encodeReset,
  type SessionRecord,
} from "./session_record.ts";

/** A segment that is longer is full. */
const SEGMENT_BYTES = 1024 * 1024;

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

  /**
   * Begins anew after a failure, with all that is live in place of what was missed.
   *
   * @param sessions All live sessions.
   * @param owed All PADTs that the link has not taken yet.
   * @returns Whether changes are written again.
   */
  retry(sessions: Iterable<SessionRecord>, owed: Iterable<Uint8Array>): boolean {
    if (!this.broken) return !this.#closed;
    const before = this.#segment;
    const path = segmentPath(this.#dir, before + 1);
    try {
      // What an attempt before this one has left, if it could not remove it itself.
      removeIfThere(path);
      this.#openNext();
      this.#write(encodeReset("begin"));
      for (const record of sessions) this.#write(encodeOpen(record));
      for (const frame of owed) this.#write(encodeOwe(frame));
      this.#write(encodeReset("end"));
    } catch {
      this.#file?.close();
      this.#file = undefined;
      this.#segment = before;
      try {
        removeIfThere(path);
      } catch {
        // The next attempt will. Until then it adds to what is known, and takes nothing away.
      }
      return false;
    }
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

  #write(line: string): void {
    const bytes = encoder.encode(line);
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

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
