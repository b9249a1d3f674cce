// Says its thread's errno at once, and again when asked.
import { errno } from "../../../ffi/errno.ts";
import { libc } from "../../../ffi/libc.ts";

libc.open(new Uint8Array(1), 0);
postMessage(errno());
addEventListener("message", () => {
  libc.open(new Uint8Array(1), 0);
  postMessage(errno());
});
