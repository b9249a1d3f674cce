// The ACs that have answered recently, for frames that belong to no discovery.

import { formatMac, sameMac } from "../../wire/mod.ts";

/** The maximum number of known ACs; one more replaces the one that was heard least recently. */
export const KNOWN_ACS = 256;

/** The time for which an AC is known after it was last heard, in ms. */
export const KNOWN_AC_MS = 3600_000;

interface KnownAc {
  readonly mac: Uint8Array;
  /** The address that the hosts know it by. */
  readonly shown: Uint8Array;
  heardMs: number;
}

/** A bounded list of ACs. */
export class KnownAcs {
  /** The ACs by address, the least recently heard first. */
  readonly #acs = new Map<string, KnownAc>();

  /** Notes that an AC has answered. */
  heard(mac: Uint8Array, shown: Uint8Array, nowMs: number): void {
    const key = formatMac(mac);
    this.#acs.delete(key);
    this.#acs.set(key, { mac: mac.slice(), shown: shown.slice(), heardMs: nowMs });
    if (this.#acs.size > KNOWN_ACS) {
      const [oldest] = this.#acs.keys();
      this.#acs.delete(oldest);
    }
  }

  /** Returns true if an AC with this address was heard within the given time. */
  has(mac: Uint8Array, nowMs: number, withinMs = KNOWN_AC_MS): boolean {
    const ac = this.#acs.get(formatMac(mac));
    return ac !== undefined && nowMs - ac.heardMs < withinMs;
  }

  /** Lists the addresses of the ACs that hosts know by the given one, the most recently heard first. */
  shownAs(shown: Uint8Array, nowMs: number): Uint8Array[] {
    return [...this.#acs.values()]
      .filter((ac) => nowMs - ac.heardMs < KNOWN_AC_MS && sameMac(ac.shown, 0, shown, 0))
      .map(({ mac }) => mac)
      .reverse();
  }
}
