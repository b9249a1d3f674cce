// The server's own flags.

import { assertEquals, assertThrows } from "@std/assert";
import { readFlags, UsageError } from "../../../src/cli/options.ts";
import { SERVER_FLAGS, serverOptions } from "../../../src/cli/server.ts";

function options(...args: string[]) {
  const all = ["--interface", "eth1", "--listen", "127.0.0.1:8000", ...args];
  return serverOptions(readFlags(SERVER_FLAGS, all));
}

/** The message with which these flags are refused. */
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
    '--max-sessions is a whole number from 1 to 65534, not "0"',
  );
});
