// A capture, as the main thread sees it: takes blocks out of the ring, and writes them to the files.
//
// A slow disk never delays a frame. Blocks wait in the ring; frames for which there is no room there are left out,
// and so are those that the disk does not take. Both are counted, and there is one warning for each capture.

import type { CaptureStatus } from "../observe/control.ts";
import { reasonOf } from "../reason.ts";
import { CaptureFile } from "./capture_file.ts";
import {
  BLOCK,
  blockLength,
  blockType,
  emitInterface,
  emitSection,
  emitStatistics,
} from "./pcapng.ts";
import { type CaptureHandover, INTERFACE } from "./recorder.ts";
import { CaptureRing } from "./ring.ts";

/** The default size of both files together. */
export const CAPTURE_BYTES = 64 << 20;
/** The smallest size of both files together. */
export const CAPTURE_BYTES_MIN = 1 << 20;
/** The number of bytes that are written at once. It must be larger than the largest block. */
const CHUNK_BYTES = 1 << 20;
/** The longest frame on an interface, for its description. */
const SNAP_LENGTH = 65_536;
/** The time between a failed write and the next attempt. Frames are left out meanwhile. */
const RETRY_MS = 1000;

/** Options of a capture. */
export interface CaptureOptions {
  /** The path of the file. What came before it is in the file with `.1` at the end of its name. */
  file?: string;
  /**
   * The frames to record: those of discovery; all control frames, which are discovery and PPP control protocols such
   * as LCP and PAP (the default); or all.
   */
  frames?: "discovery" | "control" | "all";
  /** The maximum size of both files together, in bytes, at least 1 MiB; 64 MiB by default. */
  maxBytes?: number;
  /** True to record passwords and the like too, which are zeros otherwise. */
  secrets?: boolean;
}

/** Options of a capture whose file is known. */
export type FileCaptureOptions = CaptureOptions & { file: string };

/** Facts about the program that a capture begins with. */
export interface CaptureFacts {
  /** The name of the link's interface. */
  interface: string;
  /** The program and its version. */
  application: string;
  /** A sentence about the side. */
  comment: string;
}

/** A capture that is under way. */
export class Capture {
  readonly #ring = new CaptureRing();
  readonly #options: Required<CaptureOptions>;
  readonly #files: CaptureFile;
  readonly #incomplete: (file: string, reason: string) => void;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  /** The number of bytes in the chunk, the last of which may be a part of a block. */
  #filled = 0;
  /** The frames that the disk did not take, by interface. */
  readonly #lost = [0, 0];
  #failure: string | undefined;
  #retryAtMs = -Infinity;
  #hasWarned = false;
  #draining: Promise<void> | undefined;

  private constructor(
    options: Required<CaptureOptions>,
    files: CaptureFile,
    incomplete: (file: string, reason: string) => void,
  ) {
    this.#options = options;
    this.#files = files;
    this.#incomplete = incomplete;
  }

  /**
   * Begins a file.
   *
   * @param options The options
   * @param facts The facts to begin the file with
   * @param incomplete Called once if frames are missing, with the file and the reason
   * @returns The capture, whose `handover` the data worker needs; to be ended by the caller
   * @throws {Error} If the file cannot be made
   */
  static async start(
    options: FileCaptureOptions,
    facts: CaptureFacts,
    incomplete: (file: string, reason: string) => void,
  ): Promise<Capture> {
    const { file, frames = "control", maxBytes = CAPTURE_BYTES, secrets = false } = options;
    const all = {
      file,
      frames,
      maxBytes: Math.max(CAPTURE_BYTES_MIN, maxBytes),
      secrets,
    };
    const files = await CaptureFile.open(file, all.maxBytes, headerOf(facts));
    return new Capture(all, files, incomplete);
  }

