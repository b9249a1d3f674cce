// The selection of refusals, arrivals and departures that a server logs.

import { assertEquals } from "@std/assert";
import { AdmissionLog } from "../../../src/server/admission_log.ts";

const MINUTE_MS = 60_000;

Deno.test("AdmissionLog.refusal() passes one per address and minute, with the number suppressed", () => {
  const log = new AdmissionLog();
  const seen = [0, 1, 2, MINUTE_MS, MINUTE_MS + 1].map((nowMs) => log.refusal("10.0.0.1", nowMs));
  assertEquals(seen, [0, -1, -1, 2, -1]);
  assertEquals(log.refusal("10.0.0.2", 1), 0);
});

Deno.test("AdmissionLog.refusal() passes 30 a minute from all addresses together", () => {
  const log = new AdmissionLog();
  const passed = Array.from({ length: 200 }, (_, n) => log.refusal(`10.0.0.${n}`, n))
    .filter((suppressed) => suppressed >= 0);
  assertEquals(passed.length, 30);
  assertEquals(log.refusal("10.0.1.1", MINUTE_MS), 0);
});

Deno.test("AdmissionLog passes 20 arrivals and 20 departures per address and minute", () => {
  const log = new AdmissionLog();
  for (const change of ["coming", "going"] as const) {
    const passed = (address: string, nowMs: number) =>
      Array.from({ length: 50 }, () => log[change](address, nowMs)).filter((told) => told).length;
    assertEquals(passed("10.0.0.1", 0), 20);
    assertEquals(passed("10.0.0.1", MINUTE_MS - 1), 0);
    assertEquals(passed("10.0.0.2", 0), 20);
    assertEquals(passed("10.0.0.1", MINUTE_MS), 20);
  }
});

Deno.test("AdmissionLog counts an IPv6 network of 64 bits as one address", () => {
  const log = new AdmissionLog();
  const seen = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:10.0.0.1", "10.0.0.1"]
    .map((address) => log.refusal(address, 0));
  assertEquals(seen, [0, -1, 0, 0, -1]);
});
