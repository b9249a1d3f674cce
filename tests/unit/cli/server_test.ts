// Tests of the flags that only a server has.

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { makeKey } from "../../../src/keys/keygen.ts";
import { readFlags, UsageError } from "../../../src/cli/options.ts";
import { SERVER_FLAGS } from "../../../src/cli/flags.ts";
import { serverOptions } from "../../../src/cli/server.ts";

function options(...args: string[]) {
  const all = ["--interface", "eth1", "--listen", "127.0.0.1:8000", ...args];
  return serverOptions(readFlags(SERVER_FLAGS, all));
}

const encode = (text: string) => new TextEncoder().encode(text);

/** Returns the message with which flags are refused. */
function refusal(...args: string[]): string {
  return assertThrows(() => options(...args), UsageError).message;
}

Deno.test("serverOptions() reads the limits", () => {
  const none = { padiPerHost: undefined, padiPerClient: undefined, maxSessions: undefined };
  assertEquals(options().limits, none);
  assertEquals(
    options("--padi-rate", "20", "--padi-rate-client", "0", "--max-sessions", "100").limits,
    { padiPerHost: 20, padiPerClient: 0, maxSessions: 100 },
  );
  assertEquals(
    refusal("--max-sessions", "0"),
    '--max-sessions must be a whole number from 1 to 65534, not "0"',
  );
});

Deno.test("serverOptions() reads the proxies, of which there are none by default", () => {
  assertEquals(options().proxyProtocol, []);
  const given = ["--proxy-protocol", "192.0.2.1,::1", "--proxy-protocol", "10.0.0.0/8"];
  assertEquals(options(...given).proxyProtocol, ["192.0.2.1,::1", "10.0.0.0/8"]);
  assertEquals(
    refusal("--proxy-protocol", "haproxy.example"),
    'Cannot read --proxy-protocol "haproxy.example": names are not looked up; give an IPv4 or IPv6 ' +
      "address",
  );
});

Deno.test("serverOptions() reads the keys of the key file, and has none without it", () => {
  assertEquals(options().keys, undefined);
  const directory = Deno.makeTempDirSync();
  try {
    const { serverFile } = makeKey({ name: "osaka", directory, rotate: false });
    const { keys, allow } = options("--key-file", serverFile);
    assertEquals([keys?.knows("osaka"), keys?.file, allow], [true, serverFile, []]);
    assertThrows(() => options("--key-file", `${directory}/none`), ConfigurationError, "not exist");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
  const legacy = ["--legacy", "--key-file", "/nowhere"];
  assertMatch(refusal(...legacy), /^--legacy cannot be used with --key-file/);
});

Deno.test("serverOptions() reads a Host-Uniq as text or as hexadecimal", () => {
  const hostUniq = (value: string) => options("--host-uniq", value).hostUniq;
  assertEquals(options().hostUniq, undefined);
  assertEquals(hostUniq("isp-1"), encode("isp-1"));
  assertEquals(hostUniq("大阪"), encode("大阪"));
  assertEquals(hostUniq("0"), encode("0"));
  assertEquals(hostUniq("0x00fF10"), Uint8Array.of(0, 0xff, 0x10));
  assertEquals(hostUniq("0X01"), Uint8Array.of(1));
  assertEquals(hostUniq("a".repeat(64))?.length, 64);
  assertEquals(hostUniq("0x" + "ab".repeat(64))?.length, 64);
  for (const value of ["0x", "0x1", "0xgg", "0x12 34"]) {
    assertEquals(
      refusal("--host-uniq", value),
      `--host-uniq must be text, or 0x and two hexadecimal digits per byte, not "${value}"`,
    );
  }
  for (const value of ["a".repeat(65), "0x" + "ab".repeat(65)]) {
    assertEquals(
      refusal("--host-uniq", value),
      "--host-uniq is 65 bytes long; the maximum is 64",
    );
  }
});

Deno.test("serverOptions() accepts --no-relay-tag only with --host-uniq", () => {
  assertEquals(options("--host-uniq", "x").relayTag, true);
  assertEquals(options("--no-relay-tag", "--host-uniq", "x").relayTag, false);
  assertEquals(refusal("--no-relay-tag"), "--no-relay-tag needs --host-uniq");
});

Deno.test("serverOptions() reads circuit id and remote id, and rejects invalid ones", () => {
  const { circuitId, remoteId } = options("--circuit-id", "{client}/{host}", "--remote-id=x");
  assertEquals([circuitId, remoteId], ["{client}/{host}", "x"]);
  assertEquals(options().circuitId, undefined);
  assertEquals(
    refusal("--circuit-id", "{mac}"),
    'Cannot use --circuit-id "{mac}": {mac} is unknown; use {client}, {host}, {interface}',
  );
  const long = "x".repeat(64);
  assertEquals(
    refusal("--remote-id", long),
    `Cannot use --remote-id "${long}": it is 64 characters long; the maximum is 63`,
  );
});
