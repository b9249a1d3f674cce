// The blocks of a pcapng file, in little-endian byte order, with timestamps in microseconds.
//
// A file begins with a section header, and an interface description for each interface. Each frame is an enhanced
// packet block, which names its interface by number. See draft-ietf-opsawg-pcapng.

/** The types of blocks. */
export const BLOCK = { SECTION: 0x0a0d0d0a, INTERFACE: 1, STATISTICS: 5, PACKET: 6 } as const;

/** The first bytes of every file. */
export const FILE_START: Uint8Array = Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a);

/** The direction of a frame, as seen from its interface (epb_flags, bits 0 and 1). */
export const DIRECTION = { IN: 1, OUT: 2 } as const;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const VERSION = { major: 1, minor: 0 } as const;
const LINKTYPE_ETHERNET = 1;
/** The length of a section whose end is not known. */
const UNKNOWN = 0xffff_ffff;
const OPTION = {
  END: 0,
  COMMENT: 1,
  SECTION_HARDWARE: 2,
  SECTION_OS: 3,
  SECTION_APPLICATION: 4,
  INTERFACE_NAME: 2,
  INTERFACE_DESCRIPTION: 3,
  PACKET_FLAGS: 2,
  PACKET_DROPS: 4,
  STATISTICS_DELIVERED: 8,
  STATISTICS_LOST: 7,
} as const;
/** The lengths of the parts of a packet block: before the frame, and the most after it. */
const PACKET_HLEN = 28;
const OPTION_HLEN = 4;
const TRAILER = 4;
const TAIL_MAX = (OPTION_HLEN + 4) + (OPTION_HLEN + 8) + OPTION_HLEN + OPTION_HLEN + TRAILER;
const UINT32 = 2 ** 32;

const encoder = new TextEncoder();

/** Rounds a length up to the boundary that blocks and options are padded to. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Returns the length of the block at an offset, in bytes. */
export function blockLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4] | bytes[at + 5] << 8 | bytes[at + 6] << 16 | bytes[at + 7] << 24) >>> 0;
}

/** Returns the type of the block at an offset: one of {@linkcode BLOCK}, or another value. */
export function blockType(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}

/** The texts of a section header. */
export interface Section {
  /** The machine, such as `x86_64`. */
  hardware: string;
  /** The operating system. */
  os: string;
  /** The program, with its version. */
  application: string;
  comment?: string;
}

/** Builds the block that begins a file. */
export function emitSection({ hardware, os, application, comment }: Section): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, VERSION.major, true);
  view.setUint16(6, VERSION.minor, true);
  view.setUint32(8, UNKNOWN, true);
  view.setUint32(12, UNKNOWN, true);
  return emitBlock(BLOCK.SECTION, body, [
    option(OPTION.SECTION_HARDWARE, hardware),
    option(OPTION.SECTION_OS, os),
    option(OPTION.SECTION_APPLICATION, application),
    ...comment === undefined ? [] : [option(OPTION.COMMENT, comment)],
  ]);
}

/** Builds the description of an interface. The interfaces are numbered from 0, in the order of the file. */
export function emitInterface(
  { name, description, snapLength }: { name: string; description: string; snapLength: number },
): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, LINKTYPE_ETHERNET, true);
  view.setUint32(4, snapLength, true);
  return emitBlock(BLOCK.INTERFACE, body, [
    option(OPTION.INTERFACE_NAME, name),
    option(OPTION.INTERFACE_DESCRIPTION, description),
  ]);
}

/**
 * Builds the statistics of an interface, for the end of a capture.
 *
 * @param interfaceId The number of the interface
 * @param atMs The time in ms since the epoch
 * @param written The number of frames of the interface in the capture
 * @param leftOut The number of frames for which there was no room
 */
export function emitStatistics(
  interfaceId: number,
  atMs: number,
  { written, leftOut }: { written: number; leftOut: number },
): Uint8Array {
  const body = new Uint8Array(12);
  const view = new DataView(body.buffer);
  view.setUint32(0, interfaceId, true);
  writeTime(view, 4, atMs);
  return emitBlock(BLOCK.STATISTICS, body, [
    [OPTION.STATISTICS_DELIVERED, uint64(written)],
    [OPTION.STATISTICS_LOST, uint64(leftOut)],
  ]);
}

