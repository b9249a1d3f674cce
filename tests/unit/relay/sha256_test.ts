// SHA-256 and HMAC of short messages, compared with node:crypto.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createHash, createHmac } from "node:crypto";
import { HmacSha256, MESSAGE_MAX, sha256 } from "../../../src/relay/discovery/sha256.ts";

const MESSAGE = fc.uint8Array({ maxLength: MESSAGE_MAX });

Deno.test("sha256() hashes as node:crypto does", () => {
  fc.assert(fc.property(MESSAGE, (message) => {
    assertEquals(sha256(message), new Uint8Array(createHash("sha256").update(message).digest()));
  }));
});

Deno.test("HmacSha256.of() signs as node:crypto does, with keys of any length up to a block", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), MESSAGE, (key, message) => {
    const expected = new Uint8Array(createHmac("sha256", key).update(message).digest());
    const hmac = new HmacSha256(key);
    assertEquals([hmac.of(message), hmac.of(message)], [expected, expected]);
  }));
});

Deno.test("sha256() and HmacSha256 refuse what does not fit into a block", () => {
  assertThrows(() => sha256(new Uint8Array(MESSAGE_MAX + 1)), RangeError, "56 bytes");
  assertThrows(() => new HmacSha256(new Uint8Array(65)), RangeError, "65 bytes");
});
