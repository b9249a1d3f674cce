// A lock that one process at a time can hold.

import { constants } from "node:fs";
import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { cString } from "./structs.ts";

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
const O_CLOEXEC = 0x80000;
/** The flags of open(2). A link could lead to a file of another program, and a pipe would keep this one waiting. */
const FLAGS = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * A lock that is released when its process ends for whatever reason. Child processes do not inherit it.
 * The file is never removed, because then two processes could hold two files of the same name.
 */
export class LockFile {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Takes the lock. Creates the file, readable only by its owner, if it does not exist. Follows no link.
   *
   * @param path The path of the file
   * @returns The lock, to be closed by the caller; undefined while another process or this one holds it
   * @throws {SystemError} If the file cannot be opened or locked
   *
   * See flock(2).
   */
  static take(path: string): LockFile | undefined {
    const fd = libc.openCreating(cString(path), FLAGS, 0o600);
    if (fd < 0) throw systemError(`Cannot open ${path}`, errno());
    if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return new LockFile(fd);
    const error = errno();
    libc.close(fd);
    if (error === ERRNO.EAGAIN) return undefined;
    throw systemError(`Cannot lock ${path}`, error);
  }

  /** Releases the lock. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}
