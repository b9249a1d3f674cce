// An address of ours for one station beyond the tunnel.

const LOCAL = 0x02;
const GROUP = 0x01;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A locally administered unicast address (IEEE 802, section 8.4) that is always the same for the same
 * station behind the same peer, on every server and after every restart, so that what an ISP keeps
 * for an address stays this station's.
 *
 * @param name What the peer calls itself.
 * @param mac The station's own address.
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

// Fowler, Noll and Vo's hash 1a, of 32 bits (RFC 9923), stirred once more: its last bytes are weak.
function fnv1a(bytes: number[]): number {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
