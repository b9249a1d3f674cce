// Tests of files with secrets, in directories of their own.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { createSecretFile, readSecretFile, secretFault } from "../../../src/files/secret_file.ts";
import { shellWord } from "../../../src/files/shell_word.ts";

/** Runs a test in a new directory. */
function inDirectory(test: (directory: string) => void): () => void {
  return () => {
    const directory = Deno.makeTempDirSync();
    try {
      test(directory);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  };
}

/** Returns the message with which a file is refused. */
function refusal(path: string, maxBytes = 1024): string {
  return assertThrows(() => readSecretFile(path, maxBytes), ConfigurationError).message;
}

const textOf = (path: string) => new TextDecoder().decode(readSecretFile(path, 1024));

Deno.test(
  "readSecretFile() reads a file that only its owner can read",
  inDirectory((directory) => {
    const path = `${directory}/a`;
    createSecretFile(path, "secret\n");
    assertEquals(textOf(path), "secret\n");
    Deno.chmodSync(path, 0o400);
    assertEquals(textOf(path), "secret\n");
  }),
);

Deno.test(
  "readSecretFile() refuses a file that others can read or change, with the command that mends it",
  inDirectory((directory) => {
    const path = `${directory}/a`;
    createSecretFile(path, "secret\n");
    for (
      const [mode, can] of [
        [0o644, "read"],
        [0o640, "read"],
        [0o604, "read"],
        [0o601, "read"],
        [0o620, "change"],
        [0o602, "change"],
        [0o666, "change"],
      ] as const
    ) {
      Deno.chmodSync(path, mode);
      assertEquals(
        refusal(path),
        `Cannot use ${path}: others can ${can} it; run chmod 600 ${path}`,
      );
    }
  }),
);

Deno.test(
  "readSecretFile() refuses a link, a directory and a pipe, and does not wait for its writer",
  inDirectory((directory) => {
    createSecretFile(`${directory}/a`, "secret\n");
    Deno.symlinkSync(`${directory}/a`, `${directory}/link`);
    new Deno.Command("mkfifo", { args: ["-m", "600", `${directory}/pipe`] }).outputSync();
    for (
      const [name, fault] of [
        ["link", "it is a symbolic link; give the path of the file itself"],
        ["pipe", "it is not a regular file; give a file"],
        ["", "it is a directory; give a file"],
        ["none", "the file does not exist"],
        ["a/b", "a part of the path is a file"],
      ]
    ) {
      assertEquals(refusal(`${directory}/${name}`), `Cannot use ${directory}/${name}: ${fault}`);
    }
  }),
);

Deno.test(
  "readSecretFile() refuses a file in a directory that others can write to, unless it is sticky",
  inDirectory((directory) => {
    const path = `${directory}/a`;
    createSecretFile(path, "secret\n");
    for (const mode of [0o777, 0o770, 0o702]) {
      Deno.chmodSync(directory, mode);
      const remedy = `run chmod go-w ${directory}`;
      assertEquals(
        refusal(path),
        `Cannot use ${path}: others can write to its directory; ${remedy}`,
      );
    }
    Deno.chmodSync(directory, 0o1777);
    assertEquals(textOf(path), "secret\n");
  }),
);

Deno.test(
  "readSecretFile() reads up to its limit, and refuses a larger file",
  inDirectory((directory) => {
    const path = `${directory}/a`;
    createSecretFile(path, "x".repeat(1024));
    assertEquals(readSecretFile(path, 1024).length, 1024);
    Deno.writeTextFileSync(path, "x", { append: true });
    assertEquals(refusal(path), `Cannot use ${path}: it is larger than 1 KiB`);
  }),
);

Deno.test(
  "readSecretFile() refuses a file of another user",
  { ignore: Deno.uid() !== 0 },
  inDirectory((directory) => {
    const path = `${directory}/a b`;
    createSecretFile(path, "secret\n");
    Deno.chownSync(path, 4711, null);
    assertEquals(
      refusal(path),
      `Cannot use ${path}: it belongs to uid 4711, not to the user of this program; run it as that user, or run chown 0 '${path}'`,
    );
  }),
);

Deno.test("secretFault() accepts a file of root, and a credential that systemd has opened to one user", () => {
  const fault = (mode: number, uid: number, gid: number, user: number) =>
    secretFault("a", { mode: 0o100000 | mode, uid, gid }, user);
  assertEquals(fault(0o400, 0, 0, 1000), undefined);
  assertEquals(fault(0o440, 0, 0, 1000), undefined);
  assertEquals(fault(0o600, 1000, 1000, 1000), undefined);
  // Another group than root's has members, and root needs no list to read its own file.
  const read = "others can read it; run chmod 600 a";
  assertEquals(fault(0o440, 0, 100, 1000), read);
  assertEquals(fault(0o440, 0, 0, 0), read);
  assertEquals(fault(0o440, 1000, 0, 1000), read);
  assertEquals(fault(0o444, 0, 0, 1000), read);
  assertEquals(fault(0o460, 0, 0, 1000), "others can change it; run chmod 600 a");
  assertEquals(
    fault(0o600, 1001, 1001, 1000),
    "it belongs to uid 1001, not to the user of this program; run it as that user, or run chown 1000 a",
  );
});

Deno.test(
  "createSecretFile() makes a file for this user only, and overwrites and follows nothing",
  inDirectory((directory) => {
    const umask = Deno.umask(0);
    try {
      createSecretFile(`${directory}/a`, "one");
      Deno.umask(0o777);
      createSecretFile(`${directory}/b`, "two");
    } finally {
      Deno.umask(umask);
    }
    for (const name of ["a", "b"]) {
      assertEquals(Deno.statSync(`${directory}/${name}`).mode! & 0o7777, 0o600);
    }
    Deno.symlinkSync(`${directory}/c`, `${directory}/link`);
    for (const name of ["a", "link"]) {
      const error = assertThrows(() => createSecretFile(`${directory}/${name}`, "new"), Error);
      assertEquals((error as Error & { code?: string }).code, "EEXIST");
    }
    assertEquals(textOf(`${directory}/a`), "one");
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name).sort(), [
      "a",
      "b",
      "link",
    ]);
  }),
);

Deno.test("shellWord() quotes what a shell would take apart or expand", () => {
  assertEquals(shellWord("/etc/a-b_c.keys"), "/etc/a-b_c.keys");
  assertEquals(shellWord("a b"), "'a b'");
  assertEquals(shellWord("$(x)"), "'$(x)'");
  assertEquals(shellWord("it's"), "'it'\\''s'");
  assertEquals(shellWord("大阪"), "'大阪'");
  assertEquals(shellWord(""), "''");
});

Deno.test({
  name: "readSecretFile() refuses a file in a directory of another user, who could replace it",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  fn: inDirectory((directory) => {
    const path = `${directory}/a`;
    createSecretFile(path, "secret\n");
    Deno.chownSync(directory, 12345, 12345);
    for (const mode of [0o700, 0o755, 0o1777]) {
      Deno.chmodSync(directory, mode);
      assertEquals(
        refusal(path),
        `Cannot use ${path}: its directory belongs to uid 12345, who can replace the files in it; ` +
          `run chown 0 ${directory}`,
      );
    }
  }),
});
