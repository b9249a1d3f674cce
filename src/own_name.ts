// The name of this side: --name, the machine's host name, or a made-up one where that will not do.

import { NAME_MAX } from "./wire/mod.ts";
import { isPrintable } from "./wire/text.ts";

/** The character that decoders, such as `Deno.hostname()`, put for bytes that are not UTF-8. */
const NOT_UTF8 = "\ufffd";

/** A name, and the fault of the host name that it replaces. */
export interface OwnName {
  name: string;
  /** For "the host name ..."; undefined where nothing is wrong. */
  fault: string | undefined;
}

/**
 * Says why a side cannot use a name: peers would refuse it, or nobody could read it in a log.
 *
 * @param name The name
 * @returns The fault, to follow "the name"; `undefined` where the name will do
 */
export function nameFault(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.includes(NOT_UTF8)) return "is not UTF-8";
  if (!isPrintable(name)) return "has characters that do not print";
  if (name.trim() === "") return "is nothing but white space";
  const { length } = new TextEncoder().encode(name);
  return length > NAME_MAX ? `has ${length} bytes, over ${NAME_MAX}` : undefined;
}

/**
 * Names a side that was given no name: by the machine's host name, or else by the interface's address. A
 * machine gets the same name at each start, because the addresses of `--mac per-host` are made from it.
 *
 * @param hostName The machine's host name; anything
 * @param mac The interface's address, 6 bytes
 * @returns The name, and why it is not the host name
 */
export function defaultName(hostName: string, mac: Uint8Array): OwnName {
  const fault = nameFault(hostName);
  return { name: fault === undefined ? hostName : `pppoe-proxy-${mac.toHex()}`, fault };
}
