// The name of this side: --name, the machine's host name, or a generated one if the host name is unusable.

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

/**
 * Chooses a name for a side without `--name`: the machine's host name, or one made from the interface's
 * address. It is the same at each start, because the addresses of `--mac per-host` are derived from it.
 *
 * @param hostName The machine's host name, which may be anything
 * @param mac The interface's address, 6 bytes
 * @returns The name, and the fault of the host name if it cannot be used
 */
export function defaultName(hostName: string, mac: Uint8Array): OwnName {
  const fault = nameFault(hostName);
  return { name: fault === undefined ? hostName : `pppoe-proxy-${mac.toHex()}`, fault };
}
