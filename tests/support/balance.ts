// The balance of frames: offered = carried + dropped + queued, for each direction and kind.

import type { Balances, CounterValues } from "../../src/observe/status.ts";

const DIRECTIONS = ["fromLink", "fromTunnel"] as const;
const KINDS = ["discovery", "session"] as const;

/**
 * Looks for frames that are counted twice, or not at all.
 *
 * @param balance The balances
 * @param counters The counters as of the same moment
 * @returns A description of the first fault; undefined if all is right
 */
export function imbalance(
  balance: Balances,
  { frames, drops }: Pick<CounterValues, "frames" | "drops">,
): string | undefined {
  let allDropped = 0;
  for (const direction of DIRECTIONS) {
    for (const kind of KINDS) {
      const { offered, carried, dropped, queued } = balance[direction][kind];
      allDropped += dropped;
      const told = `${direction} ${kind}: ${JSON.stringify(balance[direction][kind])}`;
      if (offered !== carried + dropped + queued) return `${told} does not add up`;
      if (Math.min(offered, carried, dropped, queued) < 0) return `${told} is negative`;
      if (carried !== frames[direction][kind]) {
        return `${told}, but ${frames[direction][kind]} frames were carried`;
      }
    }
  }
  const byReason = Object.values(drops).reduce((sum, count) => sum + count, 0);
  if (allDropped === byReason) return undefined;
  return `${allDropped} frames were dropped, but ${byReason} for a reason`;
}
