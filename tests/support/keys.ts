// Pre-shared keys for tests.

import { createSecretFile } from "../../src/files/secret_file.ts";
import { type ClientKey, ID_BYTES, SECRET_BYTES } from "../../src/keys/key.ts";
import { emitKey } from "../../src/keys/key_file.ts";
import { KeyRing } from "../../src/keys/key_ring.ts";

/** A key as text. */
export interface WrittenKey {
  name: string;
  id: string;
  secret: string;
}

/** Makes a key; all that are made with the same number have the same id and secret. */
export function writtenKey(name: string, number = 1): WrittenKey {
  const id = new Uint8Array(ID_BYTES).fill(number).toHex();
  const secret = new Uint8Array(SECRET_BYTES).fill(number).toHex();
  return { name, id, secret };
}

/** Returns a key from its text. */
export function keyOf({ name, id, secret }: WrittenKey): ClientKey {
  return { name, id, secret: Uint8Array.fromHex(secret) };
}

/** Returns the keys of a server from their texts. */
export function keysOf(written: WrittenKey[]): KeyRing {
  return new KeyRing(written.map(keyOf));
}

/** Makes a key; see `writtenKey`. */
export function aKey(name: string, number = 1): ClientKey {
  return keyOf(writtenKey(name, number));
}

/** The key files of a server and of one client, in a directory of their own. */
export class KeyFiles implements Disposable {
  readonly directory: string = Deno.makeTempDirSync();
  /** The path of the server's file. */
  readonly server = `${this.directory}/server.keys`;
  /** The path of the client's file. */
  readonly client = `${this.directory}/client.key`;

  /** Writes the files: all keys for the server, and that of the client, which need not be among them. */
  constructor(keys: WrittenKey[], key: WrittenKey = keys[0]) {
    createSecretFile(this.server, keys.map((key) => emitKey(keyOf(key))).join(""));
    createSecretFile(this.client, emitKey(keyOf(key)));
  }

  /** Removes the files. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}
