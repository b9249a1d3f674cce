// The way from this machine to its server, and whether it has changed.

import { type Route, routeTo } from "../../ffi/mod.ts";

/** The number of addresses whose routes are watched. */
const DESTINATIONS_MAX = 8;

/** The result of a look at the routes. */
export interface Look {
  /** True if a route has changed since the last look, or no address is known. */
  changed: boolean;
  /** True if there is a route to one of the addresses, or no address is known. */
  reachable: boolean;
}

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
    this.#routes.set(address, describe(this.#routeTo(address)));
    const [oldest] = this.#routes.keys();
    if (this.#routes.size > DESTINATIONS_MAX) this.#routes.delete(oldest);
  }

  /**
   * Looks at the routes again.
   *
   * @returns The result
   */
  look(): Look {
    if (this.#routes.size === 0) return { changed: true, reachable: true };
    let changed = false;
    let reachable = false;
    for (const [address, before] of this.#routes) {
      const route = this.#routeTo(address);
      const now = describe(route);
      if (now !== before) changed = true;
      this.#routes.set(address, now);
      if (route?.isUp) reachable = true;
    }
    return { changed, reachable };
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
}

function describe(route: Route | undefined): string {
  return JSON.stringify(route ?? null);
}
