// The current problems, for the log, the status and the health.
//
// There are two kinds. One is known to last from `begin` to `end`, such as an interface that is down. The other
// is met from time to time, such as a PADI that came back, and ends when it was not met for a while. A problem
// that only follows from another one is not shown as long as that one lasts.

import type { Problem, ProblemId } from "../problem.ts";

/** The time for which a problem is shown after its last occurrence, in ms. */
export const SHOWN_MS = 120_000;

/** A problem as shown in the status. */
export interface ProblemStatus {
  /** The kind of the problem, such as `loop`. */
  id: ProblemId;
  /** Time of the first occurrence, in ISO 8601 format. */
  since: string;
  /** The problem in words: what is seen, and what it means. */
  what: string;
  /** The advice on how to solve it. */
  advice: string;
  /** True if the program cannot do its job because of it. */
  blocks: boolean;
}

/** Maximum number of problems of one kind that are shown, the latest ones. */
export const SHOWN_OF_A_KIND = 8;
/** Maximum number of problems of one kind that are kept: more than there can be tunnels. */
export const KEPT_OF_A_KIND = 1024;

/** Problems of stations, which nobody can have while the cause lasts. */
const OF_DIALS = [
  "no-ac",
  "ac-refuses",
  "no-pads",
  "lcp-silent",
  "auth-failed",
  "short-sessions",
] as const;
/** All that a client learns through its tunnel. */
const OF_THE_FAR_SIDE = ["far-link-down", "far-problem", "quiet-link", ...OF_DIALS] as const;

/** The problems that follow from each kind, as far as there are such; for one of a tunnel, those of that tunnel. */
const HIDES: { readonly [id in ProblemId]?: readonly ProblemId[] } = {
  "link-down": ["quiet-link", "sides-swapped", "no-client", "small-mtu", ...OF_DIALS],
  "link-failure": ["link-down", "quiet-link", ...OF_DIALS],
  "macvlan-mode": ["link-failure", "link-down", "quiet-link", ...OF_DIALS],
  "far-link-down": ["quiet-link", ...OF_DIALS],
  "server-refuses": ["no-server", ...OF_THE_FAR_SIDE],
  "no-server": OF_THE_FAR_SIDE,
  "no-client": OF_DIALS,
  "sides-swapped": ["quiet-link", ...OF_DIALS],
  "loop": ["second-ac", "other-pppoe", "sides-swapped", ...OF_DIALS],
  "vlan": ["quiet-link"],
  "local-pppd": ["quiet-link"],
  "path-mtu": ["slow-path", "congestion-control"],
  "congestion-control": ["slow-path"],
  "bandwidth": ["slow-path"],
};

/** A change in the list of problems. */
export interface ProblemChange {
  /** True if the problem is new, or seen as something else than before; false if it is over. */
  began: boolean;
  problem: ProblemStatus;
  /** The time since the problem's first occurrence. */
  seconds: number;
}

interface Entry {
  readonly status: ProblemStatus;
  tunnel: number | undefined;
  readonly beganMs: number;
  /** The time at which it ends by itself; `Infinity` if it lasts until it is ended. */
  endMs: number;
  /** True once it has been shown. */
  shown: boolean;
}

/** The current problems. There may be several of one kind, for example one for each station. */
export class Problems {
  /** The entries by kind and subject, in the order in which they began. */
  readonly #entries = new Map<string, Entry>();
  readonly #changed: (change: ProblemChange) => void;

  /**
   * Makes an empty list.
   *
   * @param changed Called with each problem that is shown for the first time, that is now seen as something else,
   * and that is over after it was shown
   */
  constructor(changed: (change: ProblemChange) => void = () => {}) {
    this.#changed = changed;
  }

  /**
   * Adds a problem that lasts until its end, or changes its words.
   *
   * @param problem The problem
   * @param nowMs The time of a monotonic clock, in ms
   * @param clockMs The time of day, in ms since the epoch
   */
  begin(problem: Problem, nowMs: number, clockMs: number): void {
    this.#put(problem, Infinity, nowMs, clockMs);
  }

