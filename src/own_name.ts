// The name of this side: --name, one made from the machine's host name, or a generated one if that is unusable.

import type { Side } from "./side.ts";
import { NAME_MAX } from "./wire/mod.ts";
import { isPrintable } from "./wire/text.ts";

/** The character by which decoders, such as `Deno.hostname()`, replace bytes that are not UTF-8. */
const NOT_UTF8 = "\ufffd";

/** A name, and the fault of the host name if the name replaces it. */
export interface OwnName {
  name: string;
  /** The fault, in words that follow "the host name"; undefined if there is none. */
  fault: string | undefined;
}

/**
 * Checks a name. Peers would refuse a faulty one, or it could not be read in a log.
 *
 * @param name The name
 * @returns The fault, in words that follow "the name"; `undefined` if there is none
 */
export function nameFault(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.includes(NOT_UTF8)) return "is not UTF-8";
  if (!isPrintable(name)) return "contains unprintable characters";
  if (name.trim() === "") return "consists of white space";
  const { length } = new TextEncoder().encode(name);
  if (length <= NAME_MAX) return undefined;
  return `is ${length} bytes long; the maximum is ${NAME_MAX}`;
}

/** The end of a server's default name, by which it differs from that of a client with the same host name. */
const SERVER = "-server";

/**
 * Chooses a name for a side without `--name`: the machine's host name, with `-server` behind it at a server,
 * or one made from the interface's address. It is the same at each start, because the addresses of
 * `--mac per-host` are derived from it. For the same reason, that of a client is the host name as it is: an
 * ISP sees those addresses.
 *
 * @param side The side
 * @param hostName The machine's host name, which may be anything
 * @param mac The interface's address, 6 bytes
 * @returns The name, and the fault of the host name if it cannot be used
 */
export function defaultName(side: Side, hostName: string, mac: Uint8Array): OwnName {
  const fault = nameFault(hostName);
  if (fault !== undefined) return { name: `pppoe-proxy-${mac.toHex()}`, fault };
  return { name: side === "server" ? nameOfServer(hostName) : hostName, fault };
}

function nameOfServer(hostName: string): string {
  const room = new Uint8Array(NAME_MAX - SERVER.length);
  const { read } = new TextEncoder().encodeInto(hostName, room);
  return `${hostName.slice(0, read)}${SERVER}`;
}
