// The offers of one discovery: the ACs that have answered its host, and the cookies by which PADRs name them.

import { sameMac } from "../../wire/mod.ts";
import { sameValue } from "./tag_list.ts";

/** A PADO that was given to a host. */
export interface Offer {
  readonly acMac: Uint8Array;
  /** The AC-Cookie as the AC sent it; undefined if it sent none. */
  readonly cookie: Uint8Array | undefined;
  /** The AC-Cookie as the host got it. */
  readonly shown: Uint8Array | undefined;
}

/** The maximum number of offers that are kept for one discovery. */
export const OFFERS = 128;

/** The maximum size of their cookies in bytes, if there is more than one offer. */
export const OFFERS_BYTES = 32 * 1024;

/** A bounded list of offers. The least recently seen offer is forgotten first. */
export class Offers {
  readonly #list: Offer[] = [];
  #bytes = 0;
  #forgotten = false;

  /** True if an offer was forgotten, so that a PADR may accept one that is not in the list. */
  get forgotten(): boolean {
    return this.#forgotten;
  }

  [Symbol.iterator](): IterableIterator<Offer> {
    return this.#list.values();
  }

  /** Finds an earlier offer, which then counts as the newest. */
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
   * Adds an offer that `seen` does not find.
   *
   * @returns The offers that were forgotten to make room
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

  /** Returns true if an AC has made an offer with this AC-Cookie. */
  has(acMac: Uint8Array, cookie: Uint8Array | undefined): boolean {
    return this.#list.some((offer) =>
      sameMac(offer.acMac, 0, acMac, 0) && sameValue(offer.cookie, cookie)
    );
  }

  /** Returns true if an AC has made any offer. */
  hasAny(acMac: Uint8Array): boolean {
    return this.#list.some((offer) => sameMac(offer.acMac, 0, acMac, 0));
  }
}

function cookieBytes({ cookie, shown }: Offer): number {
  const other = shown === cookie ? 0 : shown?.length ?? 0;
  return (cookie?.length ?? 0) + other;
}
