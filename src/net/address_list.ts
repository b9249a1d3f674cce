// Lists of addresses: those of clients that may connect, and those of proxies.

import { BlockList, isIP, isIPv4 } from "node:net";
import { isLoopback, isUnspecified } from "./endpoint.ts";
import { parseIp, withoutScope } from "./ip.ts";
import { networkOf } from "./network.ts";

/** The advice for an entry that is neither an address nor a network. */
const REMEDIES: readonly (readonly [entry: RegExp, remedy: string])[] = [
  [/^(any|all|\*)$/i, "for anyone give 0.0.0.0/0,::/0"],
  [/\S\s+\S/, "separate the entries by commas"],
  [/^(\d+\.[\d.]+|\[.*\]):\d+$/, "leave the port out"],
  [/^\[.*\]/, "leave the brackets out"],
  [/^[\d.]+(\*|-)[\d.*]*$/, "give a network with a prefix length, like 192.0.2.0/24"],
  [/^[^:/]*[a-z][^:/]*$/i, "names are not looked up; give an IPv4 or IPv6 address"],
  [/(?:)/, "give an IPv4 or IPv6 address, alone or with a prefix length, like 192.0.2.0/24"],
];

/**
 * A list of addresses and networks.
 *
 * @example Check an address
 * ```ts
 * import { AddressList } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const list = AddressList.parse(["192.0.2.0/24,2001:db8::/32"], "--allow");
 * assertEquals([list.contains("192.0.2.7"), list.contains("10.0.0.1")], [true, false]);
 * ```
 */
export class AddressList {
  // In spite of its name, a BlockList only checks whether it contains an address. It treats an
  // IPv4-mapped IPv6 address like the IPv4 address, both in the list and in a check.
  readonly #networks = new BlockList();
  readonly #entries: string[] = [];

  private constructor() {}

  /**
   * Parses a list.
   *
   * @param entries IPv4 or IPv6 addresses and networks; each string has one or several, separated by
   * commas. A scope id (`%eth0`) is ignored.
   * @param flag The flag that they come from, for errors
   * @returns The list
   * @throws {Error} If an entry is neither an address nor a network, or has host bits set
   */
  static parse(entries: string[], flag: string): AddressList {
    const list = new AddressList();
    for (const entry of entries) {
      for (const part of entry.split(",")) list.#add(part.trim(), entry, flag);
    }
    return list;
  }

  /** True if the list has no entry. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  #add(text: string, entry: string, flag: string) {
    const fail = (reason: string) => new Error(`Cannot read ${flag} "${text || entry}": ${reason}`);
    if (text === "") {
      throw fail(
        entry.trim() === ""
          ? "give an address or a network, like 192.0.2.0/24"
          : "an entry is empty; remove the extra comma",
      );
    }

    const slash = text.indexOf("/");
    const address = withoutScope(slash < 0 ? text : text.slice(0, slash));
    const version = isIP(address);
    if (version === 0) throw fail(REMEDIES.find(([entry]) => entry.test(text))![1]);
    const family = version === 4 ? "ipv4" : "ipv6";
    if (slash < 0) {
      if (isUnspecified(address)) {
        throw fail(`it is not the address of a client; for anyone give ${address}/0`);
      }
      this.#networks.addAddress(address, family);
    } else {
      const prefix = text.slice(slash + 1);
      const bits = version === 4 ? prefixOfMask(prefix) : undefined;
      if (bits !== undefined) {
        throw fail(`give ${networkOf(address, bits) ?? address}/${bits}, without a mask`);
      }
      const longest = version === 4 ? 32 : 128;
      if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > longest) {
        throw fail(`the prefix length must be 0 to ${longest}`);
      }
      const network = networkOf(address, Number(prefix));
      if (network !== undefined) {
        throw fail(
          `it has host bits set; give ${network}/${prefix}, or ${address} alone`,
        );
      }
      this.#networks.addSubnet(address, Number(prefix), family);
    }
    this.#entries.push(text);
  }

  /**
   * Checks whether an address is on the list.
   *
   * @param address An IPv4 or IPv6 address as text, such as `Deno.NetAddr.hostname`
   * @returns True if it is on the list; false for anything that is not an address
   */
  contains(address: string): boolean {
    const bare = withoutScope(address);
    const version = isIP(bare);
    return version !== 0 && this.#networks.check(bare, version === 4 ? "ipv4" : "ipv6");
  }

  /**
   * Checks whether any of the addresses can reach one that a server listens on.
   *
   * @param listening The IP address that the server listens on
   * @returns False if none is of the same family, or the server is only reached from its own machine
   */
  canReach(listening: string): boolean {
    if (listening === "::") return !this.isEmpty;
    const addresses = this.#entries.map((entry) => entry.split("/")[0]);
    const isV4 = (address: string) => parseIp(address)?.length === 4;
    const same = addresses.filter((address) => isV4(address) === isV4(listening));
    if (!isLoopback(listening)) return same.length > 0;
    return this.contains(listening) || same.some(isLoopback);
  }

  /**
   * Formats the list.
   *
   * @returns The entries as they were given, separated by commas
   */
  toString(): string {
    return this.#entries.join(",");
  }
}

/** The allow list of a server that was given none. */
export const ONLY_LOOPBACK = AddressList.parse(["127.0.0.0/8", "::1"], "--allow");

/** The allow list of a server with keys that was given none: the keys say who may connect. */
export const EVERYBODY = AddressList.parse(["0.0.0.0/0", "::/0"], "--allow");

/**
 * Makes the list of the addresses that may connect.
 *
 * @param entries The entries, as for {@linkcode AddressList.parse}
 * @param otherwise The list without entries, {@linkcode ONLY_LOOPBACK} by default
 * @returns The list
 * @throws {Error} If an entry is neither an address nor a network, or has host bits set
 */
export function allowList(entries: string[], otherwise: AddressList = ONLY_LOOPBACK): AddressList {
  return entries.length === 0 ? otherwise : AddressList.parse(entries, "--allow");
}

/**
 * Makes the list of the proxies.
 *
 * @param entries The entries, as for {@linkcode AddressList.parse}
 * @returns The list
 * @throws {Error} If an entry is neither an address nor a network, or has host bits set
 */
export function proxyList(entries: string[]): AddressList {
  return AddressList.parse(entries, "--proxy-protocol");
}

/** Returns the prefix length for a mask such as 255.255.255.0; undefined if it is not a mask. */
function prefixOfMask(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  const bits = text.split(".").map((byte) => Number(byte).toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : undefined;
}
