// Tests of making keys, with real files.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { KeyRing, readClientKey } from "../../../src/keys/key_ring.ts";
import { makeKey } from "../../../src/keys/keygen.ts";

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

const make = (directory: string, name = "osaka", rotate = false) =>
  makeKey({ name, directory, rotate });

/** Returns the message with which a key is refused, after checking that no file has changed. */
function refusal(directory: string, name?: string, rotate?: boolean): string {
  const before = contents(directory);
  const { message } = assertThrows(() => make(directory, name, rotate), ConfigurationError);
  assertEquals(contents(directory), before);
  return message;
}

function contents(directory: string): Record<string, string> {
  const files = [...Deno.readDirSync(directory)].filter(({ isFile }) => isFile);
  return Object.fromEntries(
    files.map(({ name }) => [name, Deno.readTextFileSync(`${directory}/${name}`)]),
  );
}

Deno.test(
  "makeKey() writes the same key for client and server, for this user only, with random contents",
  inDirectory((above) => {
    const directory = `${above}/keys`;
    const made = make(directory);
    assertEquals(made, {
      clientFile: `${directory}/osaka.key`,
      serverFile: `${directory}/server.keys`,
    });
    make(directory, "kobe");
    assertEquals(Deno.statSync(directory).mode! & 0o777, 0o700);
    for (const name of ["osaka.key", "kobe.key", "server.keys"]) {
      assertEquals(Deno.statSync(`${directory}/${name}`).mode! & 0o777, 0o600, name);
    }
    const [osaka, kobe] = KeyRing.read(made.serverFile).keys;
    assertEquals(readClientKey(made.clientFile), osaka);
    assertEquals(readClientKey(`${directory}/kobe.key`), kobe);
    assertEquals([osaka.secret.length, osaka.id.length], [32, 32]);
    assertNotEquals(osaka.secret, kobe.secret);
    assertNotEquals(osaka.id, kobe.id);
    assertEquals(Object.keys(contents(directory)).length, 3);
  }),
);

Deno.test(
  "makeKey() refuses a name that has a key or a file, and changes nothing",
  inDirectory((directory) => {
    make(directory);
    Deno.writeTextFileSync(`${directory}/kobe.key`, "precious");
    Deno.symlinkSync("/nowhere", `${directory}/nara.key`);
    assertEquals(
      refusal(directory),
      `Cannot make a key for osaka: ${directory}/server.keys has one; give another name, or add a ` +
        "second key with --rotate",
    );
    for (const name of ["kobe", "nara"]) {
      assertEquals(
        refusal(directory, name),
        `Cannot make ${directory}/${name}.key: it exists; give another name, or remove it if no client ` +
          "uses it",
      );
    }
  }),
);

Deno.test(
  "makeKey() keeps the other lines of the server's file, and ends its last line",
  inDirectory((directory) => {
    make(directory);
    const path = `${directory}/server.keys`;
    const before = `# clients\n\n${Deno.readTextFileSync(path).trimEnd()} up=20M`;
    Deno.writeTextFileSync(path, before);
    make(directory, "kobe");
    const after = Deno.readTextFileSync(path);
    assert(after.startsWith(`${before}\n`) && after.endsWith("\n"));
    assertEquals(KeyRing.read(path).keys.map(({ name }) => name), ["osaka", "kobe"]);
  }),
);

Deno.test(
  "makeKey() refuses a server's file that is invalid, unsafe or a link, and changes nothing",
  inDirectory((directory) => {
    const path = `${directory}/server.keys`;
    Deno.writeTextFileSync(path, "osaka\n", { mode: 0o600 });
    assertEquals(
      refusal(directory, "kobe"),
      `Cannot read ${path}, line 1: the line is too short; it is NAME ID SECRET, as keygen writes it`,
    );
    Deno.writeTextFileSync(path, "");
    Deno.chmodSync(path, 0o644);
    assertEquals(
      refusal(directory, "kobe"),
      `Cannot use ${path}: others can read it; run chmod 600 ${path}`,
    );
    Deno.removeSync(path);
    Deno.symlinkSync("/nowhere", path);
    assertEquals(
      refusal(directory, "kobe"),
      `Cannot use ${path}: it is a symbolic link; give the path of the file itself`,
    );
  }),
);

Deno.test(
  "makeKey() refuses a directory that others can write to, whose keys no server would take",
  inDirectory((directory) => {
    Deno.chmodSync(directory, 0o777);
    assertEquals(
      refusal(directory),
      `Cannot use --dir ${directory}: others can write to it; run chmod go-w ${directory}`,
    );
    Deno.chmodSync(directory, 0o1777);
    make(directory);
  }),
);

