// Fields of 16, 32 and 48 bits in network byte order.

/**
 * Reads a 16-bit field. Allocates nothing.
 *
 * @param bytes The bytes that hold the field
 * @param offset The offset of the field in `bytes`
 * @returns The value; a byte beyond the end of `bytes` counts as 0
 */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}

/**
 * Writes a 16-bit field in place. Allocates nothing.
 *
 * @param bytes The bytes that hold the field
 * @param offset The offset of the field in `bytes`
 * @param value The value, of which the low 16 bits are written
 */
export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/**
 * Reads a 32-bit field. Allocates nothing.
 *
 * @param bytes The bytes that hold the field
 * @param offset The offset of the field in `bytes`
 * @returns The value; a byte beyond the end of `bytes` counts as 0
 */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x10000 + readUint16(bytes, offset + 2);
}

/**
 * Writes a 32-bit field in place. Allocates nothing.
 *
 * @param bytes The bytes that hold the field
 * @param offset The offset of the field in `bytes`
 * @param value The value, of which the low 32 bits are written
 */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  writeUint16(bytes, offset, value >>> 16);
  writeUint16(bytes, offset + 2, value);
}

/**
 * Reads a 48-bit field, such as a MAC address as a number. Allocates nothing.
 *
 * @param bytes The bytes that hold the field
 * @param offset The offset of the field in `bytes`
 * @returns The value; a byte beyond the end of `bytes` counts as 0
 */
export function readUint48(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x1_0000_0000 + readUint32(bytes, offset + 2);
}
