import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { emitHello, FEATURE, parseHello, RESUME_SECRET_LENGTH } from "../../../src/wire/hello.ts";
import { bytes, uint16, uint32, uint8 } from "./arbitraries.ts";
import { hex } from "./captures.ts";

const HELLO = { version: 1, features: 0x80000005, name: "osaka", software: "pppoe-proxy 0.1.0" };
const PAYLOAD = hex(`
  50507879 0001 0000
  0001 0004 80000005
  0002 0005 6f73616b61
  0003 0011 7070706f652d70726f787920302e312e30
`);

function assertFault(digits: string, fault: string): void {
  assertEquals(parseHello(hex(digits)), { ok: false, fault });
}

Deno.test("emitHello() writes every field", () => {
  assertEquals(emitHello(HELLO), PAYLOAD);
});

Deno.test("parseHello() reads every field", () => {
  assertEquals(parseHello(PAYLOAD), { ok: true, hello: HELLO });
});

const SECRET = hex("00112233445566778899aabbccddeeff");
const RESUMING = { ...HELLO, features: FEATURE.RESUME, resumeSecret: SECRET };
const RESUMING_PAYLOAD = hex(`
  50507879 0001 0000
  0001 0004 00000001
  0002 0005 6f73616b61
  0003 0011 7070706f652d70726f787920302e312e30
  0004 0010 00112233445566778899aabbccddeeff
`);

Deno.test("emitHello() writes a resume secret if there is one", () => {
  assertEquals(emitHello(RESUMING), RESUMING_PAYLOAD);
  assertEquals(emitHello({ ...HELLO, resumeSecret: undefined }), PAYLOAD);
});

Deno.test("parseHello() copies the resume secret", () => {
  const payload = RESUMING_PAYLOAD.slice();
  const result = parseHello(payload);
  payload.fill(0xee);
  assertEquals(result, { ok: true, hello: RESUMING });
});

Deno.test("parseHello() rejects a resume secret of the wrong length", () => {
  const header = "50507879 0001 0000 0002 0001 61";
  for (const length of [0, 1, RESUME_SECRET_LENGTH - 1, RESUME_SECRET_LENGTH + 1]) {
    const value = length.toString(16).padStart(4, "0") + "ab".repeat(length);
    assertFault(`${header} 0004 ${value}`, `The resume secret is ${length} bytes long, not 16`);
  }
});

Deno.test("emitHello() throws for a resume secret of the wrong length", () => {
  for (const length of [0, 15, 17]) {
    const resumeSecret = new Uint8Array(length);
    assertThrows(() => emitHello({ ...HELLO, resumeSecret }), RangeError, `${length} bytes`);
  }
});

Deno.test("emitHello() writes the state of the link only when it is down", () => {
  assertEquals(emitHello({ ...HELLO, linkDown: true }), hex(`${PAYLOAD.toHex()} 0005 0001 00`));
  assertEquals(emitHello({ ...HELLO, linkDown: undefined }), PAYLOAD);
});

Deno.test("parseHello() assumes that the link is up unless told otherwise", () => {
  const link = (value: string) => parseHello(hex(`${PAYLOAD.toHex()} 0005 ${value}`));
  assertEquals(link("0001 00"), { ok: true, hello: { ...HELLO, linkDown: true } });
  assertEquals(link("0001 01"), { ok: true, hello: HELLO });
  assertEquals(link("0000"), {
    ok: false,
    fault: "The state of the link is 0 bytes long, not 1",
  });
  assertEquals(link("0002 0000"), {
    ok: false,
    fault: "The state of the link is 2 bytes long, not 1",
  });
});

Deno.test("parseHello() reads a payload that starts within a larger buffer", () => {
  const buffer = new Uint8Array(PAYLOAD.length + 10).fill(0xee);
  buffer.set(PAYLOAD, 5);
  const result = parseHello(buffer.subarray(5, 5 + PAYLOAD.length));
  assertEquals(result, { ok: true, hello: HELLO });
});

Deno.test("parseHello() reports a fault when the payload ends within a field", () => {
  const ends = new Set([25, PAYLOAD.length]);
  for (let length = 0; length < PAYLOAD.length; length++) {
    assertEquals(parseHello(PAYLOAD.subarray(0, length)).ok, ends.has(length));
  }
});

Deno.test("parseHello() reads missing features and software as 0 and empty", () => {
  assertEquals(parseHello(hex("50507879 0002 0000 0002 0001 61")), {
    ok: true,
    hello: { version: 2, features: 0, name: "a", software: "" },
  });
});

