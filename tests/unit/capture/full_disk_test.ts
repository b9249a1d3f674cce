// A capture on a disk that is full for a while.

import { assertEquals } from "@std/assert";
import { testUnless, whyNot } from "../../support/skip.ts";

testUnless(
  whyNot("linux", "root", "namespaces"),
  "A capture leaves frames out while the disk is full, warns once, and goes on afterwards",
  async () => {
    const disk = Deno.makeTempDirSync({ prefix: "test-capture-disk-" });
    try {
      const program = new URL("./full_disk_program.ts", import.meta.url).pathname;
      const script = 'mount -t tmpfs -o size=1200k tmpfs "$0" && exec "$@"';
      const deno = [Deno.execPath(), "run", "--quiet", "-A", program, disk];
      const { stdout, stderr } = await new Deno.Command("unshare", {
        args: ["--mount", "sh", "-c", script, disk, ...deno],
      }).output();
      const text = new TextDecoder().decode(stdout);
      assertEquals(JSON.parse(text || "null"), {
        before: 0,
        full: 400,
        warnings: [
          `${disk}/line.pcapng: No space left on device`,
        ],
        complete: true,
      }, new TextDecoder().decode(stderr));
    } finally {
      Deno.removeSync(disk);
    }
  },
);
