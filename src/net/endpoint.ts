// HOST:PORT, as on the command line and in the log.

import { isIPv4, isIPv6 } from "node:net";
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
 * @param example The text that an error gives as an example
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
export function parseEndpoint(text: string, example = "192.0.2.1:8000"): Endpoint {
  const [, inBrackets, bare, digits] = FORM.exec(text) ?? [];
  if (digits === undefined) throw new TypeError(`"${text}" ${formFault(text, example)}`);
  if (inBrackets !== undefined && !isIPv6(inBrackets)) {
    throw new TypeError(
      isIPv4(inBrackets)
        ? `"${text}" needs no brackets: ${inBrackets}:${digits}`
        : `"${text}" has no IPv6 address in its brackets`,
    );
  }
  if (bare?.includes("*")) {
    throw new TypeError(`"${text}" has no address; 0.0.0.0 and [::] stand for all of them`);
  }
  if (bare !== undefined && !isHostName(bare)) {
    throw new TypeError(`"${bare}" is not an IPv4 address or a host name`);
  }
  const port = Number(digits);
  if (port > 65535) throw new TypeError(`"${text}" has a port over 65535`);
  return { hostname: inBrackets ?? bare, port };
}

const FORM = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\s:[\]]+)):(\d+)$/;

/** Describes why a text does not have the form HOST:PORT. */
function formFault(text: string, example: string): string {
  const port = example.slice(example.lastIndexOf(":"));
  const [, address, ownPort] = /^(.*)(:\d{2,})$/.exec(text) ?? [];
  if (address !== undefined && isIPv6(address)) {
    return `needs brackets around the IPv6 address: [${address}]${ownPort}`;
  }
  if (isIPv6(text)) return `needs brackets around the IPv6 address: [${text}]${port}`;
  if (text.includes("://")) return `is a URL; give only HOST:PORT, such as ${example}`;
  if (/^(\[[^\s[\]]+\]|[^\s:[\]]+):(?!\d+$)[^\s:]+$/.test(text)) {
    return `must have one number as its port, such as ${port.slice(1)}`;
  }
  return `is not HOST:PORT, such as ${example}`;
}

/** Returns true for a host name or an IPv4 address, with letters of any language. */
function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  if (/^\d+$/.test(labels.at(-1)!)) return isIPv4(text);
  return labels.every((label) => /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]*$/u.test(label));
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

/** Returns true for the IP address that stands for all addresses of a machine. */
export function isUnspecified(address: string): boolean {
  return /^(0\.0\.0\.0|[0:]+)$/.test(address);
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
  const reason = reasonOf(error);
  if (!/lookup address/.test(reason)) return reason;
  return "there is no such name or address; for all addresses of this machine give 0.0.0.0";
}
