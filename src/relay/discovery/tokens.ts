// What stands for a discovery on the AC's link: 8 bytes that nobody else makes.

import { createHmac } from "node:crypto";

/** How long a token is. */
export const TOKEN_BYTES = 8;

const COUNTER_BYTES = 4;

/** Makes tokens, and knows those that it has made, also in an earlier run with the same secret. */
export interface TokenSource {
  /** Another one at each call. */
  next(): Uint8Array;
  /** Whether it has made this one. */
  made(token: Uint8Array): boolean;
}

/**
 * Tokens of a counter and the first bytes of its HMAC (RFC 2104), so that no list is needed to know one
 * again.
 */
export class Tokens implements TokenSource {
  readonly #secret: Uint8Array;
  #counter: number;

  /** Tokens of a secret, from a counter that is best a random number of 32 bits. */
  constructor(secret: Uint8Array, counter: number) {
    this.#secret = secret;
    this.#counter = counter >>> 0;
  }

  next(): Uint8Array {
    const token = new Uint8Array(TOKEN_BYTES);
    new DataView(token.buffer).setUint32(0, this.#counter);
    this.#counter = (this.#counter + 1) >>> 0;
    token.set(this.#sign(token), COUNTER_BYTES);
    return token;
  }

  made(token: Uint8Array): boolean {
    if (token.length !== TOKEN_BYTES) return false;
    const signature = this.#sign(token);
    return signature.every((byte, index) => byte === token[COUNTER_BYTES + index]);
  }

  #sign(token: Uint8Array): Uint8Array {
    const hmac = createHmac("sha256", this.#secret).update(token.subarray(0, COUNTER_BYTES));
    return hmac.digest().subarray(0, TOKEN_BYTES - COUNTER_BYTES);
  }
}

/** Tokens that only this run knows again, where there is no secret to keep. */
export function randomTokens(secret?: Uint8Array): Tokens {
  const [counter] = crypto.getRandomValues(new Uint32Array(1));
  return new Tokens(secret ?? crypto.getRandomValues(new Uint8Array(16)), counter);
}
