// Keeping Deno's event loop asleep while another thread drives a socket.
import { libc } from "./libc.ts";

const EPOLL_CTL_MOD = 3;
/** Edge-triggered, and nothing else: only errors and the end are still reported. */
const EPOLLET = 0x8000_0000;
/** `struct epoll_event`, epoll_ctl(2): packed on x86-64 only. */
const EPOLL_EVENT = Deno.build.arch === "x86_64" ? { data: 4, size: 12 } : { data: 8, size: 16 };

let epolls: string[] | undefined;

/**
 * Takes a connection's events from Deno's event loop, without closing it. Deno asks to be told of
 * all that happens at a socket of its own, read or not, so each segment that another thread is about
 * to read would wake the main thread too: about a sixth of a busy process's time. Reading and writing
 * through Deno does not end any more afterwards; closing is as ever.
 *
 * Where the kernel does not tell which epoll a descriptor is in, or refuses, nothing changes.
 *
 * @param fd The descriptor
 *
 * See epoll_ctl(2), and /proc/pid/fdinfo in proc(5).
 */
export function muteSocket(fd: number): void {
  const entry = new RegExp(`^tfd:\\s+${fd} .*data:\\s+([0-9a-f]+)`, "m");
  // The loop keeps its epolls for as long as the process runs.
  epolls ??= descriptorsOf("anon_inode:[eventpoll]");
  for (const name of epolls) {
    const data = entry.exec(readInfo(name))?.[1];
    if (data === undefined) continue;
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
    event.setUint32(0, EPOLLET, true);
    // What the loop knows the socket by stays the same.
    event.setBigUint64(EPOLL_EVENT.data, BigInt(`0x${data}`), true);
    libc.epoll_ctl(Number(name), EPOLL_CTL_MOD, fd, new Uint8Array(event.buffer));
  }
}

function descriptorsOf(target: string): string[] {
  const names: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`) === target) names.push(name);
    } catch {
      // Closed meanwhile: the folder's own descriptor always is.
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
