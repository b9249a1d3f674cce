// The order in which a client tries its servers, and the delays between attempts.

import { backoffMs } from "./backoff.ts";

/** A tunnel that was up for so long was a good one. */
const STEADY_MS = 10_000;
/** While sessions are held, every moment costs frames: the next attempt comes after this, at random. */
const HELD_MS = { least: 100, more: 400 };
/** The delay before the next of several servers is tried. */
const NEXT_MS = { least: 100, more: 400 };
/** The delay before a server that restarts is tried again; no other one is tried before that. */
const RESTART_MS = { least: 1000, more: 1000 };
/** The least delay after another program has taken this client's place twice in a row. */
const REPLACED_MS = 30_000;

/** The outcome of the last attempt. */
export interface Outcome {
  /** The time for which the tunnel was up, in ms; 0 where there was none. */
  upMs: number;
  /** True where sessions are held for the server. */
  held: boolean;
  /** True where the server said that another tunnel took the place of this one. */
  replaced: boolean;
  /** True where it said that it will be back at once. */
  restarts: boolean;
}

/**
 * The order of attempts at several servers. As long as sessions are held for one, only that one is
 * tried, soon and often, since they go on nowhere else. Without any the next one has its turn after a
 * failure, and when all have failed the delay grows.
 *
 * A tunnel may have been replaced by this client itself: an attempt that it gave up can reach the server
 * after the next one, where packets were lost meanwhile. That ends by itself, so only a second time in a
 * row is another program's doing.
 */
export class Reconnect {
  readonly #servers: number;
  #at: number;
  #failures = 0;
  #replaced = false;
  #rival = false;

  /** Begins with the server at index `first` of so many. */
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
   * Hears that the client has gone over to a server.
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
