// A look at the sides of this machine at one moment, and the form in which it is shown.

import type { Side } from "../../side.ts";
import type { Style } from "./style.ts";
import type { SessionsView, StatusView } from "./view.ts";

/** A side that runs. */
export interface SideView {
  /** The side; undefined if it was asked at a given address and did not answer. */
  side: Side | undefined;
  /** The name of its interface; undefined as above. */
  interface: string | undefined;
  /** Its own name; undefined if it is unknown. */
  name: string | undefined;
  /** The process; undefined if it is unknown, as in another container. */
  pid: number | undefined;
  /** The user of the process, if it is another one than ours. */
  uid: number | undefined;
  /** The address at which it was asked; undefined if it serves no status. */
  address: string | undefined;
  /** True if it has been told to stop. */
  stopping: boolean;
  /** The reason why it could not be asked, with advice. */
  failure: string | undefined;
  /** The answer; undefined if there is none. */
  status: StatusView | undefined;
  /** Some of its sessions; undefined if there is no answer. */
  sessions: SessionsView | undefined;
}

/** A look at all sides. */
export interface Look {
  /** The time of day, in ms. */
  clockMs: number;
  /** The time of a monotonic clock, in ms. */
  atMs: number;
  sides: SideView[];
}

/** The form in which a look is shown. */
export interface Form {
  /** The width of a line; `Infinity` for no limit. */
  width: number;
  style: Style;
  /** The maximum number of rows of a table; `Infinity` for no limit. */
  rows: number;
  /** An earlier look, since which rates are counted; without one, they are averages since the start. */
  before?: Look;
}

/**
 * Names a side.
 *
 * @param side The side
 * @returns The words, such as `client branch on eth1`
 */
export function titleOf(
  { side, interface: on, name, address }: Pick<SideView, "side" | "interface" | "name" | "address">,
): string {
  if (side === undefined) return `program at ${address}`;
  return [side, ...name === undefined ? [] : [name], ...on === undefined ? [] : [`on ${on}`]]
    .join(" ");
}

/** Returns true if all sides were asked and do their job, and there is one. */
export function isHealthy({ sides }: Look): boolean {
  return sides.length > 0 && sides.every(({ status }) => status?.healthy === true);
}

/**
 * Finds a side as it was at an earlier look.
 *
 * @param side The side
 * @param before The earlier look
 * @returns The side; undefined if it was not there, did not answer, or has been started anew since then
 */
export function earlierOf(side: SideView, before: Look | undefined): SideView | undefined {
  const then = before?.sides.find((one) =>
    one.side === side.side && one.interface === side.interface && one.address === side.address
  );
  if (then?.status === undefined || side.status === undefined) return undefined;
  return then.status.uptimeSeconds <= side.status.uptimeSeconds ? then : undefined;
}
