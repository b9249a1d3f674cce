// The clients of a server that have a tunnel, and what becomes of them when the keys or the allow list change.

import type { ClientKey } from "../keys/key.ts";
import { logLine } from "../observe/log_lines.ts";
import type { Runtime } from "../runtime.ts";
import { REASON } from "../wire/mod.ts";
import { type AccessRules, judge, limitsOfKey, sameLimits } from "./access.ts";

/** The reason for the end of a tunnel whose client has another one, as the data worker words it. */
const REPLACED = "replaced by a newer tunnel";

/** A client with a tunnel. */
export interface Client {
  /** Its id in the admission. */
  readonly id: number;
  readonly name: string;
  /** Its key across tunnels; undefined if it has none. */
  readonly peer: string | undefined;
  /** Its IP address. */
  readonly address: string;
  /** The key that it has proved, with the limits that apply now; undefined at a server without keys. */
  key: ClientKey | undefined;
  /** True once its tunnel was told to end, because it is no longer allowed. */
  isLeaving: boolean;
}

/** The clients, by the numbers of their tunnels in the data worker. */
export class Clients {
  readonly #clients = new Map<number, Client>();
  readonly #runtime: Pick<Runtime, "log" | "worker">;

  /**
   * Knows no client.
   *
   * @param runtime The log, and the data worker that has the tunnels
   */
  constructor(runtime: Pick<Runtime, "log" | "worker">) {
    this.#runtime = runtime;
  }

  /** The number of clients. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Adds a client, and ends the other tunnels of its key's name, because one client uses it at a time. The
   * worker does so itself where both clients resume sessions, and does not know the others across tunnels.
   *
   * @param tunnel The number of its tunnel
   * @param client The client, which is not leaving yet
   */
  add(tunnel: number, client: Omit<Client, "isLeaving">): void {
    const { name, peer } = client;
    for (const [older, other] of client.key === undefined ? [] : this.#clients) {
      if (other.key === undefined || other.name !== name || other.isLeaving) continue;
      if (peer !== undefined && other.peer !== undefined) continue;
      this.#runtime.worker.end(older, REPLACED, "replaced", REASON.REPLACED);
    }
    this.#clients.set(tunnel, { ...client, isLeaving: false });
  }

  /**
   * Removes a client whose tunnel has ended.
   *
   * @param tunnel The number of the tunnel
   * @returns The client; undefined if there is none
   */
  remove(tunnel: number): Client | undefined {
    const client = this.#clients.get(tunnel);
    this.#clients.delete(tunnel);
    return client;
  }

  /**
   * Ends the tunnels of clients that are no longer allowed, and applies the limits of the others.
   *
   * @param rules The present keys and addresses
   */
  review(rules: AccessRules): void {
    const { log, worker } = this.#runtime;
    for (const [tunnel, client] of this.#clients) {
      if (client.isLeaving) continue;
      const fate = judge(client, rules);
      if (fate.is === "stays") {
        const { key } = fate;
        if (key !== undefined && client.key !== undefined && !sameLimits(client.key, key)) {
          worker.limit(tunnel, limitsOfKey(key));
        }
        client.key = key;
        continue;
      }
      client.isLeaving = true;
      const { name, peer, address } = client;
      logLine(log, "client-not-allowed", {
        name,
        peer: address,
        reason: fate.reason,
        cause: fate.cause,
      });
      if (fate.is === "held") {
        worker.end(tunnel, fate.reason, "not-allowed", REASON.NOT_ALLOWED);
      } else worker.dismiss(tunnel, peer, fate.reason);
    }
  }
}
