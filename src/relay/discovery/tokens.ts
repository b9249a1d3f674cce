// Tokens of 12 bytes, which represent discoveries on the AC's link, and which nobody else can make.
//
//     counter    4   different for each token
//     signature  4   of the counter, with a secret, so that a server recognizes its own tokens
//     mark       4   of the eight bytes before it, so that any server recognizes another one's token
//
// The two lowest bits of the mark are the number of other servers that the discovery had passed before.

import { HmacSha256, sha256 } from "./sha256.ts";

/** The length of a token. A Relay-Session-Id must not be longer (RFC 2516, appendix A). */
export const TOKEN_BYTES = 12;

const COUNTER_BYTES = 4;
const SIGNED_BYTES = 8;
const PASSES = 0x03;

/** The maximum number of servers that a discovery may pass, one after the other. */
export const MAX_PASSES = 3;

/** Makes tokens, and recognizes those that it made, even in an earlier run with the same secret. */
export interface TokenSource {
  /**
   * Makes a new token.
   *
   * @param passes The number of other servers that the discovery has passed before, 0 to 3
   */
  next(passes: number): Uint8Array;
  /** Returns true if this source made a token. */
  made(token: Uint8Array): boolean;
}

/** Makes tokens from a counter and the first bytes of its HMAC (RFC 2104), which it recognizes without a list. */
export class Tokens implements TokenSource {
  readonly #hmac: HmacSha256;
  #counter: number;

  /** Makes a source with a secret and a counter, which should start at a random number of 32 bits. */
  constructor(secret: Uint8Array, counter: number) {
    this.#hmac = new HmacSha256(secret);
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
    const hash = this.#hmac.of(token.subarray(0, COUNTER_BYTES));
    return hash.subarray(0, SIGNED_BYTES - COUNTER_BYTES);
  }
}

/**
 * Reads the number of servers that a discovery had passed before any server made this token.
 *
 * @returns The number, 0 to 3; undefined if the bytes are not a token
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

/** Makes a source with a random counter. Without a secret that is kept, only this run recognizes its tokens. */
export function randomTokens(secret?: Uint8Array): Tokens {
  const [counter] = crypto.getRandomValues(new Uint32Array(1));
  return new Tokens(secret ?? crypto.getRandomValues(new Uint8Array(16)), counter);
}

function markOf(token: Uint8Array): Uint8Array {
  const mark = sha256(token.subarray(0, SIGNED_BYTES));
  mark[TOKEN_BYTES - SIGNED_BYTES - 1] &= ~PASSES;
  return mark.subarray(0, TOKEN_BYTES - SIGNED_BYTES);
}
