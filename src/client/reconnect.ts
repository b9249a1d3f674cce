// The order in which a client tries its servers, and the delays between attempts.

import { backoffMs } from "./backoff.ts";

/** The time after which a tunnel counts as stable. */
const STEADY_MS = 10_000;
/** The random delay while sessions are held; it is short, because frames are lost meanwhile. */
const HELD_MS = { least: 100, more: 400 };
/** The random delay before the next of several servers is tried. */
const NEXT_MS = { least: 100, more: 400 };
/** The random delay before a restarting server is tried again; no other server is tried before that. */
const RESTART_MS = { least: 1000, more: 1000 };
/** The minimum delay after another program has taken this client's place twice in a row. */
const REPLACED_MS = 30_000;

/** The outcome of the last attempt. */
export interface Outcome {
  /** The time for which the tunnel was up, in ms; 0 if there was none. */
  upMs: number;
  /** True if sessions are held for the server. */
  held: boolean;
  /** True if the server said that another tunnel replaced this one. */
  replaced: boolean;
  /** True if the server said that it is restarting. */
  restarts: boolean;
}

/**
 * Chooses among several servers. While sessions are held for one of them, only that one is tried, soon and
 * often, because they can continue nowhere else. Otherwise the next one is tried after a failure, and the
 * delay grows once all have failed.
 *
 * A tunnel may be replaced by this client itself: if packets were lost, an attempt that it gave up can reach
 * the server after the next attempt. That resolves itself, so only a second time in a row is a sign of
 * another program.
 */
export class Reconnect {
  readonly #servers: number;
  #at: number;
  #failures = 0;
  #replaced = false;
  #rival = false;

  /** Starts with the server at index `first`. */
  constructor(servers: number, first = 0) {
    this.#servers = servers;
    this.#at = first;
  }

  /** The index of the server to try. */
  get at(): number {
    return this.#at;
  }

  /** True while another program seems to be connected as this client. */
  get rival(): boolean {
    return this.#rival;
  }

  /**
   * Notes that the client has moved to a server.
   *
   * @param at The index of the server
   */
  moved(at: number): void {
    if (at === this.#at) return;
    this.#at = at;
    this.#failures = 0;
  }

  /**
   * Chooses the next server.
   *
   * @param outcome The outcome of the last attempt
   * @param random A number from 0 up to 1
   * @returns The delay before the next attempt, in ms
   */
  next({ upMs, held, replaced, restarts }: Outcome, random: number): number {
    this.#rival = replaced && this.#replaced;
    this.#replaced = replaced;
    if (this.#rival) return REPLACED_MS * (1 + random);
    if (restarts && !held) return RESTART_MS.least + random * RESTART_MS.more;
    if (held) return HELD_MS.least + random * HELD_MS.more;
    if (upMs >= STEADY_MS) {
      this.#failures = 0;
      return backoffMs(0, random);
    }
    this.#failures++;
    this.#at = (this.#at + 1) % this.#servers;
    if (this.#failures % this.#servers !== 0) return NEXT_MS.least + random * NEXT_MS.more;
    return backoffMs(this.#failures / this.#servers - 1, random);
  }
}
