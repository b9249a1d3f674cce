// HOST:PORT, as on the command line and in the log.

import { isIPv6 } from "node:net";
import { reasonOf } from "../reason.ts";

/** An address to listen on or to connect to. */
export interface Endpoint {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  hostname: string;
  /** 0 to 65535; 0 lets the system choose where to listen. */
  port: number;
}

/**
 * Parses `HOST:PORT`, where an IPv6 address is in brackets.
 *
 * @param text The text, such as `vpn.example:8000`, `10.0.0.1:8000` or `[2001:db8::1]:8000`
 * @returns The endpoint
 * @throws {TypeError} If the text has another form; the message gives the reason
 *
 * @example An IPv6 address
 * ```ts
 * import { parseEndpoint } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseEndpoint("[2001:db8::1]:8000"), { hostname: "2001:db8::1", port: 8000 });
 * ```
 */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new TypeError(
      /^[0-9a-fA-F:]+$/.test(text) && text.split(":").length > 2
        ? `"${text}" needs brackets around the IPv6 address: [2001:db8::1]:8000`
        : `"${text}" is not HOST:PORT, such as 192.0.2.1:8000`,
    );
  }
  if (match[1] !== undefined && !isIPv6(match[1])) {
    throw new TypeError(`"${text}" has no IPv6 address in its brackets`);
  }
  if (match[2]?.includes("*")) {
    throw new TypeError(`"${text}" has no address; 0.0.0.0 and [::] stand for all of them`);
  }
  const port = Number(match[3]);
  if (port > 65535) throw new TypeError(`"${text}" has a port over 65535`);
  return { hostname: match[1] ?? match[2], port };
}

/**
 * Formats an endpoint as {@linkcode parseEndpoint} reads it.
 *
 * @param endpoint The endpoint
 * @returns The text, with an IPv6 address in brackets
 */
export function formatEndpoint({ hostname, port }: Endpoint): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Returns true if an IP address can only be reached from its own machine. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./i.test(address);
}

/**
 * Explains why an address cannot be listened on, and how to fix it.
 *
 * @param error The error of the system call
 * @returns The reason, to follow a colon
 */
export function listenReason(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "the address is in use; choose another port";
  if (error instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "not permitted; ports under 1024 need root or CAP_NET_BIND_SERVICE";
  }
  return reasonOf(error);
}
