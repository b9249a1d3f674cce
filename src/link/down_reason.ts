// The reason why an interface is down, in words: switched off by the administrator, or without a carrier.

import type { InterfaceCondition } from "../../ffi/mod.ts";

/** Returns an interface of this network namespace by its number; undefined if it cannot be read. */
type Find = (index: number) => InterfaceCondition | undefined;

/** The way to get a carrier. */
const PLUG = "check the cable, and the device at its other end";
/** The ways to get one for interfaces without a cable, by their kind. */
const REMEDIES: { readonly [kind: string]: ((name: string) => string) | undefined } = {
  tun: () =>
    ": no program has the tap open, so start the one that uses it, such as a virtual machine",
  bridge: portReason,
  bond: portReason,
  team: portReason,
};

/**
 * Explains why an interface is down.
 *
 * @param link The interface
 * @param find Reads the interfaces on which it depends
 * @returns The reason and the remedy, to follow "is down,"; undefined if the interface is up
 */
export function downReason(
  link: InterfaceCondition,
  find: Find,
): string | undefined {
  const { name, kind } = link;
  if (!link.isSwitchedOn) {
    // It cannot be switched on before the interface below it.
    const other = otherOf(link, find);
    const below = kind !== "veth" && other?.isSwitchedOn === false ? other.name : undefined;
    const also = below === undefined ? "" : `, and so is ${below} below it`;
    const first = below === undefined ? "" : `ip link set ${below} up && `;
    return `switched off by the administrator${also}: ${first}ip link set ${name} up`;
  }
  if (link.isRunning) return undefined;
  return `without a carrier${carrierReason(link, find)}`;
}

/** Explains why an interface that is switched on has no carrier, to follow "without a carrier". */
function carrierReason(link: InterfaceCondition, find: Find): string {
  const { name, kind, isDormant } = link;
  if (isDormant) return " that it may use: it waits for 802.1X or Wi-Fi, so check the supplicant";
  const other = otherOf(link, find);
  if (kind === "veth") {
    const remedy = other === undefined || other.isSwitchedOn
      ? "switch it on, in its own network namespace"
      : `ip link set ${other.name} up`;
    return `, because the other end of the veth pair is down: ${remedy}`;
  }
  if (other?.isSwitchedOn === false) {
    return `, because ${other.name} below it was switched off by the administrator: ` +
      `ip link set ${other.name} up`;
  }
  if (other?.isRunning === false) {
    return `, because ${other.name} below it has none${carrierReason(other, find)}`;
  }
  if (link.other?.isHere === false) {
    return ", because the interface below it, in another network namespace, is down";
  }
  return REMEDIES[kind ?? ""]?.(name) ?? `: ${PLUG}`;
}

/** Returns the interface below another one, or the other end of a veth pair, if it is in this namespace. */
function otherOf({ other }: InterfaceCondition, find: Find): InterfaceCondition | undefined {
  return other?.isHere ? find(other.index) : undefined;
}

function portReason(name: string): string {
  return `, because it has no port that is up: see ip -br link show master ${name}`;
}
