// Connections to another program of this machine, by a name that no file has.

import { ERRNO, errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { POLLIN, PollSet } from "./poll.ts";
import { getOption } from "./socket_option.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  sockaddrUn,
  SOL_SOCKET,
} from "./structs.ts";

const SO_PEERCRED = 17;
/** The number of connections that can wait for a listener. */
const BACKLOG = 128;
/** `struct ucred` of unix(7), in 32-bit words. */
const UCRED = { pid: 0, uid: 1, length: 3 } as const;

/** The reason why there is no connection: nobody listens, or too many others wait for the listener. */
export type NoConnection = "refused" | "busy";

/**
 * A connection to a listening socket whose name is in the abstract namespace of unix(7). Each network
 * namespace has its own such names, and a name ends with its process.
 */
export class LocalSocket {
  #fd: number;
  /** The process that listens, even if it is stopped; 0 if it is in another namespace of process ids. */
  readonly pid: number;
  /** The user of that process when it began to listen. */
  readonly uid: number;

  private constructor(fd: number) {
    this.#fd = fd;
    const ucred = new Uint32Array(UCRED.length);
    getOption(fd, SOL_SOCKET, SO_PEERCRED, ucred);
    this.pid = ucred[UCRED.pid];
    this.uid = ucred[UCRED.uid];
  }

  /**
   * Connects without waiting for the listener.
   *
   * @param name The name, without the zero byte at its start
   * @returns The connection, to be closed by the caller; or the reason why there is none
   * @throws {SystemError} If the process cannot open such a socket
   *
   * See unix(7).
   */
  static connect(name: string): LocalSocket | NoConnection {
    const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) throw systemError("Cannot open a local socket", errno());
    const address = sockaddrUn(name);
    if (libc.connect(fd, address, address.length) === 0) return new LocalSocket(fd);
    const error = errno();
    libc.close(fd);
    if (error === ERRNO.ECONNREFUSED) return "refused";
    if (error === ERRNO.EAGAIN) return "busy";
    throw systemError(`Cannot connect to @${name}`, error);
  }

  /**
   * Reads until the other end closes.
   *
   * @param maxBytes The maximum number of bytes
   * @param timeoutMs The maximum time to wait, in milliseconds
   * @returns The bytes; fewer than were sent if the time is over or there are too many
   */
  async read(maxBytes: number, timeoutMs: number): Promise<Uint8Array> {
    const deadline = performance.now() + timeoutMs;
    const bytes = new Uint8Array(maxBytes);
    const set = new PollSet(1);
    set.add(this.#fd, POLLIN);
    let length = 0;
    while (length < maxBytes) {
      const left = Math.max(0, Math.ceil(deadline - performance.now()));
      if (await set.waitAsync(left) === 0) break;
      const room = bytes.subarray(length);
      const read = libc.recv(this.#fd, room, room.length, MSG_DONTWAIT);
      if (read <= 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  }

  /** Closes the connection. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}

/**
 * A listening socket whose name is in the abstract namespace of unix(7). Deno's own can have such a name only with
 * all permissions, in its older versions.
 */
export class LocalListener {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Listens under a name.
   *
   * @param name The name, without the zero byte at its start
   * @returns The listener, to be closed by the caller; undefined if another one has the name
   * @throws {SystemError} If the process cannot open such a socket
   */
  static listen(name: string): LocalListener | undefined {
    const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) throw systemError("Cannot open a local socket", errno());
    const address = sockaddrUn(name);
    if (libc.bind(fd, address, address.length) === 0 && libc.listen(fd, BACKLOG) === 0) {
      return new LocalListener(fd);
    }
    const error = errno();
    libc.close(fd);
    if (error === ERRNO.EADDRINUSE) return undefined;
    throw systemError(`Cannot listen on @${name}`, error);
  }

  /**
   * Sends something to the connection that has waited longest, and closes it. Never waits.
   *
   * @param make Makes the bytes, which must fit into the socket's buffer
   * @returns 1 if there was a connection, 0 if none waits, or a negative errno(3)
   */
  answer(make: () => Uint8Array<ArrayBuffer>): number {
    const fd = libc.accept4(this.#fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return errno() === ERRNO.EAGAIN ? 0 : -errno();
    const bytes = make();
    // The other end may have closed, which is as good as an answer.
    libc.send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    libc.close(fd);
    return 1;
  }

  /** Stops listening. */
  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}