  /**
   * Records an occurrence of a problem, which ends by itself.
   *
   * @param problem The problem
   * @param nowMs The time of a monotonic clock, in ms
   * @param clockMs The time of day, in ms since the epoch
   * @param lastsMs The time after which it counts as solved
   */
  meet(problem: Problem, nowMs: number, clockMs: number, lastsMs: number = SHOWN_MS): void {
    this.#put(problem, nowMs + lastsMs, nowMs, clockMs);
  }

  /**
   * Ends a problem, if there is one.
   *
   * @param id The kind
   * @param subject The subject of the one that ends; by default all of the kind end
   * @param nowMs The time of a monotonic clock, in ms
   */
  end(id: ProblemId, subject: string | undefined, nowMs: number): void {
    if (subject !== undefined) this.#remove(keyOf(id, subject), nowMs);
    else {
      for (const [key, { status }] of this.#entries) {
        if (status.id === id) this.#remove(key, nowMs);
      }
    }
    this.#settle(nowMs);
  }

  /** The time at which {@linkcode expire} has something to do; `Infinity` for never. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const { endMs } of this.#entries.values()) dueMs = Math.min(dueMs, endMs);
    return dueMs;
  }

  /** Ends the problems that were not met for a while. */
  expire(nowMs: number): void {
    for (const [key, { endMs }] of this.#entries) {
      if (nowMs >= endMs) this.#remove(key, nowMs);
    }
    this.#settle(nowMs);
  }

  /** Returns the current problems: those that keep the program from its job first, then the oldest first. */
  list(nowMs: number): ProblemStatus[] {
    this.expire(nowMs);
    const kinds = Map.groupBy(this.#visible(), ({ status: { id } }) => id);
    const latest = new Set([...kinds.values()].flatMap((alike) => alike.slice(-SHOWN_OF_A_KIND)));
    const shown = [...this.#visible()].filter((entry) => latest.has(entry))
      .map(({ status }) => status);
    return [...shown.filter(({ blocks }) => blocks), ...shown.filter(({ blocks }) => !blocks)];
  }

  #put(problem: Problem, endMs: number, nowMs: number, clockMs: number): void {
    this.expire(nowMs);
    const { id, what, advice, blocks = false, tunnel, subject = what } = problem;
    const key = keyOf(id, subject);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      const isNews = known.shown && known.status.what !== what;
      Object.assign(known.status, { what, advice, blocks });
      known.endMs = endMs;
      known.tunnel = tunnel;
      if (isNews) this.#tell(true, known, nowMs);
      return;
    }
    const since = new Date(clockMs).toISOString();
    const status = { id, since, what, advice, blocks };
    this.#entries.set(key, { status, tunnel, beganMs: nowMs, endMs, shown: false });
    // One that is not among the latest is shown again once there is room for it, and is no new one until then.
    const alike = [...this.#entries].filter(([, { status }]) => status.id === id);
    if (alike.length > KEPT_OF_A_KIND) this.#entries.delete(alike[0][0]);
    this.#settle(nowMs);
  }

  #remove(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (entry.shown) this.#tell(false, entry, nowMs);
  }

  *#visible(): Generator<Entry> {
    const hidden = new Set<string>();
    for (const { status, tunnel } of this.#entries.values()) {
      for (const id of HIDES[status.id] ?? []) hidden.add(ofTunnel(id, tunnel));
    }
    for (const entry of this.#entries.values()) {
      const { status: { id }, tunnel } = entry;
      if (hidden.has(ofTunnel(id, undefined))) continue;
      if (tunnel === undefined || !hidden.has(ofTunnel(id, tunnel))) yield entry;
    }
  }

  // Tells of the problems that are shown for the first time. One that is hidden for a while begins again.
  #settle(nowMs: number): void {
    const visible = new Set(this.#visible());
    for (const entry of this.#entries.values()) {
      const isNew = visible.has(entry) && !entry.shown;
      entry.shown = visible.has(entry);
      if (isNew) this.#tell(true, entry, nowMs);
    }
  }

  #tell(began: boolean, { status, beganMs }: Entry, nowMs: number): void {
    const seconds = Math.round((nowMs - beganMs) / 1000);
    this.#changed({ began, problem: { ...status }, seconds });
  }
}

function ofTunnel(id: ProblemId, tunnel: number | undefined): string {
  return tunnel === undefined ? id : `${id} ${tunnel}`;
}

function keyOf(id: ProblemId, subject: string): string {
  return `${id} ${subject}`;
}
