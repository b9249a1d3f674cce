// The environment of this process, and what a descriptor leads to. Deno has permissions of their own for both.

import { libc } from "./libc.ts";
import { cString } from "./structs.ts";

const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
const STATX_LENGTH = 256;
const STX_INO = 32;
const STX_DEV_MAJOR = 136;
const STX_DEV_MINOR = 140;
const NO_PATH = cString("");

/**
 * Reads a variable of the environment.
 *
 * @param name The name
 * @returns The value; undefined if there is no such variable
 *
 * See getenv(3).
 */
export function environmentVariable(name: string): string | undefined {
  const value = libc.getenv(cString(name));
  return value === null ? undefined : Deno.UnsafePointerView.getCString(value);
}

/**
 * Identifies the file, pipe or socket that a descriptor leads to.
 *
 * @param fd The descriptor
 * @returns The numbers of its device and its inode, as in `JOURNAL_STREAM`; undefined if it is not open
 *
 * See statx(2), makedev(3) and systemd.exec(5).
 */
export function fileIdentity(fd: number): string | undefined {
  const facts = new Uint8Array(STATX_LENGTH);
  if (libc.statx(fd, NO_PATH, AT_EMPTY_PATH, STATX_INO, facts) < 0) return undefined;
  const view = new DataView(facts.buffer);
  const major = BigInt(view.getUint32(STX_DEV_MAJOR, true));
  const minor = BigInt(view.getUint32(STX_DEV_MINOR, true));
  const device = (major & 0xfffff000n) << 32n | (major & 0xfffn) << 8n |
    (minor & 0xffffff00n) << 12n | minor & 0xffn;
  return `${device}:${view.getBigUint64(STX_INO, true)}`;
}
