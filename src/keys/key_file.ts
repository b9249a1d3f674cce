// The text of key files: one key a line, as `NAME ID SECRET [allow=CIDR,…] [sessions=N] [up=RATE] [down=RATE]`.
//
// Errors name the file, the line, the field and the remedy. They repeat nothing of a line, because a mistake may
// have put the secret, or a part of it, in the place of something else.

import { ConfigurationError } from "../configuration_error.ts";
import { AddressList } from "../net/address_list.ts";
import { type ClientKey, ID_BYTES, type Key, SECRET_BYTES } from "./key.ts";
import { keyNameFault } from "./key_name.ts";
import { formatRate, parseRate, RATE } from "./rate.ts";

/** The maximum size of a key file. */
export const KEY_FILE_MAX_BYTES = 2 ** 20;
/** The maximum number of lines of a key file, including comments. */
const KEY_LINES_MAX = 10_000;
/** The maximum number of keys of one name: the old and the new one. */
export const KEYS_OF_NAME_MAX = 2;
/** The maximum number of sessions in a line, as for `--max-sessions`. */
const SESSIONS_MAX = 65_534;

const RATE_FAULT = `must be a number of bits per second from ${formatRate(RATE.least)} to ${
  formatRate(RATE.most)
}, such as 20M or 500k`;
/** The fault of a rate that is a number, and too low. */
const RATE_TOO_LOW =
  `is too low for a tunnel, whose pings would come too late; the smallest value is ${
    formatRate(RATE.least)
  }`;
/** The options of a line, and their faults. */
const OPTIONS = ["allow", "sessions", "up", "down"] as const;
type Option = typeof OPTIONS[number];

/** A key, and the line that it comes from. */
interface NumberedKey {
  readonly key: ClientKey;
  readonly line: number;
}

/**
 * Parses the key file of a server.
 *
 * @param text The content of the file
 * @param file The name of the file, for errors
 * @returns The keys in the order of their lines; the file may have none
 * @throws {ConfigurationError} If a line is invalid, an id is there twice, or a name has more than two keys
 */
export function parseKeys(text: string, file: string): ClientKey[] {
  return numberedKeys(text, file).map(({ key }) => key);
}

/**
 * Parses the key file of a client, which has exactly one key and no options.
 *
 * @param text The content of the file
 * @param file The name of the file, for errors
 * @returns The key
 * @throws {ConfigurationError} If the file is that of a server, has no key, or has an invalid line
 */
export function parseClientKey(text: string, file: string): Key {
  const keys = numberedKeys(text, file);
  const fail = (reason: string) => new ConfigurationError(`Cannot use ${file}: ${reason}`);
  if (keys.length === 0) throw fail("it has no key; give the file NAME.key that keygen has made");
  if (keys.length > 1) {
    throw fail(
      `it has ${keys.length} keys, so it is a server's; give the file of this client, NAME.key`,
    );
  }
  const [{ key: { name, id, secret, ...options }, line }] = keys;
  const [option] = Object.values(options).filter((value) => value !== undefined);
  if (option === undefined) return { name, id, secret };
  throw fault(file, line, "limits belong in the server's file; remove what follows the key");
}

/**
 * Formats a key as a line of a key file.
 *
 * @param key The key
 * @returns The line, with its line break
 */
export function emitKey({ name, id, secret, ...options }: ClientKey): string {
  const { allow, maxSessions, upBps, downBps } = options;
  const words = [name, id, secret.toHex()];
  if (allow !== undefined) words.push(`allow=${allow}`);
  if (maxSessions !== undefined) words.push(`sessions=${maxSessions}`);
  if (upBps !== undefined) words.push(`up=${formatRate(upBps)}`);
  if (downBps !== undefined) words.push(`down=${formatRate(downBps)}`);
  return `${words.join(" ")}\n`;
}

