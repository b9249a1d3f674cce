// The descriptors that are left to this process. No I/O.

import type { Problem } from "../problem.ts";

/** The part of the limit from which few are left, and that below which enough are left again. */
const FEW = { from: 0.9, until: 0.85 };

/** Decides when few descriptors are left. */
export class DescriptorWatch {
  #isFew = false;

  /**
   * Looks at the descriptors.
   *
   * @param lowestFree The lowest descriptor that is free; undefined if none is
   * @param limit The maximum number
   * @returns The problem; undefined if enough are left
   */
  look(lowestFree: number | undefined, limit: number): Problem | undefined {
    const used = lowestFree ?? limit;
    this.#isFew = used >= limit * (this.#isFew ? FEW.until : FEW.from);
    if (!this.#isFew) return undefined;
    return {
      id: "descriptors",
      subject: "",
      what:
        `${used} of the ${limit} descriptors of this program are in use, so it may soon refuse ` +
        "clients",
      advice: "raise LimitNOFILE of the service (ulimit -n), or lower --max-clients",
    };
  }
}
