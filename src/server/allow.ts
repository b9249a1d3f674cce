// The allow list: the addresses that may connect.

import { BlockList, isIP } from "node:net";
import { networkOf } from "../net/network.ts";

const LOOPBACK = ["127.0.0.0/8", "::1"];

/** The list of the addresses that may connect. */
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
   * Parses an allow list.
   *
   * @param entries IPv4 or IPv6 addresses and networks; each string has one or several, separated by
   * commas. A scope id (`%eth0`) is ignored. Without entries, only loopback addresses may connect.
   * @returns The list
   * @throws {Error} If an entry is neither an address nor a network, or has host bits set
   */
  static parse(entries: string[]): AllowList {
    const list = new AllowList(entries.length === 0);
    for (const entry of (entries.length > 0 ? entries : LOOPBACK)) {
      for (const part of entry.split(",")) list.#add(part.trim(), entry);
    }
    return list;
  }

  #add(text: string, entry: string) {
    const fail = (reason: string) => new Error(`Cannot read --allow "${text || entry}": ${reason}`);
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
   * Checks whether an address may connect.
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
