// The answers to orders of an operator, and the refusals of those that were not carried out.

import type { ControlRefusal, ControlResult } from "../control.ts";
import { refusal } from "./route.ts";

const REFUSALS: Record<ControlRefusal, [status: number, reason: string]> = {
  "unknown-session": [404, "There is no such session; GET /api/sessions lists them"],
  "several-sessions": [409, "Several sessions match; add host, ac or tunnel"],
  "known-session": [409, "That session is not stale; close it by POST /api/sessions/close"],
  "no-ac-here": [409, "The AC is on the link of the server; send the request to the server"],
  "link-down": [503, "The interface is down, so nothing can be sent"],
  "own-address": [400, "ac must not be the address of this program's interface"],
  "no-tunnel-to-acs": [
    409,
    "The ACs are on this server's own interface; run pppoe-proxy discover --interface there",
  ],
  "no-tunnel": [503, "There is no tunnel to a server"],
  "busy": [409, "Another search is under way; try again in a few seconds"],
  "stopping": [503, "The program is about to end"],
};

/**
 * Returns what was done.
 *
 * @param result The result of an order
 * @param what What the order was to do
 * @returns The result
 * @throws {HttpRefusal} If nothing was done, with the reason
 */
export function done<D extends Extract<ControlResult, { done: string }>["done"]>(
  result: ControlResult,
  what: D,
): Extract<ControlResult, { done: D }> {
  if ("refused" in result) throw refusal(...REFUSALS[result.refused]);
  if (result.done !== what) throw new Error(`The data plane has ${result.done} something else`);
  return result as Extract<ControlResult, { done: D }>;
}
