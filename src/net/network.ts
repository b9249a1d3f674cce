// The address of a network: an address whose bits after the prefix are 0.

import { isIPv4 } from "node:net";
import { formatIp, groupsOf } from "./ip.ts";

/**
 * Returns the address of the network that an address is in.
 *
 * @param address An IPv4 or IPv6 address, without a scope id
 * @param prefix The prefix length
 * @returns The address with the bits after the prefix set to 0; undefined if they are 0 already
 */
export function networkOf(address: string, prefix: number): string | undefined {
  const isV4 = isIPv4(address);
  const parts = isV4 ? address.split(".").map(Number) : groupsOf(address)!;
  const bits = isV4 ? 8 : 16;
  const masked = parts.map((part, at) => {
    const kept = Math.min(bits, Math.max(0, prefix - at * bits));
    const rest = bits - kept;
    return part >>> rest << rest;
  });
  if (masked.every((part, at) => part === parts[at])) return undefined;
  return formatIp(masked);
}
