// Keeping Deno's event loop asleep while another thread drives a socket.
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const EPOLL_CTL_MOD = 3;
/** Edge-triggered, and nothing else: only errors and the end are still reported. */
const EPOLLET = 0x8000_0000;
/** `struct epoll_event`, epoll_ctl(2): packed on x86-64 only. */
const EPOLL_EVENT = Deno.build.arch === "x86_64" ? { data: 4, size: 12 } : { data: 8, size: 16 };

/**
 * Takes a connection's events from Deno's event loop, without closing it. Deno asks to be told of
 * all that happens at a socket of its own, read or not, so each segment that another thread is about
 * to read would wake the main thread too: about a sixth of a busy process's time. Reading and writing
 * through Deno does not end any more afterwards; closing is as ever.
 *
 * Where the kernel does not tell which epoll a descriptor is in, nothing changes.
 *
 * @param fd The descriptor
 * @throws {SystemError} If the epoll that is told is none
 *
 * See epoll_ctl(2), and /proc/pid/fdinfo in proc(5).
 */
export function muteSocket(fd: number): void {
  const entry = new RegExp(`^tfd:\\s+${fd} .*data:\\s+([0-9a-f]+)`, "m");
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const data = entry.exec(readInfo(name))?.[1];
    if (data === undefined) continue;
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
    event.setUint32(0, EPOLLET, true);
    // What the loop knows the socket by stays the same.
    event.setBigUint64(EPOLL_EVENT.data, BigInt(`0x${data}`), true);
    const set = libc.epoll_ctl(Number(name), EPOLL_CTL_MOD, fd, new Uint8Array(event.buffer));
    if (set < 0) throw systemError("Cannot change what the event loop waits for", errno());
  }
}

function readInfo(name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/self/fdinfo/${name}`);
  } catch {
    // Closed meanwhile: the folder's own descriptor always is.
    return "";
  }
}
