// The load, controlled by the main thread: two workers, one at each end of the line.

import { monotonicNs } from "./clock.ts";
import type { Line } from "../line.ts";
import type { Command, EndResult, OpenResult, ReceivedResult, Reply } from "./messages.ts";
import { Shared, SHARED_BYTES } from "./shared.ts";

/** A trial to run. */
export interface Trial {
  /** Direction of the data: `up` is from the hosts to the AC. */
  direction: "up" | "down" | "both";
  /** Data frames per second in each direction. */
  rate: number;
  seconds: number;
  /** Time before that, whose frames do not count. */
  warmupSeconds?: number;
  frameBytes: number;
  sessions: number;
  firstSession?: number;
  /** LCP frames per second in both directions. */
  controlRate?: number;
  /** Send frames one at a time, each when it is due. */
  evenly?: boolean;
  /** Time after the last frame was sent, after which a frame counts as lost. */
  patienceMs?: number;
  /** Time without any frame, after which no more are expected. */
  quietMs?: number;
}

/** The result of a trial in one direction. */
export interface Way {
  sent: number;
  /** Actual rate in frames per second. */
  rate: number;
  received: ReceivedResult;
  /** Share of the frames that did not arrive in time. */
  loss: number;
  refused: number;
  behindMs: number;
}

/** The result of a trial. In a direction without frames `sent` is 0. */
export interface TrialResult {
  trial: Trial;
  up: Way;
  down: Way;
  controlUp: Way;
  controlDown: Way;
  /** Reason why the trial is invalid, if it is. */
  void?: string;
}

const START_IN_NS = 15e6;
const PATIENCE_MS = 50;
const QUIET_MS = 100;

/** The two ends of the load. */
export class Load {
  readonly #host = new LoadWorker();
  readonly #ac = new LoadWorker();
  readonly #buffer = new SharedArrayBuffer(SHARED_BYTES);
  readonly #shared = new Shared(this.#buffer);
  #trials = 0;

  /** Opens the sockets at both ends of a line. */
  async attach({ host, ac }: Line): Promise<void> {
    const type = "attach" as const;
    const shared = this.#buffer;
    await Promise.all([
      this.#host.ask({ type, ...host, shared, end: 0 }),
      this.#ac.ask({ type, ...ac, shared, end: 1 }),
    ]);
  }

  /** Closes the sockets, without ending the sessions. */
  async detach(): Promise<void> {
    await Promise.all([this.#host.ask({ type: "detach" }), this.#ac.ask({ type: "detach" })]);
  }

  /**
   * Opens more sessions through the path.
   *
   * @param count The number of sessions to open
   * @param rate The number of sessions per second
   * @param patienceMs The maximum time to wait
   * @returns The result of the hosts, and the total number of open sessions at the AC
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

  /** Runs a trial. The queues of the path are empty afterwards. */
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
    // Wait for both ends even if one fails, because both must be idle before the next command.
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
      result.void = "the benchmark's receiver lost frames";
    }
    return result;
  }

  /** Terminates the workers. */
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
