// The offers of one discovery: which ACs have answered its host, and by what a PADR names each.

import { sameMac } from "../../wire/mod.ts";
import { sameValue } from "./tag_list.ts";

/** A PADO that a host was given. */
export interface Offer {
  readonly acMac: Uint8Array;
  /** The AC-Cookie as the AC sent it; undefined where it sent none. */
  readonly cookie: Uint8Array | undefined;
  /** The AC-Cookie as the host got it. */
  readonly shown: Uint8Array | undefined;
}

/** How many offers of one discovery are kept. */
export const OFFERS = 128;

/** How many bytes their cookies may have, where there is more than one offer. */
export const OFFERS_BYTES = 32 * 1024;

/** Offers, of which the one that was last seen the longest ago is forgotten first. */
export class Offers {
  readonly #list: Offer[] = [];
  #bytes = 0;
  #forgotten = false;

  /** Whether there were more than are known now, so that a PADR may take one that is not among them. */
  get forgotten(): boolean {
    return this.#forgotten;
  }

  [Symbol.iterator](): IterableIterator<Offer> {
    return this.#list.values();
  }

  /** Finds an offer that has come before; it counts as the newest from now on. */
  seen(acMac: Uint8Array, cookie: Uint8Array | undefined): Offer | undefined {
    const at = this.#list.findIndex((offer) =>
      sameMac(offer.acMac, 0, acMac, 0) && sameValue(offer.cookie, cookie)
    );
    if (at < 0) return undefined;
    const [offer] = this.#list.splice(at, 1);
    this.#list.push(offer);
    return offer;
  }

  /**
   * Adds one that `seen` does not know.
   *
   * @returns Those that are forgotten for it.
   */
  add(offer: Offer): Offer[] {
    this.#list.push(offer);
    this.#bytes += cookieBytes(offer);
    const forgotten: Offer[] = [];
    while (this.#list.length > OFFERS || (this.#bytes > OFFERS_BYTES && this.#list.length > 1)) {
      const oldest = this.#list.shift()!;
      this.#bytes -= cookieBytes(oldest);
      forgotten.push(oldest);
      this.#forgotten = true;
    }
    return forgotten;
  }

  /** Whether an AC has made one with this AC-Cookie. */
  has(acMac: Uint8Array, cookie: Uint8Array | undefined): boolean {
    return this.#list.some((offer) =>
      sameMac(offer.acMac, 0, acMac, 0) && sameValue(offer.cookie, cookie)
    );
  }

  /** Whether an AC has made any of them. */
  hasAny(acMac: Uint8Array): boolean {
    return this.#list.some((offer) => sameMac(offer.acMac, 0, acMac, 0));
  }
}

function cookieBytes({ cookie, shown }: Offer): number {
  const other = shown === cookie ? 0 : shown?.length ?? 0;
  return (cookie?.length ?? 0) + other;
}
