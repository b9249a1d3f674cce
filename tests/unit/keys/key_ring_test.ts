// Tests of the keys that a server and a client read from their files.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { KeyRing, readClientKey } from "../../../src/keys/key_ring.ts";
import { makeKey } from "../../../src/keys/keygen.ts";

Deno.test("KeyRing.read() finds the keys of a file by their ids and their names", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const { serverFile, clientFile } = makeKey({ name: "osaka", directory, rotate: false });
    makeKey({ name: "osaka", directory, rotate: true });
    const ring = KeyRing.read(serverFile);
    const mine = readClientKey(clientFile);
    assertEquals(ring.find(mine.id), mine);
    assertEquals(ring.find("0".repeat(32)), undefined);
    assertEquals([ring.knows("osaka"), ring.knows("kobe")], [true, false]);
    assertEquals([ring.keys.length, ring.file], [2, serverFile]);
    // A server may have one client, and use its file.
    assertEquals(KeyRing.read(clientFile).keys, [mine]);
    assertThrows(() => readClientKey(serverFile), ConfigurationError, "it has 2 keys");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("KeyRing.read() refuses bytes that are not text", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, Uint8Array.of(0x6f, 0xff, 0x0a));
    const { message } = assertThrows(() => KeyRing.read(path), ConfigurationError);
    assertEquals(message, `Cannot read ${path}: it is not UTF-8 text`);
  } finally {
    Deno.removeSync(path);
  }
});
