// The ACs that have answered lately, for frames that belong to no discovery.

import { formatMac, sameMac } from "../../wire/mod.ts";

/** The maximum number of known ACs; one more replaces the one that was heard the longest ago. */
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
  /** The ACs by address, the one that was heard the longest ago first. */
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

  /** Tells if an AC with this address was heard within this time. */
  has(mac: Uint8Array, nowMs: number, withinMs = KNOWN_AC_MS): boolean {
    const ac = this.#acs.get(formatMac(mac));
    return ac !== undefined && nowMs - ac.heardMs < withinMs;
  }

  /** Lists the addresses of the ACs that hosts know by this one, the one that was heard last first. */
  shownAs(shown: Uint8Array, nowMs: number): Uint8Array[] {
    return [...this.#acs.values()]
      .filter((ac) => nowMs - ac.heardMs < KNOWN_AC_MS && sameMac(ac.shown, 0, shown, 0))
      .map(({ mac }) => mac)
      .reverse();
  }
}
