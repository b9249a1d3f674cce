// Makes an address for each station beyond the tunnel.

const LOCAL = 0x02;
const GROUP = 0x01;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Makes a locally administered unicast address (IEEE 802, section 8.4). A station behind a peer gets the same
 * address on every server and after every restart, so that it keeps whatever an ISP assigns to the address.
 *
 * @param name The name of the peer
 * @param mac The station's own address
 * @returns The address
 */
export function macFor(name: string, mac: Uint8Array): Uint8Array {
  const bytes = [...mac, ...new TextEncoder().encode(name)];
  const high = fnv1a([1, ...bytes]);
  const low = fnv1a([2, ...bytes]);
  return Uint8Array.of(
    ((high >>> 8) & ~GROUP) | LOCAL,
    high,
    low >>> 24,
    low >>> 16,
    low >>> 8,
    low,
  );
}

// Computes the 32-bit hash FNV-1a (RFC 9923), mixed once more because its last bytes are weak.
function fnv1a(bytes: number[]): number {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