/** A builder of packet blocks, one at a time, in memory of its own. Nothing is allocated for a block. */
export class PacketBlock {
  /** The memory of the block. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The offset of the frame in that memory. */
  readonly frameAt = PACKET_HLEN;
  readonly #view: DataView;
  readonly #commentMax: number;
  #length = 0;
  #captured = 0;
  #direction = 0;

  /**
   * Makes a builder.
   *
   * @param frameMax The length of the longest frame
   * @param commentMax The length of the longest comment, in bytes; the rest of a longer one is left out
   */
  constructor(frameMax: number, commentMax: number) {
    this.#commentMax = commentMax;
    this.bytes = new Uint8Array(PACKET_HLEN + padded(frameMax) + padded(commentMax) + TAIL_MAX);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** The length of the finished block, in bytes. */
  get length(): number {
    return this.#length;
  }

  /**
   * Begins a block. The caller then puts the frame at `frameAt`.
   *
   * @param interfaceId The number of the interface
   * @param direction One of {@linkcode DIRECTION}
   * @param atMs The time in ms since the epoch, with a fraction
   * @param captured The number of bytes of the frame that are there
   * @param length The length of the frame on the wire
   */
  begin(
    interfaceId: number,
    direction: number,
    atMs: number,
    captured: number,
    length: number,
  ): void {
    const view = this.#view;
    view.setUint32(0, BLOCK.PACKET, true);
    view.setUint32(8, interfaceId, true);
    writeTime(view, 12, atMs);
    view.setUint32(20, captured, true);
    view.setUint32(24, length, true);
    this.#captured = captured;
    this.#direction = direction;
  }

  /**
   * Finishes the block.
   *
   * @param comment The memory with the comment
   * @param commentLength The length of the comment, in bytes
   * @param leftOut The number of frames that are missing before this one
   */
  finish(comment: Uint8Array, commentLength: number, leftOut: number): void {
    const { bytes } = this;
    const view = this.#view;
    const length = Math.min(commentLength, this.#commentMax);
    let at = PACKET_HLEN + this.#captured;
    for (const end = padded(at); at < end; at++) bytes[at] = 0;
    at = this.#option(at, OPTION.PACKET_FLAGS, 4);
    view.setUint32(at, this.#direction, true);
    at += 4;
    if (leftOut > 0) {
      at = this.#option(at, OPTION.PACKET_DROPS, 8);
      view.setUint32(at, leftOut >>> 0, true);
      view.setUint32(at + 4, Math.floor(leftOut / UINT32), true);
      at += 8;
    }
    at = this.#option(at, OPTION.COMMENT, length);
    for (let i = 0; i < length; i++) bytes[at + i] = comment[i];
    at += length;
    for (const end = padded(at); at < end; at++) bytes[at] = 0;
    at = this.#option(at, OPTION.END, 0);
    this.#length = at + TRAILER;
    view.setUint32(4, this.#length, true);
    view.setUint32(at, this.#length, true);
  }

  // Writes the head of an option; returns the offset of its value.
  #option(at: number, code: number, length: number): number {
    this.#view.setUint16(at, code, true);
    this.#view.setUint16(at + 2, length, true);
    return at + OPTION_HLEN;
  }
}

type Option = [code: number, value: Uint8Array];

function option(code: number, text: string): Option {
  return [code, encoder.encode(text)];
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

// Writes a time as the two halves of a number of microseconds, the upper one first.
function writeTime(view: DataView, at: number, atMs: number): void {
  const us = Math.round(atMs * 1000);
  view.setUint32(at, Math.floor(us / UINT32), true);
  view.setUint32(at + 4, us % UINT32, true);
}

function emitBlock(type: number, body: Uint8Array, options: Option[]): Uint8Array {
  const optionsLength = options.reduce(
    (sum, [, { length }]) => sum + OPTION_HLEN + padded(length),
    OPTION_HLEN,
  );
  const length = 8 + body.length + optionsLength + TRAILER;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(body, 8);
  let at = 8 + body.length;
  for (const [code, value] of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + OPTION_HLEN);
    at += OPTION_HLEN + padded(value.length);
  }
  view.setUint32(length - TRAILER, length, true);
  return bytes;
}
