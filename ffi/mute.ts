// Keeping Deno's event loop asleep while another thread uses a socket.

import { ERRNO, errno } from "./errno.ts";
import { libc } from "./libc.ts";
import { descriptorTableSize } from "./descriptor_limit.ts";
import { EPOLL_EVENT } from "./structs.ts";
import { readSystemFile } from "./system_file.ts";

const EFD_CLOEXEC = 0x80000;
const EPOLL_CTL_MOD = 3;
/** The edge-triggered flag. Without any event beside it, epoll reports only errors and the hang-up. */
const EPOLLET = 0x8000_0000;

let epolls: number[] | undefined;

/**
 * Stops Deno's event loop from watching a socket, without closing it. Deno watches all its sockets for
 * every event, so each segment that another thread reads would wake the main thread too, which takes
 * about a sixth of a busy process's time. Afterwards reads and writes through Deno never complete, but
 * closing still works.
 *
 * Changes nothing if the kernel does not tell which epoll instance has the descriptor, or refuses.
 *
 * @param fd The descriptor
 *
 * See epoll_ctl(2), and /proc/pid/fdinfo in proc(5).
 */
export function muteSocket(fd: number): void {
  const entry = new RegExp(`^tfd:\\s+${fd} .*data:\\s+([0-9a-f]+)`, "m");
  // The event loop keeps its epoll instances as long as the process runs.
  epolls ??= findEpolls();
  for (const epoll of epolls) {
    const data = entry.exec(readInfo(epoll))?.[1];
    if (data === undefined) continue;
    const event = new DataView(new ArrayBuffer(4 * EPOLL_EVENT.length));
    event.setUint32(0, EPOLLET, true);
    // Keep the data by which the event loop identifies the socket.
    event.setBigUint64(4 * EPOLL_EVENT.data, BigInt(`0x${data}`), true);
    libc.epoll_ctl(epoll, EPOLL_CTL_MOD, fd, new Uint8Array(event.buffer));
  }
}

/** Returns the epoll instances of this process. They alone know that they do not have a descriptor. */
function findEpolls(): number[] {
  const stranger = libc.eventfd(0, EFD_CLOEXEC);
  if (stranger < 0) return [];
  const event = new Uint8Array(4 * EPOLL_EVENT.length);
  const found: number[] = [];
  const size = descriptorTableSize();
  for (let fd = 0; fd < size; fd++) {
    const changed = libc.epoll_ctl(fd, EPOLL_CTL_MOD, stranger, event);
    if (changed < 0 && errno() === ERRNO.ENOENT) found.push(fd);
  }
  libc.close(stranger);
  return found;
}

function readInfo(epoll: number): string {
  try {
    return readSystemFile(`/proc/self/fdinfo/${epoll}`);
  } catch {
    return "";
  }
}
