// The load as the main thread sees it: two workers, one at each end of the line.
import { monotonicNs } from "./clock.ts";
import type { Line } from "../line.ts";
import type { Command, EndResult, OpenResult, ReceivedResult, Reply } from "./messages.ts";
import { Shared, SHARED_BYTES } from "./shared.ts";

/** What a trial is to be. */
export interface Trial {
  direction: "up" | "down" | "both";
  /** Data frames a second, each way that there is. */
  rate: number;
  seconds: number;
  /** What is sent before that, and does not count. */
  warmupSeconds?: number;
  frameBytes: number;
  sessions: number;
  firstSession?: number;
  /** LCP frames a second, each way. */
  controlRate?: number;
  evenly?: boolean;
  /** Later than so long after the last one was sent, a frame counts as lost. */
  patienceMs?: number;
  /** When nothing came for so long, nothing more is waited for. */
  quietMs?: number;
}

/** One way of a trial: what went in at one end, and what came out at the other. */
export interface Way {
  sent: number;
  /** Frames a second as they were sent. */
  rate: number;
  received: ReceivedResult;
  /** The share that did not arrive in time. */
  loss: number;
  refused: number;
  behindMs: number;
}

/** What came of a trial. A way that carried nothing has `sent` 0. */
export interface TrialResult {
  trial: Trial;
  up: Way;
  down: Way;
  controlUp: Way;
  controlDown: Way;
  /** Why it says nothing, if so. */
  void?: string;
}

const START_IN_NS = 15e6;
const PATIENCE_MS = 50;
const QUIET_MS = 100;

/** The two ends. Attach them to a line, open sessions, run trials. */
export class Load {
  readonly #host = new LoadWorker();
  readonly #ac = new LoadWorker();
  readonly #buffer = new SharedArrayBuffer(SHARED_BYTES);
  readonly #shared = new Shared(this.#buffer);
  #trials = 0;

  /** Opens the sockets at both ends. */
  async attach({ host, ac }: Line): Promise<void> {
    const type = "attach" as const;
    const shared = this.#buffer;
    await Promise.all([
      this.#host.ask({ type, ...host, shared, end: 0 }),
      this.#ac.ask({ type, ...ac, shared, end: 1 }),
    ]);
  }

  /** Closes them; the sessions are gone without a word. */
  async detach(): Promise<void> {
    await Promise.all([this.#host.ask({ type: "detach" }), this.#ac.ask({ type: "detach" })]);
  }

  /**
   * Opens sessions through the path, beyond those that are open.
   *
   * @param count How many.
   * @param rate How many a second.
   * @param patienceMs How long at most.
   * @returns What the hosts say, and how many sessions the AC has open in all.
   */
  async open(
    count: number,
    rate: number,
    patienceMs: number,
  ): Promise<OpenResult & { acSessions: number }> {
    this.#shared.reset();
    const answering = this.#ac.ask({ type: "answer" }) as Promise<number>;
    try {
      const opened = await this.#host.ask({ type: "open", count, rate, patienceMs }) as OpenResult;
      this.#shared.stop();
      return { ...opened, acSessions: await answering };
    } finally {
      this.#shared.stop();
      await answering;
    }
  }

  /** Runs one trial. The path's queues are empty afterwards. */
  async run(trial: Trial): Promise<TrialResult> {
    this.#shared.reset();
    const { warmupSeconds = 0, firstSession = 0, controlRate = 0, evenly = false } = trial;
    const order = {
      trial: this.#trials++,
      startNs: monotonicNs() + START_IN_NS,
      seconds: warmupSeconds + trial.seconds,
      warmupSeconds,
      controlRate,
      frameBytes: trial.frameBytes,
      firstSession,
      sessions: trial.sessions,
      evenly,
      patienceMs: trial.patienceMs ?? PATIENCE_MS,
      quietMs: trial.quietMs ?? QUIET_MS,
    };
    const ask = async (worker: LoadWorker, silent: Trial["direction"]) => {
      const rate = trial.direction === silent ? 0 : trial.rate;
      return await worker.ask({ type: "trial", order: { ...order, rate } }) as EndResult;
    };
    // Both must be idle again before the next command, even when one of them failed.
    const ends = [ask(this.#host, "down"), ask(this.#ac, "up")];
    await Promise.allSettled(ends);
    const [host, ac] = await Promise.all(ends);
    const result: TrialResult = {
      trial,
      up: way(host, ac, "data"),
      down: way(ac, host, "data"),
      controlUp: way(host, ac, "control"),
      controlDown: way(ac, host, "control"),
    };
    const ways = [result.up, result.down, result.controlUp, result.controlDown];
    if (ways.some(({ received }) => received.sinkDrops > 0)) {
      result.void = "the sink itself lost frames";
    }
    return result;
  }

  /** Ends the workers. */
  close(): void {
    this.#host.terminate();
    this.#ac.terminate();
  }
}

function way(from: EndResult, to: EndResult, kind: "data" | "control"): Way {
  const { frames: sent, rate, refused, behindMs } = from.sent[kind];
  const received = to.received[kind];
  const loss = sent === 0 ? 0 : 1 - received.frames / sent;
  return { sent, rate, received, loss, refused, behindMs };
}

/** A worker that answers commands one at a time. */
class LoadWorker {
  readonly #worker = new Worker(new URL("./load_worker.ts", import.meta.url), { type: "module" });

  ask(command: Command): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if ("error" in data) reject(new Error(`Cannot ${command.type}: ${data.error}`));
        else resolve(data.result);
      };
      this.#worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      this.#worker.postMessage(command);
    });
  }

  terminate(): void {
    this.#worker.terminate();
  }
}
