// A capture on a disk that is full for a while.

import { assertEquals } from "@std/assert";
import { testUnless, whyNot } from "../../support/skip.ts";

/** Runs a program with a disk of 1200 KiB; returns what it prints. */
async function onSmallDisk(
  program: string,
): Promise<{ printed: unknown; stderr: string; disk: string }> {
  const disk = Deno.makeTempDirSync({ prefix: "test-capture-disk-" });
  try {
    const path = new URL(program, import.meta.url).pathname;
    const script = 'mount -t tmpfs -o size=1200k tmpfs "$0" && exec "$@"';
    const deno = [Deno.execPath(), "run", "--quiet", "-A", path, disk];
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", script, disk, ...deno],
    }).output();
    const decoder = new TextDecoder();
    const printed = JSON.parse(decoder.decode(stdout) || "null");
    return { printed, stderr: decoder.decode(stderr), disk };
  } finally {
    Deno.removeSync(disk);
  }
}

testUnless(
  whyNot("linux", "root", "namespaces"),
  "A capture leaves frames out while the disk is full, warns once, and goes on afterwards",
  async () => {
    const { printed, stderr, disk } = await onSmallDisk("./full_disk_program.ts");
    assertEquals(printed, {
      before: 0,
      full: 400,
      warnings: [
        `${disk}/line.pcapng: No space left on device`,
      ],
      complete: true,
    }, stderr);
  },
);

testUnless(
  whyNot("linux", "root", "namespaces"),
  "A capture keeps the file before the one that it cannot begin on a full disk",
  async () => {
    const { printed, stderr } = await onSmallDisk("./full_disk_rotation_program.ts");
    const bytes = (200 << 10) + 64;
    assertEquals(printed, { failures: [true, true, false], previousBytes: bytes, bytes }, stderr);
  },
);
