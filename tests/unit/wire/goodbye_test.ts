import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { emitGoodbye, parseGoodbye, REASON, reasonName } from "../../../src/wire/goodbye.ts";
import { bytes, uint16 } from "./arbitraries.ts";
import { hex } from "./captures.ts";

Deno.test("emitGoodbye() writes reason and text", () => {
  assertEquals(emitGoodbye({ reason: REASON.NOT_ALLOWED, text: "né" }), hex("0005 6e c3a9"));
});

Deno.test("parseGoodbye() reads reason and text", () => {
  assertEquals(parseGoodbye(hex("0005 6e c3a9")), { reason: REASON.NOT_ALLOWED, text: "né" });
});

Deno.test("parseGoodbye() reads an unknown reason without text", () => {
  assertEquals(parseGoodbye(hex("fffe")), { reason: 0xfffe, text: "" });
});

Deno.test("parseGoodbye() returns undefined when there is no reason", () => {
  assertEquals(parseGoodbye(hex("")), undefined);
  assertEquals(parseGoodbye(hex("00")), undefined);
});

Deno.test("parseGoodbye() replaces unprintable characters", () => {
  const payload = hex("0001 1b5b324a 0a 61 00 7f c285 e280ae efbbbf ff");
  assertEquals(
    parseGoodbye(payload)?.text,
    "\ufffd[2J\ufffda\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd",
  );
});

Deno.test("emitGoodbye() cuts text beyond 256 bytes between two characters", () => {
  assertEquals(emitGoodbye({ reason: 1, text: "a".repeat(300) }).length, 258);
  const payload = emitGoodbye({ reason: 1, text: "回".repeat(100) });
  assertEquals(payload.length, 2 + 255);
  assertEquals(parseGoodbye(payload)?.text, "回".repeat(85));
});

Deno.test("parseGoodbye() cuts text beyond 256 bytes", () => {
  assertEquals(parseGoodbye(new Uint8Array(65536).fill(0x61))?.text, "a".repeat(256));
});

Deno.test("parseGoodbye() never throws, and returns text on one line", () => {
  fc.assert(fc.property(bytes(2, 300), (payload) => {
    const { text } = parseGoodbye(payload)!;
    assertEquals(/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), false);
  }));
});

Deno.test("parseGoodbye() reads what emitGoodbye() writes", () => {
  const unit = fc.constantFrom("a", "7", " ", '"', "é", "回", "🛰");
  const goodbyes = fc.record({ reason: uint16(), text: fc.string({ unit, maxLength: 64 }) });
  fc.assert(fc.property(goodbyes, (goodbye) => {
    assertEquals(parseGoodbye(emitGoodbye(goodbye)), goodbye);
  }));
});

Deno.test("reasonName() names every reason, and formats others as a number", () => {
  assertEquals(Object.values(REASON).map(reasonName), Object.keys(REASON));
  assertEquals(reasonName(0), "0x0000");
});
