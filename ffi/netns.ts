// Opening sockets in another network namespace.

import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { cString } from "./structs.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const CLONE_NEWNET = 0x4000_0000;

/**
 * Runs a function in another network namespace. Sockets that the function opens stay there, and the
 * thread returns to its own namespace even if the function throws. The function must not be async,
 * because the part after its return would run in the wrong namespace.
 *
 * @param path The path of the namespace, such as `/run/netns/NAME`
 * @param f The function
 * @returns The result of the function
 * @throws {SystemError} If there is no such namespace or the process may not enter it
 *
 * See setns(2).
 */
export function inNamespace<T>(path: string, f: () => T): T {
  const here = openNamespace("/proc/thread-self/ns/net");
  try {
    const there = openNamespace(path);
    const entered = libc.setns(there, CLONE_NEWNET);
    const error = errno();
    libc.close(there);
    if (entered < 0) throw systemError(`Cannot enter the network namespace ${path}`, error);
    try {
      return f();
    } finally {
      goBack(here);
    }
  } finally {
    libc.close(here);
  }
}

/** Returns to a namespace. Throws on failure, because the thread would stay in the wrong namespace. */
function goBack(here: number): void {
  if (libc.setns(here, CLONE_NEWNET) < 0) {
    throw systemError("Cannot return to the network namespace", errno());
  }
}

function openNamespace(path: string): number {
  const fd = libc.open(cString(path), O_RDONLY_CLOEXEC);
  if (fd < 0) throw systemError(`Cannot open the network namespace ${path}`, errno());
  return fd;
}
