// Passes events on to those who listen, as server-sent events, with a summary of the status every second.
//
// Nothing is done while nobody listens. An event becomes text once, however many listen.

import { formatHex } from "../wire/text.ts";
import type { DataPlaneEvent } from "./events.ts";
import type { HttpStream } from "./http_stream.ts";
import type { ProblemChange } from "./problems.ts";
import type { StatusSummary } from "./status.ts";

/** The time between two summaries. */
const STATUS_EVERY_MS = 1000;
/** The time between two comments, by which both ends notice that the other one is gone. */
const HEARTBEAT_MS = 15_000;
/** The time after which a browser connects again. */
const RETRY_MS = 2000;
/** The number of tunnels in a summary. */
const TUNNELS_SHOWN = 100;
/** The events of the data plane's own problems, of which some are not shown. */
const UNTOLD: ReadonlySet<string> = new Set(["problem", "problem-begun", "problem-ended"]);

/** The rate of the frames of one direction. */
export interface Rate {
  framesPerSecond: number;
  bitsPerSecond: number;
}

/** The event `status`. */
export interface StatusEvent extends
  Pick<
    StatusSummary,
    | "uptimeSeconds"
    | "interfaceState"
    | "interfaceReason"
    | "healthy"
    | "problems"
    | "tunnels"
    | "sessionCounts"
  > {
  /** The time, in ISO 8601 format. */
  time: string;
  /** The number of tunnels, of which only the first ones are listed. */
  tunnelCount: number;
  /** The rates since the event before; null if there was none. */
  rates: Record<"fromLink" | "fromTunnel", Rate> | null;
  /** The frames dropped per second since then, for any reason. */
  droppedPerSecond: number | null;
}

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(":\n\n");

/** A summary with the moment at which it was made. */
interface Sample {
  summary: StatusSummary;
  atMs: number;
}

/** Options of {@linkcode EventHub}. */
export interface EventHubOptions {
  /** Describes the side without its sessions. */
  summary(): Promise<StatusSummary>;
  /** Called when there is no summary. */
  failed(error: unknown): void;
}

/** Those who listen to events. */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #streams = new Set<HttpStream>();
  #id = 0;
  #last: Sample | undefined;
  #statusTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  /** Makes a hub to which nobody listens yet. */
  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  /** The number of those who listen. */
  get listeners(): number {
    return this.#streams.size;
  }

  /** Sends a stream all events from now on, beginning with a summary. */
  listen(stream: HttpStream): void {
    this.#streams.add(stream);
    stream.whenOver(() => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#rest();
    });
    stream.send(encoder.encode(`retry: ${RETRY_MS}\n\n`));
    if (this.#streams.size > 1) {
      if (this.#last !== undefined) stream.send(this.#bytesOf("status", eventOf(this.#last)));
      return;
    }
    this.#heartbeat = setInterval(() => this.#send(HEARTBEAT), HEARTBEAT_MS);
    void this.#sendStatus();
  }

  /** Passes an event on. */
  publish(event: DataPlaneEvent): void {
    if (this.#streams.size === 0 || UNTOLD.has(event.type)) return;
    this.#send(this.#bytesOf(event.type, { time: new Date().toISOString(), ...plain(event) }));
  }

  /** Passes on that a problem has begun or ended. */
  publishProblem({ began, problem, seconds }: ProblemChange): void {
    if (this.#streams.size === 0) return;
    const time = new Date().toISOString();
    const bytes = began
      ? this.#bytesOf("problem-begun", { time, problem })
      : this.#bytesOf("problem-ended", { time, problem, seconds });
    this.#send(bytes);
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end();
    this.#rest();
  }

  async #sendStatus(): Promise<void> {
    // Another first listener may come while this waits, and then has a timer of its own.
    const own = this.#statusTimer = setTimeout(() => this.#sendStatus(), STATUS_EVERY_MS);
    let sample: Sample;
    try {
      const summary = await this.#options.summary();
      sample = { summary, atMs: performance.now() };
    } catch (error) {
      return this.#options.failed(error);
    }
    if (own !== this.#statusTimer) return;
    const event = eventOf(sample, this.#last);
    this.#last = sample;
    this.#send(this.#bytesOf("status", event));
  }

  #rest(): void {
    clearTimeout(this.#statusTimer);
    clearInterval(this.#heartbeat);
    this.#statusTimer = this.#last = undefined;
  }

  #send(bytes: Uint8Array): void {
    for (const stream of this.#streams) stream.send(bytes);
  }

  #bytesOf(type: string, data: object): Uint8Array {
    return encoder.encode(`id: ${++this.#id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}

/** Returns the content of an event, with session ids as they are written everywhere. */
function plain({ type: _type, ...content }: DataPlaneEvent): object {
  if (!("session" in content)) return content;
  const { session } = content;
  return { ...content, session: { ...session, id: formatHex(session.id, 4) } };
}

/** Makes the event `status`. */
function eventOf({ summary, atMs }: Sample, before?: Sample): StatusEvent {
  const { uptimeSeconds, interfaceState, interfaceReason, healthy, problems } = summary;
  const { tunnels, sessionCounts } = summary;
  const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1000;
  const perSecond = (of: (summary: StatusSummary) => number) =>
    before === undefined || seconds <= 0
      ? 0
      : Math.max(0, Math.round((of(summary) - of(before.summary)) / seconds));
  const rate = (direction: "fromLink" | "fromTunnel"): Rate => ({
    framesPerSecond: perSecond(({ frames }) => sum(frames[direction])),
    bitsPerSecond: 8 * perSecond(({ bytes }) => sum(bytes[direction])),
  });
  const rates = before && { fromLink: rate("fromLink"), fromTunnel: rate("fromTunnel") };
  return {
    time: new Date().toISOString(),
    uptimeSeconds,
    interfaceState,
    interfaceReason,
    healthy,
    problems,
    tunnels: tunnels.slice(0, TUNNELS_SHOWN),
    tunnelCount: tunnels.length,
    sessionCounts,
    rates: rates ?? null,
    droppedPerSecond: before === undefined ? null : perSecond(({ drops }) => sum(drops)),
  };
}

function sum(counts: Record<string, number>): number {
  let total = 0;
  for (const count of Object.values(counts)) total += count;
  return total;
}
