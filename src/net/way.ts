// The way from this machine to its server, and whether it has changed.

import { type Route, routeTo } from "../../ffi/mod.ts";

/** Addresses for documentation (RFC 5737, RFC 3849), which packets would reach by the default routes. */
const ANYWHERE = ["192.0.2.1", "2001:db8::1"];
/** The number of addresses whose routes are watched. */
const DESTINATIONS_MAX = 8;

/** The result of a look at the routes. */
export interface Look {
  /** True if a route has changed since the last look. */
  changed: boolean;
  /** True if there is a route to one of the addresses, or no address is known. */
  reachable: boolean;
}

/** Remembers the routes to the addresses that were last connected to. */
export class Way {
  readonly #routeTo: (address: string) => Route | undefined;
  /** The routes as text, by their destinations, the latest one last. */
  readonly #routes = new Map<string, string>();
  /** True until an address is known. Until then, the default routes are watched. */
  #anywhere = true;

  /**
   * Starts with no address.
   *
   * @param route Finds the route to an address; by default it asks the system
   */
  constructor(route: (address: string) => Route | undefined = routeTo) {
    this.#routeTo = route;
    for (const address of ANYWHERE) this.#routes.set(address, describe(route(address)));
  }

  /**
   * Notes that an address is being connected to, by the present route.
   *
   * @param address The address
   */
  use(address: string): void {
    if (this.#anywhere) this.#routes.clear();
    this.#anywhere = false;
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
    let changed = false;
    // A server that has not been found yet may be on this machine's own network.
    let reachable = this.#anywhere;
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
