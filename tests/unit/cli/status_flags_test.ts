// Tests of the flags of the status: its address, and the file with its token.

import { assertEquals, assertThrows } from "@std/assert";
import { RUNTIME_FLAGS } from "../../../src/cli/flags.ts";
import { readFlags } from "../../../src/cli/options.ts";
import { statusOptions } from "../../../src/cli/status_flags.ts";

const read = (...args: string[]) => statusOptions(readFlags(RUNTIME_FLAGS, args));
const refusal = (...args: string[]) => assertThrows(() => read(...args), Error).message;

/** Runs a test with a file of mode 0600. */
function withFile(text: string, test: (file: string) => void, mode = 0o600): void {
  const directory = Deno.makeTempDirSync();
  try {
    const file = `${directory}/token`;
    Deno.writeTextFileSync(file, text);
    Deno.chmodSync(file, mode);
    test(file);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("statusOptions() reads HOST:PORT or the path of a unix socket", () => {
  assertEquals(read(), { status: undefined });
  assertEquals(read("--status", "127.0.0.1:9000"), {
    status: { hostname: "127.0.0.1", port: 9000 },
  });
  assertEquals(read("--status", "unix:/run/a b.sock"), { status: { path: "/run/a b.sock" } });
});

for (
  const [value, fault] of [
    ["unix:", '"unix:" has no full path; give one such as unix:/run/pppoe-proxy/status.sock'],
    [
      "unix:a.sock",
      '"unix:a.sock" has no full path; give one such as unix:/run/pppoe-proxy/status.sock',
    ],
    ["unix:/run/", '"unix:/run/" is a directory; add the name of the socket'],
    [`unix:/${"x".repeat(107)}`, "the path of a unix socket has at most 107 bytes"],
    ["/run/a.sock", '"/run/a.sock" is not HOST:PORT, such as 127.0.0.1:9000'],
  ]
) {
  Deno.test(`statusOptions() refuses --status ${value.slice(0, 20)}`, () => {
    assertEquals(refusal("--status", value), `Cannot read --status: ${fault}`);
  });
}

Deno.test("statusOptions() reads a token, without the line break behind it", () => {
  for (const text of ["0123456789abcdef", "0123456789abcdef\n", " a_b-c.d~e/f+g/h1==\r\n"]) {
    withFile(text, (file) => {
      assertEquals(
        read("--status", "0.0.0.0:9000", "--status-token-file", file).statusToken,
        text.trim(),
      );
    });
  }
});

Deno.test("statusOptions() refuses a token that is short, is not one word, or is missing", () => {
  for (
    const text of [
      "",
      "short",
      "0123456789abcde",
      "0123456789abcdef 1",
      "a\nb",
      "pässword-pässword",
    ]
  ) {
    withFile(text, (file) => {
      assertEquals(
        refusal("--status", "127.0.0.1:9000", "--status-token-file", file),
        `Cannot use ${file}: it must have one token of 16 letters and digits or more; make one with ` +
          "openssl rand -hex 32",
      );
    });
  }
});

Deno.test("statusOptions() refuses a token file that others can read, with the command that mends it", () => {
  withFile("0123456789abcdef", (file) => {
    assertEquals(
      refusal("--status", "127.0.0.1:9000", "--status-token-file", file),
      `Cannot use ${file}: others can read it; run chmod 600 ${file}`,
    );
  }, 0o644);
});

Deno.test("statusOptions() refuses a token file without an address that needs it", () => {
  withFile("0123456789abcdef", (file) => {
    const fault =
      "--status-token-file needs --status HOST:PORT; over a unix socket no token is needed";
    assertEquals(refusal("--status-token-file", file), fault);
    assertEquals(refusal("--status", "unix:/run/a.sock", "--status-token-file", file), fault);
  });
});
