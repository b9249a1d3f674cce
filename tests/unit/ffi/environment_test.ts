// The environment, and what a descriptor leads to.

import { assertEquals, assertMatch } from "@std/assert";
import { environmentVariable, fileIdentity } from "../../../ffi/mod.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

testUnless(
  whyNot("linux"),
  "environmentVariable() reads a variable, or says that it is not there",
  () => {
    Deno.env.set("PPPOE_PROXY_TEST", "a b");
    assertEquals(environmentVariable("PPPOE_PROXY_TEST"), "a b");
    Deno.env.delete("PPPOE_PROXY_TEST");
    assertEquals(environmentVariable("PPPOE_PROXY_TEST"), undefined);
  },
);

const PROGRAM = `
  import { fileIdentity } from ${JSON.stringify(import.meta.resolve("../../../ffi/mod.ts"))};
  await Deno.stdout.write(new TextEncoder().encode(fileIdentity(2)));`;

testUnless(
  whyNot("linux"),
  "fileIdentity() has the device and the inode as stat(1) prints them",
  async () => {
    const file = await Deno.makeTempFile();
    try {
      const { stdout } = await new Deno.Command("sh", {
        args: [
          "-c",
          'stat -c %d:%i "$2"; exec "$0" eval --no-lock "$1" 2>"$2"',
          Deno.execPath(),
          PROGRAM,
          file,
        ],
        cwd: new URL("../../..", import.meta.url),
      }).output();
      const [expected, identity] = new TextDecoder().decode(stdout).split("\n");
      assertMatch(expected, /^\d+:\d+$/);
      assertEquals(identity, expected);
    } finally {
      await Deno.remove(file);
    }
  },
);

testUnless(whyNot("linux"), "fileIdentity() knows nothing of a descriptor that is not open", () => {
  assertEquals(fileIdentity(-1), undefined);
});