function numberedKeys(text: string, file: string): NumberedKey[] {
  const lines = text.split("\n");
  if (lines.length > KEY_LINES_MAX) {
    throw new ConfigurationError(
      `Cannot read ${file}: it has more than ${KEY_LINES_MAX} lines; remove keys without a use`,
    );
  }
  const keys: NumberedKey[] = [];
  const lineOfId = new Map<string, number>();
  const linesOfName = new Map<string, number[]>();
  for (const [index, content] of lines.entries()) {
    const line = index + 1;
    const words = content.trim().split(/[ \t]+/);
    if (words[0] === "" || words[0].startsWith("#")) continue;
    const key = parseLine(words, (reason) => fault(file, line, reason));
    const same = lineOfId.get(key.id);
    if (same !== undefined) {
      throw fault(file, line, `its id is that of line ${same}; remove one of the two`);
    }
    lineOfId.set(key.id, line);
    const others = linesOfName.get(key.name) ?? [];
    if (others.length === KEYS_OF_NAME_MAX) {
      const before = others.join(" and ");
      throw fault(
        file,
        line,
        `its name has two keys already, on lines ${before}; remove the oldest`,
      );
    }
    linesOfName.set(key.name, [...others, line]);
    keys.push({ key, line });
  }
  return keys;
}

function fault(file: string, line: number, reason: string): ConfigurationError {
  return new ConfigurationError(`Cannot read ${file}, line ${line}: ${reason}`);
}

function parseLine(words: string[], fail: (reason: string) => Error): ClientKey {
  const [name, id, secret, ...options] = words;
  const nameFault = keyNameFault(name);
  if (nameFault !== undefined) {
    throw fail(`the name ${nameFault}; a line is NAME ID SECRET, as keygen writes it`);
  }
  if (secret === undefined) {
    throw fail("the line is too short; it is NAME ID SECRET, as keygen writes it");
  }
  if (!isHex(id, ID_BYTES)) throw fail(`the id must have ${2 * ID_BYTES} hexadecimal digits`);
  if (!isHex(secret, SECRET_BYTES)) {
    throw fail(`the secret must have ${2 * SECRET_BYTES} hexadecimal digits`);
  }
  const key = { name, id: id.toLowerCase(), secret: Uint8Array.fromHex(secret) };
  return { ...key, ...parseOptions(options, fail) };
}

function isHex(text: string, bytes: number): boolean {
  return text.length === 2 * bytes && /^[0-9a-f]+$/i.test(text);
}

function parseOptions(
  words: string[],
  fail: (reason: string) => Error,
): Omit<ClientKey, keyof Key> {
  const given = new Map<Option, string>();
  for (const word of words) {
    if (word.startsWith("#")) throw fail("a comment needs a line of its own, above the key");
    const at = word.indexOf("=");
    const option = OPTIONS.find((one) => one === word.slice(0, Math.max(0, at)));
    if (option === undefined) {
      throw fail("an option is unknown; after the secret come allow=, sessions=, up= and down=");
    }
    if (given.has(option)) throw fail(`${option}= is there twice; give it once`);
    given.set(option, word.slice(at + 1));
  }
  const rate = (option: "up" | "down") => {
    const text = given.get(option);
    if (text === undefined) return undefined;
    const bps = parseRate(text);
    if (bps === undefined) throw fail(`${option}= ${RATE_FAULT}`);
    if (bps < RATE.least) throw fail(`${option}= ${RATE_TOO_LOW}`);
    return bps;
  };
  const allow = given.get("allow");
  const sessions = given.get("sessions");
  const upBps = rate("up");
  const downBps = rate("down");
  const maxSessions = sessions === undefined ? undefined : Number(sessions);
  if (maxSessions !== undefined) {
    if (!/^\d{1,5}$/.test(sessions!) || maxSessions < 1 || maxSessions > SESSIONS_MAX) {
      throw fail(`sessions= must be a whole number from 1 to ${SESSIONS_MAX}`);
    }
  }
  return {
    ...allow === undefined ? {} : { allow: addressesOf(allow, fail) },
    ...maxSessions === undefined ? {} : { maxSessions },
    ...upBps === undefined ? {} : { upBps },
    ...downBps === undefined ? {} : { downBps },
  };
}

function addressesOf(text: string, fail: (reason: string) => Error): AddressList {
  const flag = "allow=";
  for (const part of text.split(",")) {
    try {
      AddressList.parse([part], flag);
    } catch (error) {
      // The message repeats the entry before the reason.
      const { message } = error as Error;
      throw fail(`${flag}: ${message.slice(`Cannot read ${flag} "${part}": `.length)}`);
    }
  }
  return AddressList.parse([text], flag);
}
