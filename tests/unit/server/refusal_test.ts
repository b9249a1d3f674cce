// Refusals in the log and in the counts.

import { assertEquals } from "@std/assert";
import {
  countedReason,
  reasonCounted,
  Refusal,
  refusalReason,
} from "../../../src/server/refusal.ts";
import { HandshakeError } from "../../../src/tunnel/handshake.ts";
import { REASON } from "../../../src/wire/mod.ts";

Deno.test("refusalReason() leaves out a proxy's health check that says nothing", () => {
  for (const reason of [undefined, REASON.TIMEOUT]) {
    const silent = new HandshakeError("No greeting in time", reason);
    assertEquals(refusalReason(silent, true), undefined);
    assertEquals(refusalReason(silent, false), "No greeting in time");
  }
  const wrong = new HandshakeError("It speaks HTTP", REASON.PROTOCOL);
  assertEquals(refusalReason(wrong, true), "It speaks HTTP");
});

Deno.test("refusalReason() and countedReason() take both reasons of a Refusal", () => {
  const refusal = new Refusal("not on the allow list", "not-allowed");
  assertEquals(refusalReason(refusal, false), "not on the allow list");
  assertEquals(countedReason(refusal), "not-allowed");
  assertEquals(refusalReason(new Refusal(undefined), false), undefined);
  assertEquals(countedReason(new Refusal("crowded")), undefined);
});

Deno.test("countedReason() counts a failed handshake by the code of its goodbye", () => {
  const counted = (reason?: number) => countedReason(new HandshakeError("It failed", reason));
  assertEquals(counted(REASON.FULL), "full");
  assertEquals(counted(REASON.NOT_ALLOWED), "not-allowed");
  assertEquals(counted(REASON.TIMEOUT), "timeout");
  assertEquals([counted(REASON.PROTOCOL), counted(undefined)], ["handshake", "handshake"]);
  assertEquals(countedReason(new Error("Connection reset by peer")), "handshake");
  assertEquals(reasonCounted(undefined), "handshake");
});
