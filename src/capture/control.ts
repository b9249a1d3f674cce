// The captures of a running side: the one that it begins with, and those that are begun at run time.
//
// A request at run time names a file only, never a directory, and it cannot ask for passwords. So whoever may send
// such requests can neither write elsewhere, nor see more than the operator has allowed at the start.

import { ConfigurationError } from "../configuration_error.ts";
import {
  CaptureRefusal,
  type CaptureRequest,
  type CaptureStatus,
  type CaptureSwitch,
} from "../observe/control.ts";
import type { Log } from "../observe/log.ts";
import { logLine } from "../observe/log_lines.ts";
import { reasonOf } from "../reason.ts";
import { Capture, type CaptureFacts, type FileCaptureOptions } from "./capture.ts";
import type { CaptureHandover } from "./recorder.ts";

/** The names of files that a request may give. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.pcapng$/;

/** The maximum size of both files together in a directory that may be in memory, unless the operator allows more. */
const MEMORY_BYTES = 16 << 20;
/** The maximum number of captures in such a directory. */
const MEMORY_CAPTURES = 5;
const MIB = 1 << 20;

/** The part of the data worker that a capture needs. */
export interface CapturingWorker {
  /** Begins to record frames; resolves once it does. */
  captureStart(capture: CaptureHandover): Promise<void>;
  /** Ends it; resolves once no more blocks follow. */
  captureStop(): Promise<void>;
}

/** Options of {@linkcode CaptureControl}. */
export interface CaptureControlOptions {
  /** The directory for captures that are begun at run time. */
  directory: string | undefined;
  /** The name of a file if the request gives none. */
  defaultName: string;
  /** True if the operator has allowed captures with passwords and the like. */
  secrets: boolean;
  /** The maximum size of both files of a capture, in bytes, if the request gives none. */
  maxBytes: number | undefined;
  facts: CaptureFacts;
  log: Log;
}

/** Begins and ends captures. There is one at a time. */
export class CaptureControl implements CaptureSwitch {
  readonly #options: CaptureControlOptions;
  #directory: string | undefined;
  #maxBytes: number | undefined;
  /** True if the directory may be in memory, which the tunnels need more than a capture does. */
  #isInMemory = false;
  #worker: CapturingWorker | undefined;
  #capture: Capture | undefined;
  /** Resolves when the last call is done. Calls wait for each other. */
  #last: Promise<unknown> = Promise.resolve();

  /** Prepares for captures. Nothing is opened. */
  constructor(options: CaptureControlOptions) {
    this.#options = options;
    this.#directory = options.directory;
    this.#maxBytes = options.maxBytes;
  }

  /**
   * Begins the capture that the operator has asked for at the start, before the data worker exists.
   *
   * @param options The options
   * @returns The part for the data worker
   * @throws {ConfigurationError} If the file cannot be made
   */
  async begin(options: FileCaptureOptions): Promise<CaptureHandover> {
    try {
      return (await this.#start(options)).handover;
    } catch (error) {
      throw new ConfigurationError(describe(options.file, error));
    }
  }

  /** Uses the directory of the local socket, which is in memory on most machines, if there is no other one. */
  useRuntimeDirectory(directory: string): void {
    if (this.#directory !== undefined) return;
    this.#directory = directory;
    this.#maxBytes ??= MEMORY_BYTES;
    this.#isInMemory = true;
  }

  /** Uses a data worker from now on. */
  attach(worker: CapturingWorker): void {
    this.#worker = worker;
  }

  /** Writes what the data worker has recorded. */
  captured(): void {
    void this.#capture?.drain();
  }

  /** Returns the status of the capture; undefined if there is none. */
  status(): CaptureStatus | undefined {
    return this.#capture?.status;
  }

  /**
   * Begins a capture at run time.
   *
   * @param request The request, whose values may be anything of their types
   * @returns The status of the capture
   * @throws {CaptureRefusal} If there is one already, the request is not allowed, or the file cannot be made
   */
  start({ file, frames, maxBytes }: CaptureRequest): Promise<CaptureStatus> {
    return this.#inTurn(async () => {
      const { defaultName, secrets } = this.#options;
      const directory = this.#directory;
      const worker = this.#worker;
      if (this.#capture !== undefined) {
        const { file } = this.#capture.status;
        throw new CaptureRefusal(`Cannot capture: ${file} is being written; stop that first`);
      }
      if (directory === undefined || worker === undefined) {
        throw new CaptureRefusal(
          "Cannot capture: there is no directory for it; start with --capture-dir",
        );
      }
      const name = file ?? defaultName;
      if (!FILE_NAME.test(name)) {
        throw new CaptureRefusal(
          "Cannot capture: give the name of a file without a directory, such as line.pcapng",
        );
      }
      if (this.#isInMemory) await this.#checkMemory(directory, name, maxBytes);
      const options = {
        file: `${directory}/${name}`,
        frames,
        maxBytes: maxBytes ?? this.#maxBytes,
        secrets,
      };
      const capture = await this.#start(options).catch((error) => {
        throw new CaptureRefusal(describe(options.file, error));
      });
      await worker.captureStart(capture.handover);
      return capture.status;
    });
  }

  /**
   * Ends the capture.
   *
   * @returns Its last status; undefined if there was none
   */
  stop(): Promise<CaptureStatus | undefined> {
    return this.#inTurn(async () => {
      const capture = this.#capture;
      if (capture === undefined) return undefined;
      await this.#worker?.captureStop();
      await capture.end();
      this.#capture = undefined;
      const { status } = capture;
      const { file, captured, leftOut } = status;
      logLine(this.#options.log, "capture-ended", { file, frames: captured, leftOut });
      return status;
    });
  }

  async #checkMemory(directory: string, name: string, maxBytes = 0): Promise<void> {
    const mostBytes = this.#maxBytes!;
    if (maxBytes > mostBytes) {
      throw new CaptureRefusal(
        `Cannot capture: at most ${
          Math.floor(mostBytes / MIB)
        } MiB in ${directory}, which may be in memory; ` +
          "start with --capture-dir for more",
      );
    }
    let others = 0;
    for await (const entry of Deno.readDir(directory)) {
      if (entry.name !== name && FILE_NAME.test(entry.name)) others++;
    }
    if (others < MEMORY_CAPTURES) return;
    throw new CaptureRefusal(
      `Cannot capture: ${directory}, which may be in memory, has ${others} other captures already; remove some`,
    );
  }

  async #start(options: FileCaptureOptions): Promise<Capture> {
    const { facts, log } = this.#options;
    const capture = await Capture.start(options, facts, (file, reason) => {
      logLine(log, "capture-incomplete", { file, reason });
    });
    this.#capture = capture;
    const { file, frames, secrets } = capture.status;
    logLine(log, "capture-begun", { file, which: frames });
    if (secrets) logLine(log, "capture-secret", { file });
    return capture;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** Describes why a capture cannot be begun. */
function describe(file: string, error: unknown): string {
  const reason = reasonOf(error);
  return reason.startsWith("Cannot") ? reason : `Cannot capture to ${file}: ${reason}`;
}
