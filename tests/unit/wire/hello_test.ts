import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
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

function assertWrong(digits: string, reason: string): void {
  const result = parseHello(hex(digits));
  assertEquals(typeof result, "string");
  assertStringIncludes(result as string, reason);
}

Deno.test("emitHello() writes every field", () => {
  assertEquals(emitHello(HELLO), PAYLOAD);
});

Deno.test("parseHello() reads every field", () => {
  assertEquals(parseHello(PAYLOAD), HELLO);
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

Deno.test("emitHello() writes a resume secret where there is one", () => {
  assertEquals(emitHello(RESUMING), RESUMING_PAYLOAD);
  assertEquals(emitHello({ ...HELLO, resumeSecret: undefined }), PAYLOAD);
});

Deno.test("parseHello() reads a resume secret, of which it keeps a copy", () => {
  const payload = RESUMING_PAYLOAD.slice();
  const hello = parseHello(payload);
  payload.fill(0xee);
  assertEquals(hello, RESUMING);
  assertEquals("resumeSecret" in (parseHello(PAYLOAD) as typeof RESUMING), false);
});

Deno.test("parseHello() refuses a resume secret of another length", () => {
  const header = "50507879 0001 0000 0002 0001 61";
  for (const length of [0, 1, RESUME_SECRET_LENGTH - 1, RESUME_SECRET_LENGTH + 1]) {
    const value = length.toString(16).padStart(4, "0") + "ab".repeat(length);
    assertWrong(`${header} 0004 ${value}`, `The resume secret has ${length} bytes, not 16`);
  }
});

Deno.test("emitHello() throws for a resume secret of another length", () => {
  for (const length of [0, 15, 17]) {
    const resumeSecret = new Uint8Array(length);
    assertThrows(() => emitHello({ ...HELLO, resumeSecret }), RangeError, `${length} bytes`);
  }
});

Deno.test("emitHello() says that the link is down, and nothing where it is up", () => {
  assertEquals(emitHello({ ...HELLO, linkDown: true }), hex(`${PAYLOAD.toHex()} 0005 0001 00`));
  assertEquals(emitHello({ ...HELLO, linkDown: undefined }), PAYLOAD);
});

Deno.test("parseHello() takes a link for up unless it is said to be down", () => {
  const link = (value: string) => parseHello(hex(`${PAYLOAD.toHex()} 0005 ${value}`));
  assertEquals(link("0001 00"), { ...HELLO, linkDown: true });
  assertEquals(link("0001 01"), HELLO);
  assertEquals(link("0000"), "The state of the link has 0 bytes, not 1");
  assertEquals(link("0002 0000"), "The state of the link has 2 bytes, not 1");
});

Deno.test("parseHello() reads a payload that starts within a larger buffer", () => {
  const buffer = new Uint8Array(PAYLOAD.length + 10).fill(0xee);
  buffer.set(PAYLOAD, 5);
  assertEquals(parseHello(buffer.subarray(5, 5 + PAYLOAD.length)), HELLO);
});

Deno.test("parseHello() says what is wrong when the payload is cut within a field", () => {
  const ends = new Set([25, PAYLOAD.length]);
  for (let length = 0; length < PAYLOAD.length; length++) {
    const result = parseHello(PAYLOAD.subarray(0, length));
    assertEquals(typeof result === "string", !ends.has(length));
  }
});

Deno.test("parseHello() takes features and software for nothing when they are left out", () => {
  assertEquals(parseHello(hex("50507879 0002 0000 0002 0001 61")), {
    version: 2,
    features: 0,
    name: "a",
    software: "",
  });
});

Deno.test("parseHello() passes over options that it does not know, and over what is reserved", () => {
  const payload = hex("50507879 0001 ffff 0042 0002 aabb 0002 0001 61 ffff 0000");
  assertEquals(parseHello(payload), { version: 1, features: 0, name: "a", software: "" });
});

Deno.test("parseHello() takes the first of two names", () => {
  const payload = hex("50507879 0001 0000 0002 0001 61 0002 0001 62");
  assertEquals(parseHello(payload), { version: 1, features: 0, name: "a", software: "" });
});

Deno.test("parseHello() says what is wrong", () => {
  assertWrong("", "0 bytes are under 8");
  assertWrong("50507878 0001 0000 0002 0001 61", "No magic number");
  assertWrong("50507879 0001 0000", "No name; --name sets one");
  assertWrong("50507879 0001 0000 0002 0000", "No name; --name sets one");
  assertWrong("50507879 0001 0000 0002 0002 61", "runs over the end");
  assertWrong("50507879 0001 0000 0002 ffff 61", "runs over the end");
  assertWrong("50507879 0001 0000 0001 0003 000000 0002 0001 61", "Features have 3 bytes");
});

Deno.test("parseHello() refuses a text that does not print, is not UTF-8 or is too long", () => {
  const header = "50507879 0001 0000";
  const wrong = [
    "0004 611b5b6d", // an escape sequence
    "0002 610a", // a line end
    "0003 e280ae", // a change of direction
    "0001 ff",
    "0002 c3 28",
    "0041" + "61".repeat(65),
  ];
  for (const text of wrong) {
    assertWrong(`${header} 0002 ${text}`, "The name is not printable text");
    assertWrong(`${header} 0002 0001 61 0003 ${text}`, "The software is not printable text");
  }
});

Deno.test("parseHello() never throws, and gives what emitHello() can write", () => {
  const whole = fc.constantFrom(PAYLOAD, RESUMING_PAYLOAD);
  const changed = fc.tuple(whole, fc.nat(), uint8()).map(([from, at, value]) => {
    const payload = from.slice();
    payload[at % payload.length] = value;
    return payload;
  });
  fc.assert(fc.property(fc.oneof(bytes(), changed), (payload) => {
    const hello = parseHello(payload);
    if (typeof hello !== "string") assertEquals(parseHello(emitHello(hello)), hello);
  }));
});

/** Printable text of some bytes in UTF-8. */
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
    assertEquals(parseHello(emitHello(hello)), hello);
  }));
});

Deno.test("emitHello() throws for a name or a software out of its range", () => {
  assertThrows(() => emitHello({ ...HELLO, name: "" }), RangeError, "0 bytes, not 1 to 64");
  assertThrows(() => emitHello({ ...HELLO, name: "回".repeat(22) }), RangeError, "66 bytes");
  assertThrows(() => emitHello({ ...HELLO, name: "a\nb" }), RangeError, "control characters");
  assertThrows(() => emitHello({ ...HELLO, name: "\ud800" }), RangeError, "control characters");
  assertThrows(() => emitHello({ ...HELLO, software: "a".repeat(65) }), RangeError, "0 to 64");
});

Deno.test("emitHello() throws for a number out of its range", () => {
  assertThrows(() => emitHello({ ...HELLO, version: 65536 }), RangeError, "version 65536");
  assertThrows(() => emitHello({ ...HELLO, features: -1 }), RangeError, "features -1");
  assertThrows(() => emitHello({ ...HELLO, features: 2 ** 32 }), RangeError, "features");
});
