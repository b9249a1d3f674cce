// The captures of a running side: the one that it begins with, and those that are begun at run time.
//
// A request at run time names a file only, never a directory, and it cannot ask for passwords. So whoever may send
// such requests can neither write elsewhere, nor see more than the operator has allowed at the start.

import { ConfigurationError } from "../configuration_error.ts";
import type { Log } from "../observe/log.ts";
import { reasonOf } from "../reason.ts";
import {
  Capture,
  type CaptureFacts,
  type CaptureStatus,
  type FileCaptureOptions,
} from "./capture.ts";
import type { CaptureFrames, CaptureHandover } from "./recorder.ts";

/** The names of files that a request may give. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.pcapng$/;

/** The part of the data worker that a capture needs. */
export interface CapturingWorker {
  /** Begins to record frames. */
  captureStart(capture: CaptureHandover): void;
  /** Ends it; resolves once no more blocks follow. */
  captureStop(): Promise<void>;
}

/** Options of {@linkcode CaptureControl}. */
export interface CaptureControlOptions {
  /** The directory for captures that are begun at run time; without one, there can be none. */
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

/** A request for a capture at run time. */
export interface CaptureRequest {
  /** The name of the file, without a directory. */
  file?: string;
  /** The frames to record; `control` by default. */
  frames?: CaptureFrames;
  /** The maximum size of both files together, in bytes. */
  maxBytes?: number;
}

/** Begins and ends captures. There is one at a time. */
export class CaptureControl {
  readonly #options: CaptureControlOptions;
  #worker: CapturingWorker | undefined;
  #capture: Capture | undefined;
  /** Resolves when the last call is done. Calls wait for each other. */
  #last: Promise<unknown> = Promise.resolve();

  /** Prepares for captures. Nothing is opened. */
  constructor(options: CaptureControlOptions) {
    this.#options = options;
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
      const reason = reasonOf(error);
      throw new ConfigurationError(
        reason.startsWith("Cannot") ? reason : `Cannot capture to ${options.file}: ${reason}`,
      );
    }
  }

  /** Uses a data worker from now on. */
  attach(worker: CapturingWorker): void {
    this.#worker = worker;
  }

  /** Writes what the data worker has recorded. */
  captured(): void {
    void this.#capture?.drain();
  }

  /** The status of the capture; undefined if there is none. */
  get status(): CaptureStatus | undefined {
    return this.#capture?.status;
  }

  /**
   * Begins a capture at run time.
   *
   * @param request The request, whose values may be anything of their types
   * @returns The status of the capture
   * @throws {Error} If there is one already, the request is not allowed, or the file cannot be made
   */
  start({ file, frames, maxBytes }: CaptureRequest): Promise<CaptureStatus> {
    return this.#inTurn(async () => {
      const { directory, defaultName, secrets, maxBytes: usual } = this.#options;
      const worker = this.#worker;
      if (this.#capture !== undefined) {
        throw new Error(
          `Cannot capture: ${this.#capture.status.file} is being written; stop that first`,
        );
      }
      if (directory === undefined || worker === undefined) {
        throw new Error("Cannot capture: there is no directory for it; start with --capture-dir");
      }
      const name = file ?? defaultName;
      if (!FILE_NAME.test(name)) {
        throw new Error(
          "Cannot capture: give the name of a file without a directory, such as line.pcapng",
        );
      }
      const path = `${directory}/${name}`;
      const capture = await this.#start({
        file: path,
        frames,
        maxBytes: maxBytes ?? usual,
        secrets,
      });
      worker.captureStart(capture.handover);
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
      this.#options.log.info("Capture ended", { file, frames: captured, leftOut });
      return status;
    });
  }

  async #start(options: FileCaptureOptions): Promise<Capture> {
    const { facts, log } = this.#options;
    const capture = await Capture.start(options, facts, (message) => log.warning(message));
    this.#capture = capture;
    const { file, frames, secrets } = capture.status;
    log.info("Capture begun", { file, frames });
    if (secrets) log.warning(`The capture ${file} has the passwords of hosts; delete it after use`);
    return capture;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => {});
    return done;
  }
}
