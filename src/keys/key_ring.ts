// The keys that a server knows.

import { readSecretFile } from "../files/secret_file.ts";
import { ConfigurationError } from "../configuration_error.ts";
import type { ClientKey, Key, KeyLookup } from "./key.ts";
import { KEY_FILE_MAX_BYTES, parseClientKey, parseKeys } from "./key_file.ts";

/**
 * The keys of a server at one moment. A file that is read again makes another ring.
 *
 * @example Find a key
 * ```ts
 * import { KeyRing } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const secret = crypto.getRandomValues(new Uint8Array(32));
 * const key = { name: "osaka", id: "0123456789abcdef0123456789abcdef", secret };
 * const keys = new KeyRing([key]);
 * assertEquals([keys.find(key.id), keys.find("")], [key, undefined]);
 * ```
 */
export class KeyRing implements KeyLookup {
  /** The file that the keys come from; undefined if there is none. */
  readonly file: string | undefined;
  /** The keys, in the order of the file. */
  readonly keys: readonly ClientKey[];
  readonly #byId: ReadonlyMap<string, ClientKey>;
  readonly #names: ReadonlySet<string>;

  /**
   * Makes a ring.
   *
   * @param keys The keys, with different ids
   * @param file The file that they come from
   */
  constructor(keys: readonly ClientKey[], file?: string) {
    this.file = file;
    this.keys = keys;
    this.#byId = new Map(keys.map((key) => [key.id, key]));
    this.#names = new Set(keys.map(({ name }) => name));
  }

  /**
   * Reads the key file of a server.
   *
   * @param file The path of the file
   * @returns The keys in it
   * @throws {ConfigurationError} If the file is unsafe or cannot be read, or a line is invalid
   */
  static read(file: string): KeyRing {
    return new KeyRing(parseKeys(readText(file), file), file);
  }

  find(id: string): ClientKey | undefined {
    return this.#byId.get(id);
  }

  /**
   * Checks whether a client still has a key.
   *
   * @param name The name of the client
   * @returns True if a key has that name
   */
  knows(name: string): boolean {
    return this.#names.has(name);
  }
}

/**
 * Reads the key file of a client.
 *
 * @param file The path of the file
 * @returns The key in it
 * @throws {ConfigurationError} If the file is unsafe or cannot be read, or has not exactly one key
 */
export function readClientKey(file: string): Key {
  return parseClientKey(readText(file), file);
}

/** Reads the text of a key file. */
export function readText(file: string): string {
  const bytes = readSecretFile(file, KEY_FILE_MAX_BYTES);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigurationError(`Cannot read ${file}: it is not UTF-8 text`);
  }
}
