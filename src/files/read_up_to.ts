// Reading a file of limited size.

/**
 * Reads to the end of a file, which need not be as large as the system says.
 *
 * @param read Reads the next bytes into an array, and returns their number; 0 or null at the end
 * @param maxBytes The maximum number of bytes
 * @returns The bytes; undefined if the file has more
 */
export function readUpTo(
  read: (into: Uint8Array) => number | null,
  maxBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(maxBytes + 1);
  let length = 0;
  while (length < bytes.length) {
    const count = read(bytes.subarray(length));
    if (!count) return bytes.slice(0, length);
    length += count;
  }
  return undefined;
}