Deno.test("parseHello() ignores unknown options and the reserved field", () => {
  const payload = hex("50507879 0001 ffff 0042 0002 aabb 0002 0001 61 ffff 0000");
  const hello = { version: 1, features: 0, name: "a", software: "" };
  assertEquals(parseHello(payload), { ok: true, hello });
});

Deno.test("parseHello() takes the first of two names", () => {
  const payload = hex("50507879 0001 0000 0002 0001 61 0002 0001 62");
  const hello = { version: 1, features: 0, name: "a", software: "" };
  assertEquals(parseHello(payload), { ok: true, hello });
});

Deno.test("parseHello() names the fault", () => {
  const beyond = "An option extends beyond the end of the payload";
  assertFault("", "The payload is 0 bytes long; the minimum is 8");
  assertFault("50507878 0001 0000 0002 0001 61", "The magic number is missing");
  assertFault("50507879 0001 0000", "The name is missing");
  assertFault("50507879 0001 0000 0002 0000", "The name is missing");
  assertFault("50507879 0001 0000 0002 0002 61", beyond);
  assertFault("50507879 0001 0000 0002 ffff 61", beyond);
  assertFault(
    "50507879 0001 0000 0001 0003 000000 0002 0001 61",
    "The features are 3 bytes long, not 4",
  );
});

Deno.test("parseHello() rejects text that is unprintable, not UTF-8 or too long", () => {
  const header = "50507879 0001 0000";
  const wrong = [
    "0004 611b5b6d", // an escape sequence
    "0002 610a", // a line break
    "0003 e280ae", // a change of writing direction
    "0001 ff",
    "0002 c3 28",
    "0041" + "61".repeat(65),
  ];
  for (const text of wrong) {
    assertFault(
      `${header} 0002 ${text}`,
      "The name is not printable text of at most 64 bytes",
    );
    assertFault(
      `${header} 0002 0001 61 0003 ${text}`,
      "The software is not printable text of at most 64 bytes",
    );
  }
});

Deno.test("parseHello() never throws, and returns what emitHello() can write", () => {
  const whole = fc.constantFrom(PAYLOAD, RESUMING_PAYLOAD);
  const changed = fc.tuple(whole, fc.nat(), uint8()).map(([from, at, value]) => {
    const payload = from.slice();
    payload[at % payload.length] = value;
    return payload;
  });
  fc.assert(fc.property(fc.oneof(bytes(), changed), (payload) => {
    const result = parseHello(payload);
    if (result.ok) assertEquals(parseHello(emitHello(result.hello)), result);
  }));
});

/** Printable text with a length in a range, in bytes of UTF-8. */
function text(minBytes: number, maxBytes: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom("a", "7", " ", '"', "é", "回", "🛰") })
    .filter((text) => {
      const { length } = new TextEncoder().encode(text);
      return length >= minBytes && length <= maxBytes;
    });
}

Deno.test("parseHello() reads what emitHello() writes", () => {
  const hellos = fc.record({
    version: uint16(),
    features: uint32(),
    name: text(1, 64),
    software: text(0, 64),
  });
  const secret = fc.option(bytes(RESUME_SECRET_LENGTH, RESUME_SECRET_LENGTH));
  fc.assert(fc.property(hellos, secret, fc.boolean(), (fields, resumeSecret, linkDown) => {
    const hello = {
      ...fields,
      ...(resumeSecret === null ? {} : { resumeSecret }),
      ...(linkDown ? { linkDown } : {}),
    };
    assertEquals(parseHello(emitHello(hello)), { ok: true, hello });
  }));
});

Deno.test("emitHello() throws for a name or a software of the wrong length", () => {
  assertThrows(() => emitHello({ ...HELLO, name: "" }), RangeError, "0 bytes long, not 1 to 64");
  assertThrows(() => emitHello({ ...HELLO, name: "回".repeat(22) }), RangeError, "66 bytes");
  assertThrows(() => emitHello({ ...HELLO, name: "a\nb" }), RangeError, "unprintable characters");
  assertThrows(() => emitHello({ ...HELLO, name: "\ud800" }), RangeError, "unprintable characters");
  assertThrows(() => emitHello({ ...HELLO, software: "a".repeat(65) }), RangeError, "0 to 64");
});

Deno.test("emitHello() throws for a number that is out of range", () => {
  assertThrows(() => emitHello({ ...HELLO, version: 65536 }), RangeError, "version 65536");
  assertThrows(() => emitHello({ ...HELLO, features: -1 }), RangeError, "features -1");
  assertThrows(() => emitHello({ ...HELLO, features: 2 ** 32 }), RangeError, "features");
});
