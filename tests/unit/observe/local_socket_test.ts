// Tests of the local socket, on which a side serves its status without being asked.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { listenLocally } from "../../../src/observe/local_socket.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

/** Runs a test with a directory for sockets. */
async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

async function reasonIn(directory: string): Promise<string> {
  const result = await listenLocally("client", "eth1", directory);
  if ("reason" in result) return result.reason;
  result.listener.close();
  throw new Error("It listens");
}

Deno.test("listenLocally() names the socket after the side, the interface and the process", () =>
  withDirectory(async (directory) => {
    const result = await listenLocally("client", "eth1", directory);
    if ("reason" in result) throw new Error(result.reason);
    using listener = result.listener;
    const path = `${directory}/client-eth1-${Deno.pid}.sock`;
    assertEquals(listener.addr.path, path);
    assertEquals(Deno.lstatSync(path).mode! & 0o777, 0o600);
  }));

Deno.test("listenLocally() removes the sockets that earlier runs of the side have left, and no others", () =>
  withDirectory(async (directory) => {
    const left = ["client-eth1-7.sock", "client-eth10-7.sock", "server-eth1-7.sock"];
    for (const name of left) {
      const listener = Deno.listen({ transport: "unix", path: `${directory}/first` });
      Deno.renameSync(`${directory}/first`, `${directory}/${name}`);
      listener.close();
    }
    Deno.writeTextFileSync(`${directory}/client-eth1-9.sock`, "a file");
    using _used = Deno.listen({ transport: "unix", path: `${directory}/client-eth1-8.sock` });
    const result = await listenLocally("client", "eth1", directory);
    if ("reason" in result) throw new Error(result.reason);
    const own = `client-eth1-${Deno.pid}.sock`;
    assertEquals(
      namesIn(directory),
      [...left.slice(1), "client-eth1-8.sock", "client-eth1-9.sock", own].sort(),
    );
    result.listener.close();
  }));

Deno.test("listenLocally() gives a reason if there is no directory, or others can write to it", () =>
  withDirectory(async (directory) => {
    assertStringIncludes(await reasonIn(`${directory}/none`), "No such file");
    Deno.writeTextFileSync(`${directory}/file`, "");
    assertStringIncludes(await reasonIn(`${directory}/file`), "it is not a directory");
    Deno.mkdirSync(`${directory}/open`);
    Deno.chmodSync(`${directory}/open`, 0o777);
    assertStringIncludes(await reasonIn(`${directory}/open`), "others can write to it");
    Deno.symlinkSync(directory, `${directory}/link`);
    assertStringIncludes(await reasonIn(`${directory}/link`), "it is not a directory");
    assertStringIncludes(await reasonIn(`${directory}/${"d".repeat(100)}`), "longer than 107");
  }));

testUnless(
  whyNot("root"),
  "listenLocally() does not use the directory of another user",
  () =>
    withDirectory(async (directory) => {
      Deno.chownSync(directory, 65534, 65534);
      assertStringIncludes(await reasonIn(directory), "it belongs to uid 65534");
    }),
);

Deno.test({
  name: "listenLocally() gives a reason without a permission, and does not ask for it",
  permissions: { ffi: true, read: true, write: false, net: false, sys: true, env: false },
  fn: async () => {
    assertStringIncludes(await reasonIn("/run/nothing"), "Deno has no permission for it (write)");
    const byDefault = await listenLocally("client", "eth1");
    assertEquals("reason" in byDefault && byDefault.reason.startsWith("Deno has no perm"), true);
  },
});
