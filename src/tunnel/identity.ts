// The identity of a client across its tunnels: the secret that it shows, and the key that a server derives
// from it. Where clients have pre-shared keys, the identity is the name of the key.

import { createHash, createHmac } from "node:crypto";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import type { Key } from "../keys/key.ts";
import { FEATURE, type Hello, RESUME_SECRET_LENGTH } from "../wire/mod.ts";

/** The length of a peer's key, in hexadecimal digits. */
const KEY_DIGITS = 32;

/**
 * Makes the secret that a client shows to one server. Each server gets a different one.
 *
 * @param identity The client's own secret, which it shows to nobody
 * @param server The server, as the client was told to connect to it
 * @returns 16 bytes, the same each time
 */
export function secretFor(identity: Uint8Array, server: Endpoint): Uint8Array {
  const secret = createHmac("sha256", identity).update(formatEndpoint(server)).digest();
  return secret.subarray(0, RESUME_SECRET_LENGTH);
}

/**
 * Makes the secret that a client with a pre-shared key shows. It depends on the key alone, so that nobody
 * can show it who only has a copy of the state directory.
 *
 * @param key The client's pre-shared key
 * @returns 16 bytes, the same each time
 */
export function secretOfKey({ secret }: Key): Uint8Array {
  const derived = createHmac("sha256", secret).update("pppoe-proxy resume").digest();
  return derived.subarray(0, RESUME_SECRET_LENGTH);
}

/**
 * Makes the key by which a server knows a client with a pre-shared key across tunnels. It is that of the
 * name: a second pre-shared key of the same name gets the same sessions, and what the greeting says about
 * the client's identity does not matter.
 *
 * @param hello The client's greeting
 * @param key The client's pre-shared key
 * @returns The key; `undefined` if the client does not resume sessions
 */
export function namedPeerKey({ features }: Hello, { name }: Key): string | undefined {
  return (features & FEATURE.RESUME) === 0 ? undefined : peerKeyOfName(name);
}

/**
 * Makes the key of a client with a pre-shared key from the name alone, for clients that are away.
 *
 * @param name The name of the pre-shared key
 * @returns The key that {@linkcode namedPeerKey} makes for a client that resumes sessions
 */
export function peerKeyOfName(name: string): string {
  return createHash("sha256").update(`key ${name}`).digest("hex").slice(0, KEY_DIGITS);
}

/**
 * Makes the key by which a server knows a client across tunnels. The key does not reveal the secret,
 * because it is logged and kept in files.
 *
 * @param hello The client's greeting
 * @returns The key; `undefined` if the client does not resume sessions
 */
export function peerKey({ features, resumeSecret }: Hello): string | undefined {
  if ((features & FEATURE.RESUME) === 0 || resumeSecret === undefined) return undefined;
  return createHash("sha256").update(resumeSecret).digest("hex").slice(0, KEY_DIGITS);
}
