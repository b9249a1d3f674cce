import { assertEquals, assertThrows } from "@std/assert";
import { SystemError } from "../../../ffi/errno.ts";
import { LockFile } from "../../../ffi/lock_file.ts";
import { until } from "../../support/until.ts";

/** A directory that is removed at the end of a test. */
class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-lock-" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

Deno.test("LockFile.take() creates a file that only its owner can read", () => {
  using folder = new Folder();
  const path = `${folder.path}/lock`;
  LockFile.take(path)!.close();
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
});

Deno.test("LockFile.take() returns undefined while the lock is held, and does not change the file", () => {
  using folder = new Folder();
  const path = `${folder.path}/lock`;
  const held = LockFile.take(path)!;
  Deno.utimeSync(path, 1000, 1000);
  assertEquals(LockFile.take(path), undefined);
  held.close();
  held.close();
  LockFile.take(path)!.close();
  assertEquals(Deno.statSync(path).mtime, new Date(1000_000));
});

Deno.test("LockFile is not inherited by a child that outlives it", async () => {
  using folder = new Folder();
  const path = `${folder.path}/lock`;
  const held = LockFile.take(path)!;
  const child = new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
  try {
    held.close();
    // The child has the descriptor until it executes its program.
    const again = await until("the lock is free", () => LockFile.take(path));
    again.close();
  } finally {
    await child.stdin.close();
    await child.status;
  }
});

Deno.test("LockFile.take() throws when the file cannot be opened", () => {
  using folder = new Folder();
  const path = `${folder.path}/none/lock`;
  const error = assertThrows(() => LockFile.take(path), SystemError);
  assertEquals(error.message, `Cannot open ${path}: No such file or directory`);
});
