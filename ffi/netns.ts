// Opening sockets in another network namespace.
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { cString } from "./structs.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const CLONE_NEWNET = 0x4000_0000;

/**
 * Runs a function in another network namespace. The sockets that it opens stay there; this thread
 * comes back, also when the function throws. Nothing that goes on after the function's return is
 * there: it must not be async.
 *
 * @param path The namespace, such as `/run/netns/NAME`
 * @param f What to do there
 * @returns What it returned
 * @throws {SystemError} If there is no such namespace, or the process may not go there
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

/** Throws where this fails: from then on the thread would work in the wrong namespace. */
function goBack(here: number): void {
  if (libc.setns(here, CLONE_NEWNET) < 0) {
    throw systemError("Cannot come back to the network namespace", errno());
  }
}

function openNamespace(path: string): number {
  const fd = libc.open(cString(path), O_RDONLY_CLOEXEC);
  if (fd < 0) throw systemError(`Cannot open the network namespace ${path}`, errno());
  return fd;
}
