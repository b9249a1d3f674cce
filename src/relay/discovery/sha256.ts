// SHA-256 (FIPS 180-4) and HMAC (RFC 2104) of short messages. node:crypto allocates an object outside of V8's
// heap for each hash, which takes longer than the hash, and piles up while discoveries flood in.

/** The length of a hash in bytes. */
const HASH_BYTES = 32;
/** The maximum length of a message in bytes, so that it fits into one block with its padding. */
export const MESSAGE_MAX = 55;
const BLOCK_BYTES = 64;

const FIRST_STATE = /* @__PURE__ */ Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K = Uint32Array.from(primes(64), (prime) => (Math.cbrt(prime) % 1) * 2 ** 32);

const schedule = new Uint32Array(64);
const block = new Uint8Array(BLOCK_BYTES);

/** Hashes a message of up to {@linkcode MESSAGE_MAX} bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  return finish(FIRST_STATE, 0, message);
}

/** Makes the HMAC of messages with one key. */
export class HmacSha256 {
  readonly #inner = FIRST_STATE.slice();
  readonly #outer = FIRST_STATE.slice();

  /** Takes a key of up to 64 bytes. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK_BYTES) throw new RangeError(`Cannot use a key of ${key.length} bytes`);
    const padded = new Uint8Array(BLOCK_BYTES);
    padded.set(key);
    compress(this.#inner, padded.map((byte) => byte ^ 0x36));
    compress(this.#outer, padded.map((byte) => byte ^ 0x5c));
  }

  /** Makes the HMAC of a message of up to {@linkcode MESSAGE_MAX} bytes. */
  of(message: Uint8Array): Uint8Array {
    return finish(this.#outer, 1, finish(this.#inner, 1, message));
  }
}

// Hashes the last bytes of a message, after a number of whole blocks that led to a state.
function finish(before: Uint32Array, blocks: number, last: Uint8Array): Uint8Array {
  if (last.length > MESSAGE_MAX) throw new RangeError(`Cannot hash ${last.length} bytes`);
  block.fill(0);
  block.set(last);
  block[last.length] = 0x80;
  const bits = 8 * (blocks * BLOCK_BYTES + last.length);
  block[BLOCK_BYTES - 2] = bits >>> 8;
  block[BLOCK_BYTES - 1] = bits;
  const state = before.slice();
  compress(state, block);
  const hash = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) hash[i] = state[i >> 2] >>> (24 - 8 * (i & 3));
  return hash;
}

function compress(state: Uint32Array, bytes: Uint8Array): void {
  const w = schedule;
  for (let t = 0; t < 16; t++) {
    const at = 4 * t;
    w[t] = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  }
  for (let t = 16; t < 64; t++) {
    const [x, y] = [w[t - 15], w[t - 2]];
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ x >>> 3;
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ y >>> 10;
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = h + s1 + (e & f ^ ~e & g) + K[t] + w[t] | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = s0 + (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + t1 | 0;
    d = c;
    c = b;
    b = a;
    a = t1 + t2 | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

function rotate(word: number, bits: number): number {
  return word >>> bits | word << 32 - bits;
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
}
