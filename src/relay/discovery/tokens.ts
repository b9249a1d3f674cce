// What stands for a discovery on the AC's link: 12 bytes that nobody else makes.
//
//     counter    4   another one for each token
//     signature  4   of the counter, by a secret: this server knows its own tokens again
//     mark       4   of the eight before it: any server knows a token of another one
//
// The two lowest bits of the mark say how many other servers the discovery had passed before.

import { createHash, createHmac } from "node:crypto";

/** How long a token is. A Relay-Session-Id must not be longer (RFC 2516, appendix A). */
export const TOKEN_BYTES = 12;

const COUNTER_BYTES = 4;
const SIGNED_BYTES = 8;
const PASSES = 0x03;

/** How many servers a discovery may pass, one after the other. */
export const MAX_PASSES = 3;

/** Makes tokens, and knows those that it has made, also in an earlier run with the same secret. */
export interface TokenSource {
  /**
   * Makes another one at each call.
   *
   * @param passes How many other servers the discovery has passed before, 0 to 3.
   */
  next(passes: number): Uint8Array;
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

  next(passes: number): Uint8Array {
    const token = new Uint8Array(TOKEN_BYTES);
    new DataView(token.buffer).setUint32(0, this.#counter);
    this.#counter = (this.#counter + 1) >>> 0;
    token.set(this.#sign(token), COUNTER_BYTES);
    token.set(markOf(token), SIGNED_BYTES);
    token[TOKEN_BYTES - 1] |= passes & PASSES;
    return token;
  }

  made(token: Uint8Array): boolean {
    if (token.length !== TOKEN_BYTES) return false;
    const signature = this.#sign(token);
    return signature.every((byte, index) => byte === token[COUNTER_BYTES + index]);
  }

  #sign(token: Uint8Array): Uint8Array {
    const hmac = createHmac("sha256", this.#secret).update(token.subarray(0, COUNTER_BYTES));
    return hmac.digest().subarray(0, SIGNED_BYTES - COUNTER_BYTES);
  }
}

/**
 * How many servers a discovery had passed before the one that made this token, whichever that was;
 * undefined where these bytes are no token.
 */
export function passesOf(token: Uint8Array): number | undefined {
  if (token.length !== TOKEN_BYTES) return undefined;
  const mark = markOf(token);
  for (let at = SIGNED_BYTES; at < TOKEN_BYTES; at++) {
    const byte = at === TOKEN_BYTES - 1 ? token[at] & ~PASSES : token[at];
    if (byte !== mark[at - SIGNED_BYTES]) return undefined;
  }
  return token[TOKEN_BYTES - 1] & PASSES;
}

/** Tokens that only this run knows again, where there is no secret to keep. */
export function randomTokens(secret?: Uint8Array): Tokens {
  const [counter] = crypto.getRandomValues(new Uint32Array(1));
  return new Tokens(secret ?? crypto.getRandomValues(new Uint8Array(16)), counter);
}

function markOf(token: Uint8Array): Uint8Array {
  const mark = createHash("sha256").update(token.subarray(0, SIGNED_BYTES)).digest();
  mark[TOKEN_BYTES - SIGNED_BYTES - 1] &= ~PASSES;
  return mark.subarray(0, TOKEN_BYTES - SIGNED_BYTES);
}
