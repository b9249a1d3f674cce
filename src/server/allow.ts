// Lists of addresses: those that may connect, and those of proxies.

import { BlockList, isIP } from "node:net";
import { networkOf } from "../net/network.ts";

const LOOPBACK = ["127.0.0.0/8", "::1"];

/** A list of addresses, usually of those that may connect. */
export class AllowList {
  // In spite of its name, a BlockList only checks whether it contains an address. It treats an
  // IPv4-mapped IPv6 address like the IPv4 address, both in the list and in a check.
  readonly #networks = new BlockList();
  readonly #entries: string[] = [];

  /** True if no entry was given, so that only loopback addresses may connect. */
  readonly isDefault: boolean;

  private constructor(isDefault: boolean) {
    this.isDefault = isDefault;
  }

  /**
   * Parses a list.
   *
   * @param entries IPv4 or IPv6 addresses and networks; each string has one or several, separated by
   * commas. A scope id (`%eth0`) is ignored.
   * @param flag The flag that they come from, for errors
   * @param byDefault The entries if there are none; by default those of loopback addresses
   * @returns The list
   * @throws {Error} If an entry is neither an address nor a network, or has host bits set
   */
  static parse(entries: string[], flag = "--allow", byDefault = LOOPBACK): AllowList {
    const list = new AllowList(entries.length === 0);
    for (const entry of (entries.length > 0 ? entries : byDefault)) {
      for (const part of entry.split(",")) list.#add(part.trim(), entry, flag);
    }
    return list;
  }

  /**
   * Parses the list of the proxies, which is empty without entries.
   *
   * @param entries The addresses and networks, as for {@linkcode parse}
   * @returns The list
   * @throws {Error} If an entry is neither an address nor a network
   */
  static parseProxies(entries: string[]): AllowList {
    return AllowList.parse(entries, "--proxy-protocol", []);
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
    if (version === 0) {
      throw fail("give an IPv4 or IPv6 address, alone or with a prefix length, like 192.0.2.0/24");
    }
    const family = version === 4 ? "ipv4" : "ipv6";
    if (slash < 0) {
      this.#networks.addAddress(address, family);
    } else {
      const prefix = text.slice(slash + 1);
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
  allows(address: string): boolean {
    const bare = withoutScope(address);
    const version = isIP(bare);
    return version !== 0 && this.#networks.check(bare, version === 4 ? "ipv4" : "ipv6");
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

// Removes the scope id of a link-local address (RFC 4007, section 11), which names an interface of this
// machine. The peer address of a socket does not have one.
function withoutScope(address: string): string {
  return address.includes(":") ? address.replace(/^([^%]*)%[^%/]+$/, "$1") : address;
}
