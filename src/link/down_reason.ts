// The reason why an interface is down, in words: switched off by the administrator, or without a carrier.

import type { LinkCondition } from "../../ffi/mod.ts";

/** The way to get a carrier. */
const PLUG = "check the cable, and the device at its other end";

/**
 * Explains why an interface is down.
 *
 * @param link The interface
 * @param other The interface below it, or the other end of a veth pair; undefined if there is none, or it is
 * in another network namespace
 * @returns The reason and the remedy, to follow "is down,"; undefined if the interface is up
 */
export function downReason(
  link: LinkCondition,
  other: LinkCondition | undefined,
): string | undefined {
  const { name, kind, isDormant } = link;
  const isPair = kind === "veth";
  if (!link.isSwitchedOn) {
    // It cannot be switched on before the interface below it.
    const below = !isPair && other?.isSwitchedOn === false ? other.name : undefined;
    const also = below === undefined ? "" : `, and so is ${below} below it`;
    const first = below === undefined ? "" : `ip link set ${below} up && `;
    return `switched off by the administrator${also}: ${first}ip link set ${name} up`;
  }
  if (link.isRunning) return undefined;
  if (isDormant) {
    return "without a carrier that it may use: it waits for 802.1X or Wi-Fi, so check the supplicant";
  }
  const without = "without a carrier";
  if (isPair) {
    const remedy = other === undefined || other.isSwitchedOn
      ? "switch it on, in its own network namespace"
      : `ip link set ${other.name} up`;
    return `${without}, because the other end of the veth pair is down: ${remedy}`;
  }
  if (other?.isSwitchedOn === false) {
    return `${without}, because ${other.name} below it was switched off by the administrator: ` +
      `ip link set ${other.name} up`;
  }
  if (other?.isRunning === false) {
    return `${without}, because ${other.name} below it has none: ${PLUG}`;
  }
  if (link.other?.isHere === false) {
    return `${without}, because the interface below it, in another network namespace, is down`;
  }
  if (kind === "bridge" || kind === "bond") return `${without}: none of its ports is up`;
  return `${without}: ${PLUG}`;
}
