// An attempt to connect, without a network or a clock.

import { assertEquals } from "@std/assert";
import {
  ConnectAttempt,
  describeConnectFailure,
  STEP_MS,
} from "../../../src/net/connect_attempt.ts";

const SERVER = { hostname: "vpn.example", port: 8000 };
const NOW_MS = 1000;

/** Makes an attempt whose lookup has found addresses. */
function resolved(...addresses: string[]): ConnectAttempt {
  const attempt = new ConnectAttempt(SERVER, NOW_MS);
  attempt.resolved(addresses, NOW_MS);
  return attempt;
}

function at(hostname: string) {
  return { is: "connect" as const, address: { hostname, port: 8000 } };
}

Deno.test("ConnectAttempt begins with a lookup that may take 10 s", () => {
  const attempt = new ConnectAttempt(SERVER, NOW_MS);
  assertEquals(attempt.step, { is: "resolve", hostname: "vpn.example" });
  assertEquals(attempt.dueMs, NOW_MS + STEP_MS);
});

Deno.test("ConnectAttempt tries each address in turn, and fails with the last one's reason", () => {
  const attempt = resolved("192.0.2.1", "2001:db8::1");
  assertEquals(attempt.step, at("192.0.2.1"));
  attempt.failed("Connection refused", NOW_MS + 5);
  assertEquals(attempt.step, at("2001:db8::1"));
  assertEquals(attempt.dueMs, NOW_MS + 5 + STEP_MS);
  attempt.failed("No route to host", NOW_MS + 6);
  const failure = { step: "connect" as const, reason: "No route to host" };
  assertEquals(attempt.step, { is: "failed", failure });
  assertEquals(attempt.dueMs, Infinity);
  assertEquals(
    describeConnectFailure(SERVER, failure),
    "Cannot connect to vpn.example:8000: No route to host",
  );
});

Deno.test("ConnectAttempt gives each step 10 s, and goes on to the next address", () => {
  const attempt = resolved("192.0.2.1", "192.0.2.2");
  attempt.tick(NOW_MS + STEP_MS - 1);
  assertEquals(attempt.step, at("192.0.2.1"));
  attempt.tick(NOW_MS + STEP_MS);
  assertEquals(attempt.step, at("192.0.2.2"));
  attempt.tick(NOW_MS + 2 * STEP_MS);
  assertEquals(attempt.step, {
    is: "failed",
    failure: { step: "connect", reason: "no answer in 10 s" },
  });
});

Deno.test("ConnectAttempt is over when an address has answered", () => {
  const attempt = resolved("192.0.2.1", "192.0.2.2");
  attempt.connected();
  assertEquals([attempt.step, attempt.dueMs], [{ is: "connected" }, Infinity]);
  attempt.failed("late", NOW_MS);
  attempt.tick(Infinity);
  attempt.resolved(["192.0.2.3"], NOW_MS);
  assertEquals(attempt.step, { is: "connected" });
});

Deno.test("ConnectAttempt fails when a name is not found, has no address, or no address answers", () => {
  const unknown = new ConnectAttempt(SERVER, NOW_MS);
  unknown.failed("no such name", NOW_MS);
  const failure = { step: "resolve" as const, reason: "no such name" };
  assertEquals(unknown.step, { is: "failed", failure });
  assertEquals(
    describeConnectFailure(SERVER, failure),
    "Cannot find vpn.example: no such name",
  );
  assertEquals(resolved().step, {
    is: "failed",
    failure: { step: "connect", reason: "it has no address" },
  });
  const silent = new ConnectAttempt(SERVER, NOW_MS);
  silent.tick(NOW_MS + STEP_MS);
  assertEquals(silent.step, {
    is: "failed",
    failure: { step: "resolve", reason: "no answer in 10 s" },
  });
});
