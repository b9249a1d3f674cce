// The machine in the middle, controlled by the main thread.

import { SHARED_BYTES, STOP_AT, type WanOrder, type WanReply } from "./messages.ts";
import { type Fate, FATES } from "./schedule.ts";

export type { WanOptions } from "./schedule.ts";

/** Numbers of frames in one direction by their fate. */
export type WanCounts = Record<Fate, number>;

/**
 * A machine that carries Ethernet frames between two interfaces of a namespace with a delay, losses and
 * a limited rate. Made for kernels without netem.
 */
export class Wan {
  readonly #worker: Worker;
  readonly #words: Int32Array;

  private constructor(worker: Worker, shared: SharedArrayBuffer) {
    this.#worker = worker;
    this.#words = new Int32Array(shared);
  }

  /**
   * Starts a machine.
   *
   * @param where The configuration
   * @returns The machine
   * @throws {Error} If it cannot open the interfaces
   */
  static async start(where: Omit<WanOrder, "shared">): Promise<Wan> {
    const shared = new SharedArrayBuffer(SHARED_BYTES);
    const worker = new Worker(new URL("./wan_worker.ts", import.meta.url), { type: "module" });
    const reply = replyOf(worker);
    worker.postMessage({ ...where, shared });
    try {
      await reply;
    } catch (error) {
      worker.terminate();
      throw error;
    }
    return new Wan(worker, shared);
  }

  /** Returns the counts until now: `up` from the client, `down` from the server. */
  counts(): { up: WanCounts; down: WanCounts } {
    const way = (number: number) =>
      Object.fromEntries(
        FATES.map((fate, at) => [fate, Atomics.load(this.#words, number * FATES.length + at)]),
      ) as WanCounts;
    return { up: way(0), down: way(1) };
  }

  /** Stops the machine. Frames in transit are lost. */
  async stop(): Promise<void> {
    const ended = replyOf(this.#worker);
    Atomics.store(this.#words, STOP_AT, 1);
    await ended;
    this.#worker.terminate();
  }
}

function replyOf(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WanReply>) => {
      if (typeof data === "string") resolve();
      else reject(new Error(`Cannot make a lossy path: ${data.error}`));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`Cannot make a lossy path: ${event.message}`));
    };
  });
}
