// IP addresses as text: parsing, formatting, and the form in which they are counted.

import { isIPv4, isIPv6 } from "node:net";

/** The number of groups in the network part of an IPv6 address: one site or one host gets a whole /64. */
const NETWORK_GROUPS = 4;

/**
 * Removes the scope id of a link-local address (RFC 4007, section 11), which names an interface of this
 * machine. The peer address of a socket does not have one.
 *
 * @param address The address as text
 * @returns The text without `%` and what follows
 */
export function withoutScope(address: string): string {
  return address.includes(":") ? address.replace(/^([^%]*)%[^%/]+$/, "$1") : address;
}

/**
 * Parses an IP address.
 *
 * @param address The address as text; a scope id is ignored
 * @returns The 4 bytes of an IPv4 address, also if the text has its IPv6 form, or the 8 groups of 16 bits of an
 * IPv6 address; undefined if it is neither
 */
export function parseIp(address: string): number[] | undefined {
  if (isIPv4(address)) return address.split(".").map(Number);
  const groups = groupsOf(address);
  return groups && unmapped(groups);
}

/**
 * Returns the IPv4 address that an IPv6 address stands for (RFC 4291, section 2.5.5.2), as `::ffff:192.0.2.1`
 * does.
 *
 * @param groups The 8 groups of an IPv6 address
 * @returns The 4 bytes of the IPv4 address; the groups themselves if there is none
 */
export function unmapped(groups: number[]): number[] {
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]) : groups;
}

/**
 * Returns the groups of an IPv6 address, and treats the IPv6 form of an IPv4 address like any other.
 *
 * @param address The address as text; a scope id is ignored
 * @returns The 8 groups of 16 bits; undefined if it is no IPv6 address
 */
export function groupsOf(address: string): number[] | undefined {
  const bare = withoutScope(address);
  if (!isIPv6(bare)) return undefined;
  const hexadecimal = bare.replace(/[\d.]+$/, (end) => {
    if (!end.includes(".")) return end;
    const [a, b, c, d] = end.split(".").map(Number);
    return `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  });
  const [left, right = ""] = hexadecimal.split("::");
  const parse = (text: string) => text === "" ? [] : text.split(":").map((g) => parseInt(g, 16));
  const [before, after] = [parse(left), parse(right)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/**
 * Formats an IP address in its short form (RFC 5952).
 *
 * @param parts The 4 bytes of an IPv4 address, or the 8 groups of an IPv6 address
 * @returns The text
 */
export function formatIp(parts: readonly number[]): string {
  if (parts.length === 4) return parts.join(".");
  const groups = parts.map((group) => group.toString(16)).join(":");
  // A URL has the short form.
  return new URL(`http://[${groups}]`).hostname.slice(1, -1);
}

/**
 * Returns what an address counts as wherever connections or frames are counted by address. A machine
 * with one IPv6 address usually has the whole /64 around it, and could otherwise pose as 2^64 clients.
 *
 * @param address An IP address as text, such as `Deno.NetAddr.hostname`
 * @returns An IPv4 address as it is, also for its IPv6 form; the /64 of an IPv6 address, such as
 * `2001:db8:0:1::/64`; any other text as it is
 */
export function countedAs(address: string): string {
  if (!address.includes(":")) return address;
  const parts = parseIp(address);
  if (parts === undefined) return address;
  if (parts.length === 4) return formatIp(parts);
  return `${formatIp(parts.map((group, at) => at < NETWORK_GROUPS ? group : 0))}/64`;
}