for (
  const [what, make, within, fault] of [
    ["a file", "file", "", "it is not a directory; give another one"],
    ["a directory in a file", "file", "/x", "a part of the path is a file"],
    ["a link to nothing", "link", "", "it does not exist, and cannot be made; give another one"],
    [
      "a directory behind a link to nothing",
      "link",
      "/x",
      "it does not exist, and cannot be made; give another one",
    ],
    [
      "a loop of links",
      "loop",
      "/x",
      "it is a symbolic link that leads nowhere; give the path of the directory itself",
    ],
    [
      "a name that is too long",
      "long",
      "a".repeat(300),
      "the name is too long; give a shorter one",
    ],
  ] as const
) {
  Deno.test(
    `makeKey() names --dir once, and the fault, if it is ${what}`,
    inDirectory((directory) => {
      const path = `${directory}/bad`;
      if (make === "file") Deno.writeTextFileSync(path, "");
      if (make === "link") Deno.symlinkSync("nowhere", path);
      if (make === "loop") Deno.symlinkSync("bad", path);
      const { message } = assertThrows(
        () => makeKey({ name: "osaka", directory: path + within, rotate: false }),
        ConfigurationError,
      );
      assertEquals(message, `Cannot use --dir ${path}${within}: ${fault}`);
    }),
  );
}

Deno.test(
  "makeKey() says so if the unfinished file of an earlier run cannot be removed",
  inDirectory((directory) => {
    Deno.mkdirSync(`${directory}/server.keys.new/x`, { recursive: true });
    assertEquals(
      refusal(directory),
      `Cannot write ${directory}/server.keys: ${directory}/server.keys.new is in the way; remove it`,
    );
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["server.keys.new"]);
  }),
);

Deno.test(
  "makeKey() adds a second key with the limits of the first one, and not a third",
  inDirectory((directory) => {
    const path = `${directory}/server.keys`;
    assertEquals(
      refusal(directory, "osaka", true),
      `Cannot rotate the key of osaka: ${path} has none; make the first one without --rotate`,
    );
    make(directory);
    const text = Deno.readTextFileSync(path).trimEnd();
    Deno.writeTextFileSync(path, `${text} allow=10.0.0.0/8 sessions=4 up=20M down=500k\n`);
    Deno.writeTextFileSync(`${directory}/osaka.2.key`, "of another client");
    const { clientFile } = make(directory, "osaka", true);
    assertEquals(clientFile, `${directory}/osaka.3.key`);
    const [first, second] = KeyRing.read(path).keys;
    assertNotEquals([first.id, first.secret], [second.id, second.secret]);
    const { name, id, secret } = second;
    assertEquals(readClientKey(clientFile), { name, id, secret });
    assertEquals([`${second.allow}`, second.maxSessions], ["10.0.0.0/8", 4]);
    assertEquals([second.upBps, second.downBps], [20_000_000, 500_000]);
    assertEquals(
      refusal(directory, "osaka", true),
      `Cannot rotate the key of osaka: ${path} has 2 of it; remove the old line first`,
    );
  }),
);

Deno.test(
  "makeKey() ignores a part that a killed program has left, also if it is a link",
  inDirectory((directory) => {
    make(directory);
    Deno.writeTextFileSync(`${directory}/target`, "precious");
    Deno.symlinkSync(`${directory}/target`, `${directory}/server.keys.new`);
    make(directory, "kobe");
    assertEquals(KeyRing.read(`${directory}/server.keys`).keys.length, 2);
    assertEquals(Deno.readTextFileSync(`${directory}/target`), "precious");
    assertThrows(() => Deno.lstatSync(`${directory}/server.keys.new`), Deno.errors.NotFound);
  }),
);

Deno.test("makeKey() makes keys of several programs at once without losing one", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    const url = new URL("../../../src/keys/keygen.ts", import.meta.url).href;
    const program = (name: string) =>
      `import { makeKey } from "${url}";
       for (let n = 0; n < 10; n++) {
         makeKey({ name: "${name}" + n, directory: "${directory}", rotate: false });
       }`;
    const ends = await Promise.all(["a", "b", "c"].map((name) =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", program(name)],
        stdin: "null",
        stdout: "null",
        stderr: "inherit",
      }).output()
    ));
    assertEquals(ends.map(({ code }) => code), [0, 0, 0]);
    assertEquals(KeyRing.read(`${directory}/server.keys`).keys.length, 30);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
