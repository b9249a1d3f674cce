// The program under `deno run` without all permissions.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { makeKey } from "../../src/keys/keygen.ts";
import { unixPermission } from "../../src/net/unix_address.ts";
import { VERSION } from "../../src/version.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const MAIN = `${ROOT}main.ts`;
/** The permissions that a side always needs, with those to read its own files. */
const ALWAYS = ["--no-prompt", "--allow-ffi", "--allow-sys=hostname,uid", `--allow-read=${ROOT}`];
const SERVER = ["server", "--interface", "eth-none", "--listen", "127.0.0.1:8000"];
const CLIENT = ["client", "--interface", "eth-none", "--connect", "127.0.0.1:8000"];

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the program with some permissions. */
async function run(permissions: string[], args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...permissions, MAIN, ...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

function refusal(missing: string, subcommand: string): Said {
  const stderr = `pppoe-proxy: Cannot run without Deno's permissions (missing: ${missing}); ` +
    `run it with deno run -A main.ts ${subcommand}\n`;
  return { code: 2, stdout: "", stderr };
}

Deno.test("main() shows help and version without permissions", async () => {
  for (
    const [args, expected] of [
      [["--help"], "Usage: pppoe-proxy SUBCOMMAND"],
      [["--version"], `pppoe-proxy ${VERSION}\n`],
      [["server", "--help"], "Usage: pppoe-proxy server "],
      [["help", "client"], "Usage: pppoe-proxy client "],
      [["status", "-h"], "Usage: pppoe-proxy status "],
      [["demo", "-h"], "Usage: pppoe-proxy demo "],
    ] as const
  ) {
    const { code, stdout, stderr } = await run([], [...args]);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, expected);
  }
});

testUnless(
  whyNot("linux"),
  "main() names the missing permissions and the remedy in one line, with status 2",
  async () => {
    const always = "--allow-ffi --allow-sys=hostname --allow-sys=uid";
    assertEquals(await run([], CLIENT), refusal(always, "client"));
    assertEquals(await run(["-A", "--deny-ffi"], CLIENT), refusal("--allow-ffi", "client"));
    assertEquals(await run(["-A", "--deny-run"], ["demo"]), refusal("--allow-run", "demo"));
    assertEquals(await run([], ["status"]), refusal("--allow-ffi --allow-sys=uid", "status"));
    assertEquals(
      await run(ALWAYS, [...SERVER, "--status", "127.0.0.1:9000", "--state-dir", "/no/such"]),
      refusal(
        "--allow-net=127.0.0.1:8000 --allow-net=127.0.0.1:9000 --allow-read=/no/such " +
          "--allow-write=/no/such",
        "server",
      ),
    );
    assertEquals(await run(ALWAYS, CLIENT), refusal("--allow-net=127.0.0.1:8000", "client"));
    // The addresses of a name are not known beforehand.
    assertEquals(
      await run([...ALWAYS, "--allow-net=vpn.example:8000"], [
        ...CLIENT.slice(0, -1),
        "vpn.example:8000",
      ]),
      refusal("--allow-net", "client"),
    );
    const { code, stderr } = await run(ALWAYS, [...SERVER, "--config", "/etc/hostname"]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Deno does not allow it; add --allow-read=/etc/hostname");
  },
);

testUnless(
  whyNot("linux"),
  "main() names the missing permissions for --status unix:PATH and for --status-token-file",
  async () => {
    const path = "/no/such.sock";
    const net = unixPermission(path) === undefined ? "" : ` --allow-net=unix:${path}`;
    assertEquals(
      await run([...ALWAYS, "--allow-net=127.0.0.1:8000"], [...SERVER, "--status", `unix:${path}`]),
      refusal(`--allow-read=${path} --allow-write=${path}${net}`, "server"),
    );
    const token = ["--status", "127.0.0.1:9000", "--status-token-file", "/no/such/token"];
    assertEquals(
      await run(ALWAYS, [...SERVER, ...token]),
      refusal("--allow-read=/no/such", "server"),
    );
  },
);

testUnless(
  whyNot("linux"),
  "main() names the directory of a key file that it may not read, or the file if that is denied",
  async () => {
    const directory = Deno.makeTempDirSync();
    try {
      const { serverFile, clientFile } = makeKey({ name: "osaka", directory, rotate: false });
      for (const [args, file] of [[SERVER, serverFile], [CLIENT, clientFile]] as const) {
        const withKey = [...args, "--key-file", file];
        const lacksDirectory = refusal(`--allow-read=${directory}`, args[0]);
        assertEquals(await run(ALWAYS, withKey), lacksDirectory);
        assertEquals(await run([...ALWAYS, `--allow-read=${file}`], withKey), lacksDirectory);
        const readable = [...ALWAYS, `--allow-read=${directory}`];
        assertEquals(
          await run([...readable, `--deny-read=${file}`], withKey),
          refusal(`--allow-read=${file}`, args[0]),
        );
        // Only then are the addresses checked.
        assertEquals(
          await run(readable, withKey),
          refusal("--allow-net=127.0.0.1:8000", args[0]),
        );
      }
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  },
);

testUnless(
  whyNot("linux"),
  "keygen needs its directory and the uid only, and names what is missing",
  async () => {
    const parent = Deno.makeTempDirSync();
    const directory = `${parent}/keys`;
    const keygen = ["keygen", "osaka", "--dir", directory];
    const uid = "--allow-sys=uid";
    const read = `--allow-read=${directory}`;
    const write = `--allow-write=${directory}`;
    try {
      for (
        const [given, missing] of [
          [[], `${uid} ${read} ${write}`],
          [[read, write], uid],
          [[uid, read], write],
          [[uid, write], read],
        ] as const
      ) {
        assertEquals(await run(["--no-prompt", ...given], keygen), refusal(missing, "keygen"));
      }
      const permissions = ["--no-prompt", uid, read, write];
      // The directory is made, and then it is there.
      for (const args of [keygen, [...keygen, "--rotate"]]) {
        const { code, stdout, stderr } = await run(permissions, args);
        assertEquals([code, stderr], [0, ""]);
        assertStringIncludes(stdout, `added a line for osaka to ${directory}/server.keys`);
      }
      // Without --dir it is the working directory.
      assertEquals(
        await run(["--no-prompt", uid], ["keygen", "osaka"]),
        refusal("--allow-read=. --allow-write=.", "keygen"),
      );
    } finally {
      Deno.removeSync(parent, { recursive: true });
    }
  },
);

testUnless(
  whyNot("linux") ?? (hasProgram("script") ? undefined : "no script"),
  "main() does not ask for permissions at a terminal",
  async () => {
    const command = [Deno.execPath(), "run", "--quiet", MAIN, ...CLIENT].join(" ");
    const { code, stdout } = await new Deno.Command("script", {
      args: ["--quiet", "--return", "--command", command, "/dev/null"],
      stdin: "null",
    }).output();
    assertEquals(
      { code, stdout: "", stderr: new TextDecoder().decode(stdout).replace("\r\n", "\n") },
      refusal("--allow-ffi --allow-sys=hostname --allow-sys=uid", "client"),
    );
  },
);
