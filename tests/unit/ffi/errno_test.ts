import { assert, assertEquals } from "@std/assert";
import { ERRNO, errno, SystemError, systemError } from "../../../ffi/errno.ts";
import { libc } from "../../../ffi/libc.ts";

Deno.test("errno() returns the number that the last call set", () => {
  assertEquals(libc.close(-1), -1);
  assertEquals(errno(), ERRNO.EBADF);
  assertEquals(libc.socket(-1, 0, 0), -1);
  assert(errno() !== ERRNO.EBADF);
});

Deno.test("errno() is right in each of many calls, also once they are compiled", () => {
  let wrong = 0;
  const buffer = new Uint8Array(1);
  for (let i = 0; i < 20_000; i++) {
    if (libc.recv(-1, buffer, 1, 0) !== -1 || errno() !== ERRNO.EBADF) wrong++;
    if (libc.open(buffer, 0) !== -1 || errno() !== ERRNO.ENOENT) wrong++;
  }
  assertEquals(wrong, 0);
});

Deno.test("errno() returns the worker's own number in a worker", async () => {
  const url = new URL("./errno_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const first = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  assertEquals(libc.close(-1), -1);
  const second = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.postMessage("go on");
  assertEquals([first, await second, errno()], [ERRNO.ENOENT, ERRNO.ENOENT, ERRNO.EBADF]);
  worker.terminate();
});

Deno.test("systemError() names the action and the reason", () => {
  const error = systemError("Cannot bind eth7", ERRNO.ENODEV);
  assert(error instanceof SystemError);
  assertEquals(error.message, "Cannot bind eth7: No such device");
  assertEquals([error.name, error.errno, error.code], ["SystemError", 19, "ENODEV"]);
});

Deno.test("systemError() uses the number as the code of a rare error", () => {
  assertEquals(systemError("Cannot", 85).code, "85");
});

Deno.test("ERRNO matches this system's numbers", () => {
  const texts = Object.values(ERRNO).map((number) => systemError("", number).message);
  assertEquals(texts.slice(0, 4), [
    ": Operation not permitted",
    ": No such file or directory",
    ": Interrupted system call",
    ": Input/output error",
  ]);
  assertEquals(systemError("", ERRNO.ENETDOWN).message, ": Network is down");
  assertEquals(systemError("", ERRNO.ENOBUFS).message, ": No buffer space available");
  assertEquals(systemError("", ERRNO.EMSGSIZE).message, ": Message too long");
  assertEquals(systemError("", ERRNO.ENXIO).message, ": No such device or address");
});
