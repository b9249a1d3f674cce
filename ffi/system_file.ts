// Reading the files of /proc, for which Deno itself needs all permissions.

import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { cString } from "./structs.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const PIECE_BYTES = 16_384;
const decoder = new TextDecoder();

/**
 * Reads a file that the kernel makes up, as those of proc(5). They have no size beforehand.
 *
 * @param path The path of the file
 * @returns The text
 * @throws {SystemError} If the file cannot be opened or read
 */
export function readSystemFile(path: string): string {
  const fd = libc.open(cString(path), O_RDONLY_CLOEXEC);
  if (fd < 0) throw systemError(`Cannot read ${path}`, errno());
  const pieces: Uint8Array[] = [];
  try {
    while (true) {
      const piece = new Uint8Array(PIECE_BYTES);
      const count = libc.read(fd, piece, piece.length);
      if (count === 0) break;
      if (count > 0) pieces.push(piece.subarray(0, count));
      else if (errno() !== ERRNO.EINTR) throw systemError(`Cannot read ${path}`, errno());
    }
  } finally {
    libc.close(fd);
  }
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
}
