// Pre-shared keys for tests.

import { type ClientKey, ID_BYTES, SECRET_BYTES } from "../../src/keys/key.ts";
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
