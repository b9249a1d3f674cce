// The way from this machine to its server, and whether it has changed.

import { type Route, routeTo } from "../../ffi/mod.ts";

/** The number of addresses whose routes are watched. */
const DESTINATIONS_MAX = 8;

/** Remembers the routes to the addresses that were last connected to. */
export class Way {
  readonly #routeTo: (address: string) => Route | undefined;
  /** The routes as text, by their destinations, the latest one last. */
  readonly #routes = new Map<string, string>();

  /**
   * Starts with no address.
   *
   * @param route Finds the route to an address; by default it asks the system
   */
  constructor(route: (address: string) => Route | undefined = routeTo) {
    this.#routeTo = route;
  }

  /**
   * Notes that an address is being connected to, by the present route.
   *
   * @param address The address
   */
  use(address: string): void {
    this.#routes.delete(address);
    this.#routes.set(address, this.#describe(address));
    const [oldest] = this.#routes.keys();
    if (this.#routes.size > DESTINATIONS_MAX) this.#routes.delete(oldest);
  }

  /**
   * Looks at the routes again.
   *
   * @returns True if one has changed since the last look, or no address is known
   */
  changed(): boolean {
    let changed = this.#routes.size === 0;
    for (const [address, before] of this.#routes) {
      const now = this.#describe(address);
      if (now === before) continue;
      changed = true;
      this.#routes.set(address, now);
    }
    return changed;
  }

  /**
   * Tells whether an address is one of this machine's own.
   *
   * @param address The address
   * @returns True if it is
   */
  isOwn(address: string): boolean {
    return this.#routeTo(address)?.isLocal ?? false;
  }

  #describe(address: string): string {
    return JSON.stringify(this.#routeTo(address) ?? null);
  }
}
