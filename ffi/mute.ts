// Keeping Deno's event loop asleep while another thread uses a socket.

import { libc } from "./libc.ts";
import { EPOLL_EVENT } from "./structs.ts";

const EPOLL_CTL_MOD = 3;
/** The edge-triggered flag. Without any event beside it, epoll reports only errors and the hang-up. */
const EPOLLET = 0x8000_0000;

let epolls: string[] | undefined;

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
  epolls ??= descriptorsOf("anon_inode:[eventpoll]");
  for (const name of epolls) {
    const data = entry.exec(readInfo(name))?.[1];
    if (data === undefined) continue;
    const event = new DataView(new ArrayBuffer(4 * EPOLL_EVENT.length));
    event.setUint32(0, EPOLLET, true);
    // Keep the data by which the event loop identifies the socket.
    event.setBigUint64(4 * EPOLL_EVENT.data, BigInt(`0x${data}`), true);
    libc.epoll_ctl(Number(name), EPOLL_CTL_MOD, fd, new Uint8Array(event.buffer));
  }
}

function descriptorsOf(target: string): string[] {
  const names: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`) === target) names.push(name);
    } catch {
      // The descriptor was closed in the meantime, as that of the directory itself always is.
    }
  }
  return names;
}

function readInfo(name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/self/fdinfo/${name}`);
  } catch {
    return "";
  }
}
