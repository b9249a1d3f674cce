// What this side calls itself: --name, the machine's host name, or one made up where that will not do.

import { NAME_MAX } from "./wire/mod.ts";
import { isPrintable } from "./wire/text.ts";

/** What a decoder puts in place of bytes that are not UTF-8, as `Deno.hostname()` does. */
const NOT_UTF8 = "\ufffd";

/** A name, and what is wrong with the one that it stands in for. */
export interface OwnName {
  name: string;
  /** For "the host name ..."; undefined where nothing is wrong. */
  fault: string | undefined;
}

/**
 * Says why a side cannot go by a name: peers would refuse it, or nobody could read it in a log.
 *
 * @param name The name.
 * @returns What is wrong, to be read behind "the name"; `undefined` where it will do.
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
 * The name of a side that was given none: the machine's host name, or else one that is made from the
 * interface's address. The same machine gets the same one at each start, since the addresses of
 * `--mac per-host` are made from it.
 *
 * @param hostName The machine's host name; anything.
 * @param mac The interface's address, 6 bytes.
 * @returns The name, and why it is not the host name.
 */
export function defaultName(hostName: string, mac: Uint8Array): OwnName {
  const fault = nameFault(hostName);
  return { name: fault === undefined ? hostName : `pppoe-proxy-${mac.toHex()}`, fault };
}
