// The routes from this machine to its server, and whether they have changed.

import { readInterfaceCondition, type Route, routeTo } from "../../ffi/mod.ts";

/** Addresses for documentation (RFC 5737, RFC 3849), which packets would reach by the default routes. */
const ANYWHERE = ["192.0.2.1", "2001:db8::1"];
/** The number of addresses whose routes are watched. */
const ADDRESSES_MAX = 8;

/** The result of a look at the routes. */
export interface RouteChange {
  /** True if a route, or the carrier of its interface, has changed since the last look. */
  changed: boolean;
  /** True if there is a usable route to one of the addresses, or no address is known. */
  reachable: boolean;
}

/** The system's routes. Both functions throw if the system cannot tell. */
export interface RouteSystem {
  /** Returns the route to an address; undefined if there is none. */
  routeTo(address: string): Route | undefined;
  /** Returns true if an interface is set up and has a carrier. */
  isUp(interfaceIndex: number): boolean;
}

const KERNEL: RouteSystem = {
  routeTo,
  isUp: (interfaceIndex) => readInterfaceCondition(interfaceIndex)?.isRunning ?? false,
};

/** Remembers the routes to the addresses that were last connected to. */
export class ServerRoutes {
  readonly #system: RouteSystem;
  /** The routes as text, by their addresses, the latest one last. */
  readonly #routes = new Map<string, string>();
  /** True until an address is known. Until then, the default routes are watched. */
  #anywhere = true;

  /**
   * Starts without an address.
   *
   * @param system The system to query
   */
  constructor(system: RouteSystem = KERNEL) {
    this.#system = system;
    for (const address of ANYWHERE) this.#note(address);
  }

  /**
   * Notes that an address is being connected to, by the present route.
   *
   * @param address The address
   */
  use(address: string): void {
    if (this.#anywhere) this.#routes.clear();
    this.#anywhere = false;
    this.#note(address);
    const [oldest] = this.#routes.keys();
    if (this.#routes.size > ADDRESSES_MAX) this.#routes.delete(oldest);
  }

  /**
   * Looks at the routes again.
   *
   * @returns The result; no change if the system cannot tell
   */
  look(): RouteChange {
    let changed = false;
    // A server that has not been found yet may be on this machine's own network.
    let reachable = this.#anywhere;
    for (const [address, before] of this.#routes) {
      const state = this.#state(address);
      if (state === undefined) return { changed: false, reachable: true };
      if (state.text !== before) changed = true;
      this.#routes.set(address, state.text);
      if (state.isUsable) reachable = true;
    }
    return { changed, reachable };
  }

  /**
   * Tells whether an address is one of this machine's own.
   *
   * @param address The address
   * @returns True if it is, or the system cannot tell
   */
  isOwn(address: string): boolean {
    try {
      return this.#system.routeTo(address)?.isLocal ?? false;
    } catch {
      return true;
    }
  }

  #note(address: string): void {
    this.#routes.delete(address);
    this.#routes.set(address, this.#state(address)?.text ?? "");
  }

  /** Describes the way to an address; undefined if the system cannot tell. */
  #state(address: string): { text: string; isUsable: boolean } | undefined {
    try {
      const route = this.#system.routeTo(address);
      const isUsable = route !== undefined && this.#system.isUp(route.interfaceIndex);
      return { text: JSON.stringify([route ?? null, isUsable]), isUsable };
    } catch {
      return undefined;
    }
  }
}