  /** The part for the data worker. */
  get handover(): CaptureHandover {
    const { frames, secrets } = this.#options;
    return { ring: this.#ring.buffer, frames, secrets };
  }

  get status(): CaptureStatus {
    const { file, frames, secrets, maxBytes } = this.#options;
    const ids: number[] = Object.values(INTERFACE);
    return {
      file,
      frames,
      secrets,
      maxBytes,
      captured: ids.reduce((sum, id) => sum + this.#ring.written(id) - this.#lost[id], 0),
      leftOut: this.#ring.leftOut + ids.reduce((sum, id) => sum + this.#lost[id], 0),
      ...this.#failure === undefined ? {} : { failure: this.#failure },
    };
  }

  /** Writes what is in the ring. To be called when the worker says that there is something. */
  drain(): Promise<void> {
    // A call during the last round would find the ring read already, so there is always another round.
    this.#draining = (this.#draining ?? Promise.resolve()).then(() => this.#drain());
    return this.#draining;
  }

  /** Writes the rest, once the data worker has stopped recording, and closes the file. */
  async end(): Promise<void> {
    await this.drain();
    const statistics = Object.values(INTERFACE).map((id) =>
      emitStatistics(id, Date.now(), {
        written: this.#ring.written(id) - this.#lost[id],
        leftOut: this.#lost[id] + (id === INTERFACE.LINK ? this.#ring.leftOut : 0),
      })
    );
    try {
      for (const block of statistics) await this.#files.append(block);
    } catch {
      // The frames before them are there.
    }
    await this.#files.close();
  }

  async #drain(): Promise<void> {
    this.#ring.acceptNotice();
    for (;;) {
      const taken = this.#ring.take(this.#chunk, this.#filled);
      if (taken === 0) break;
      this.#filled += taken;
      await this.#writeChunk();
    }
    if (this.#ring.leftOut > 0) {
      this.#warnOnce(
        "it is slower than the frames; write to a faster disk, or capture fewer frames",
      );
    }
  }

  // Writes the whole blocks of the chunk, and moves the rest to its start.
  async #writeChunk(): Promise<void> {
    const chunk = this.#chunk;
    let from = 0;
    let at = 0;
    for (;;) {
      const length = at + 8 <= this.#filled ? blockLength(chunk, at) : Infinity;
      const isWhole = at + length <= this.#filled;
      const isFull = isWhole && this.#files.hasNoRoom(at + length - from);
      if ((!isWhole || isFull) && at > from) {
        await this.#write(chunk.subarray(from, at));
        from = at;
      }
      if (!isWhole) break;
      if (isFull) await this.#rotate();
      at += length;
    }
    chunk.copyWithin(0, at, this.#filled);
    this.#filled -= at;
  }

  async #rotate(): Promise<void> {
    if (performance.now() < this.#retryAtMs) return;
    try {
      await this.#files.rotate();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #write(blocks: Uint8Array): Promise<void> {
    if (performance.now() < this.#retryAtMs) return this.#count(blocks);
    try {
      await this.#files.append(blocks);
      this.#failure = undefined;
    } catch (error) {
      this.#failed(error);
      this.#count(blocks);
    }
  }

  #failed(error: unknown): void {
    this.#failure = reasonOf(error);
    this.#retryAtMs = performance.now() + RETRY_MS;
    this.#warnOnce(this.#failure);
  }

  // Counts the frames of blocks that are lost.
  #count(blocks: Uint8Array): void {
    for (let at = 0; at < blocks.length; at += blockLength(blocks, at)) {
      if (blockType(blocks, at) === BLOCK.PACKET) this.#lost[blocks[at + 8]]++;
    }
  }

  #warnOnce(reason: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#incomplete(this.#options.file, reason);
  }
}

/** Returns the blocks that each file begins with. */
function headerOf({ interface: name, application, comment }: CaptureFacts): Uint8Array {
  const blocks = [
    emitSection({ hardware: Deno.build.arch, os: Deno.build.os, application, comment }),
    emitInterface({
      name,
      description: "The link: frames as its stations see them",
      snapLength: SNAP_LENGTH,
    }),
    emitInterface({
      name: "tunnels",
      description: "The tunnels: frames as they cross them, without the tunnel's own headers",
      snapLength: SNAP_LENGTH,
    }),
  ];
  const header = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    header.set(block, at);
    at += block.length;
  }
  return header;
}
