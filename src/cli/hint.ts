// Hints for what a user may have meant by a word that is not known.

import { closest, MISTAKES_MAX } from "../closest.ts";
import { CLIENT_FLAGS, type Flags, SERVER_FLAGS } from "./flags.ts";

/** The number of letters from which the start of a flag is a hint. */
const ABBREVIATION_MIN = 3;

/** A hyphen, or a dash such as word processors and web pages put in its place. */
const DASHES = /^[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+/;

/** Returns true if a word was meant as a flag. */
export function isFlag(word: string): boolean {
  return DASHES.test(word);
}

/** Returns the name of a flag as it was meant: without dashes before it and value, and in small letters. */
export function bareFlag(word: string): string {
  const visible = word.replace(/\p{Cf}/gu, "");
  return visible.replace(DASHES, "").replace(/[=:]?$|=.*/s, "").replaceAll("_", "-").toLowerCase();
}

/**
 * Describes what may have been meant by an unknown flag.
 *
 * @param name The flag, with or without dashes and a value
 * @param flags The flags that are known
 * @param dashes What stands before a flag, which is nothing in a configuration file
 * @returns The hint in parentheses, after a space; empty if there is none
 */
export function flagHint(name: string, flags: Flags, dashes = "--"): string {
  const bare = bareFlag(name);
  const [start] = bare.split(/\s/);
  if (start !== bare && Object.hasOwn(flags, start)) {
    return ` (give ${dashes}${start} and its value as two words)`;
  }
  if (Object.hasOwn(flags, bare)) return ` (did you mean ${dashes}${bare}?)`;
  const sides = Object.entries({ server: SERVER_FLAGS, client: CLIENT_FLAGS });
  const owners = sides.filter(([, flags]) => Object.hasOwn(flags, bare));
  if (owners.length > 0) {
    return ` (it is a flag of ${owners.map(([side]) => `the ${side}`).join(" and ")})`;
  }
  if (Object.hasOwn(ADVICE, bare)) return ` (${ADVICE[bare]})`;
  // A likely flag of the other side comes before an unlikely one of this side.
  for (const mistakes of [0, 1, MISTAKES_MAX]) {
    for (const [side, known] of [[undefined, flags] as const, ...sides]) {
      const meant = meantFlags(bare, known, mistakes).map((flag) => `${dashes}${flag}`);
      if (meant.length === 0) continue;
      const whose = side === undefined ? "" : `, a flag of the ${side}`;
      return ` (did you mean ${meant.join(" or ")}${whose}?)`;
    }
  }
  return "";
}

/** The flags, with their values, for the words that other programs have for what they do. */
const SYNONYMS: { readonly [flag: string]: string } = {
  interface: "i if iface intf dev device nic",
  connect: "c s server peer remote host endpoint",
  listen: "bind local lport",
  config: "f",
  "key-file": "psk secret pre-shared-key tls encrypt",
  status: "metrics http prometheus",
  allow: "acl whitelist allowlist allowed-ips",
  "dead-timeout": "timeout keepalive",
  "mac transparent": "transparent",
  "mac per-host": "per-host",
  "log-level debug": "v vv vvv d verb verbose debug",
  "log-level warning": "q quiet silent",
};

const FOREGROUND = "the program stays in the foreground; leave this out";
const OF_DENO = "it is a flag of Deno, which comes before main.ts";

/** The advice for words that no flag stands for. */
const ADVICE: { readonly [word: string]: string } = {
  port: "put the port behind the address, as in HOST:PORT",
  p: "put the port behind the address, as in HOST:PORT",
  daemon: FOREGROUND,
  daemonize: FOREGROUND,
  background: FOREGROUND,
  foreground: FOREGROUND,
  vlan: "give the VLAN's own interface to --interface, such as eth1.7",
  a: OF_DENO,
  "allow-all": OF_DENO,
  "allow-net": OF_DENO,
};

/** Returns the flags, with the value if that was typed too, for which a word was probably meant. */
function meantFlags(typed: string, flags: Flags, mistakes: number): string[] {
  const known = Object.keys(flags);
  const [start] = known.filter((flag) => typed.startsWith(flag))
    .sort((a, b) => b.length - a.length);
  const rest = start === undefined ? "" : typed.slice(start.length).replace(/^[:/]/, "");
  // A value was glued to its flag, as in --grace20.
  if (/^[\d"'[]|:\d+$/.test(rest) && flags[start].value !== undefined) return [`${start} ${rest}`];
  const [synonym] =
    Object.entries(SYNONYMS).find(([, words]) => words.split(" ").includes(typed)) ??
      [];
  if (synonym !== undefined && Object.hasOwn(flags, synonym.split(" ")[0])) return [synonym];
  if (start !== undefined) return [start];
  const abbreviated = known.filter((flag) => flag.startsWith(typed));
  if (typed.length >= ABBREVIATION_MIN && abbreviated.length > 0) return abbreviated;
  return [closest(typed, known, mistakes) ?? []].flat();
}
