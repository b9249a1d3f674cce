// Tests of listening on unix sockets, and of what may be at their path already.

import { assertEquals, assertRejects } from "@std/assert";
import { formatUnix, UNIX_PATH_MAX } from "../../../src/net/unix_address.ts";
import { listenUnix } from "../../../src/net/unix_listener.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

/** Runs a test with the path of a socket in a directory of its own. */
async function withPath(test: (path: string, directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(`${directory}/status.sock`, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Leaves a socket on which nobody listens, as a process that is killed does. */
function leaveSocket(path: string): void {
  // Closing removes the file only at its first path.
  const listener = Deno.listen({ transport: "unix", path: `${path}.first` });
  Deno.renameSync(`${path}.first`, path);
  listener.close();
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name);
}

async function reasonAt(path: string): Promise<string> {
  return (await assertRejects(() => listenUnix(path), Error)).message;
}

for (const mask of [0o022, 0o000, 0o077]) {
  Deno.test(`listenUnix() makes a socket of mode 0600, whatever the mask is: ${mask.toString(8)}`, () =>
    withPath(async (path, directory) => {
      const before = Deno.umask(mask);
      try {
        const listener = await listenUnix(path);
        assertEquals(Deno.lstatSync(path).mode! & 0o7777, 0o600);
        assertEquals(Deno.umask(), mask);
        listener.close();
        assertEquals(namesIn(directory), []);
      } finally {
        Deno.umask(before);
      }
    }));
}

Deno.test("listenUnix() takes connections", () =>
  withPath(async (path) => {
    using listener = await listenUnix(path);
    using client = await Deno.connect({ transport: "unix", path });
    using served = await listener.accept();
    await client.write(new Uint8Array([7]));
    const bytes = new Uint8Array(2);
    assertEquals([await served.read(bytes), bytes[0]], [1, 7]);
  }));

Deno.test("listenUnix() replaces a socket on which nobody listens any more", () =>
  withPath(async (path) => {
    leaveSocket(path);
    using _listener = await listenUnix(path);
    (await Deno.connect({ transport: "unix", path })).close();
  }));

Deno.test("listenUnix() leaves a socket alone on which another program listens", () =>
  withPath(async (path) => {
    using listener = Deno.listen({ transport: "unix", path });
    assertEquals(
      await reasonAt(path),
      "another program listens there; stop it, or use another path",
    );
    listener.accept().then((conn) => conn.close());
    (await Deno.connect({ transport: "unix", path })).close();
  }));

for (const what of ["a file", "a directory", "a link to a socket that was left", "a pipe"]) {
  Deno.test(`listenUnix() leaves ${what} alone`, () =>
    withPath(async (path, directory) => {
      if (what === "a file") Deno.writeTextFileSync(path, "precious");
      else if (what === "a directory") Deno.mkdirSync(path);
      else if (what === "a pipe") new Deno.Command("mkfifo", { args: [path] }).outputSync();
      else {
        leaveSocket(`${directory}/other`);
        Deno.symlinkSync(`${directory}/other`, path);
      }
      const before = namesIn(directory);
      assertEquals(
        await reasonAt(path),
        "something that is not a socket has that path; remove it",
      );
      assertEquals(namesIn(directory), before);
    }));
}

testUnless(
  whyNot("root"),
  "listenUnix() leaves a socket of another user alone",
  () =>
    withPath(async (path) => {
      leaveSocket(path);
      Deno.chownSync(path, 65534, 65534);
      assertEquals(
        await reasonAt(path),
        "a socket of uid 65534 has that path; remove it, or use another path",
      );
      Deno.lstatSync(path);
    }),
);

Deno.test("listenUnix() names a missing directory", () =>
  withPath(async (path) => {
    assertEquals(await reasonAt(`${path}/status.sock`), "its directory does not exist; make it");
  }));

Deno.test("UNIX_PATH_MAX is the longest path that can be listened on", () =>
  withPath(async (_path, directory) => {
    const longest = `${directory}/`.padEnd(UNIX_PATH_MAX, "s");
    (await listenUnix(longest)).close();
    await assertRejects(() => listenUnix(`${longest}s`), Error);
    assertEquals(formatUnix({ path: "/a" }), "unix:/a");
  }));
