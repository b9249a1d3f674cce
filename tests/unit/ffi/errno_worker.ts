// Reports its thread's errno at once, and again when asked.

import { errno } from "../../../ffi/errno.ts";
import { libc } from "../../../ffi/libc.ts";

// The type checker assumes that this scope is a window, not a worker.
const scope = self as unknown as Worker;

libc.open(new Uint8Array(1), 0);
scope.postMessage(errno());
scope.addEventListener("message", () => {
  libc.open(new Uint8Array(1), 0);
  scope.postMessage(errno());
});
