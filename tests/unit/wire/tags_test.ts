import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type AccessLine,
  accessLineTag,
  creditScaleFactorTag,
  creditsTag,
  emitTags,
  findTag,
  linkMetricsTag,
  maxPayloadTag,
  parseAccessLine,
  parseCredits,
  parseLinkMetrics,
  parseTags,
  type RateUnit,
  readCreditScaleFactor,
  readMaxPayload,
  readSequenceNumber,
  sequenceNumberTag,
  TAG,
  type Tag,
  tagName,
  tagsLength,
  textTag,
} from "../../../src/wire/mod.ts";
import { bytes, tag, uint16 } from "./arbitraries.ts";
import { hex } from "./captures.ts";

const LIST = hex("0101 0000  0103 0004 31570000  0120 0002 05dc");
const TAGS: Tag[] = [
  { type: TAG.SERVICE_NAME, value: hex("") },
  { type: TAG.HOST_UNIQ, value: hex("31570000") },
  { type: TAG.PPP_MAX_PAYLOAD, value: hex("05dc") },
];

Deno.test("parseTags() reads tags in order", () => {
  assertEquals(parseTags(LIST), TAGS);
});

Deno.test("parseTags() reads an empty list", () => {
  assertEquals(parseTags(hex("")), []);
});

Deno.test("parseTags() reads a tag of an unknown type", () => {
  assertEquals(parseTags(hex("fffe 0001 aa")), [{ type: 0xfffe, value: hex("aa") }]);
});

Deno.test("parseTags() ignores everything after End-Of-List", () => {
  assertEquals(parseTags(hex("0102 0001 61  0000 0000  0103 ffff 00")), [
    textTag(TAG.AC_NAME, "a"),
  ]);
  assertEquals(parseTags(hex("0000 ffff")), []);
});

Deno.test("parseTags() returns undefined for a list that ends within a tag", () => {
  const ends = new Set([0, 4, 12, 18]);
  for (let length = 0; length < LIST.length; length++) {
    assertEquals(parseTags(LIST.subarray(0, length)) === undefined, !ends.has(length));
  }
});

Deno.test("parseTags() returns undefined when a tag extends beyond the end", () => {
  assertEquals(parseTags(hex("0103 0005 31570000")), undefined);
  assertEquals(parseTags(hex("0103 ffff 31570000")), undefined);
});

Deno.test("parseTags() never throws, and returns no more bytes than there are", () => {
  // Small numbers often make types and lengths that fit.
  const small = fc.array(fc.nat({ max: 3 }), { maxLength: 64 }).map((list) =>
    Uint8Array.from(list)
  );
  fc.assert(fc.property(fc.oneof(bytes(0, 256), small), (payload) => {
    const tags = parseTags(payload);
    if (tags !== undefined) assert(tagsLength(tags) <= payload.length);
  }));
});

Deno.test("parseTags() reads what emitTags() writes", () => {
  fc.assert(fc.property(fc.array(tag()), fc.nat({ max: 20 }), (tags, offset) => {
    const length = tagsLength(tags);
    const into = new Uint8Array(offset + length + 3).fill(0x55);
    assertEquals(emitTags(tags, into, offset), length);
    assertEquals(parseTags(into.subarray(offset, offset + length)), tags);
    into.fill(0x55, offset, offset + length);
    assertEquals(into, new Uint8Array(into.length).fill(0x55));
  }));
});

Deno.test("emitTags() throws when the tags do not fit, and writes nothing", () => {
  const into = new Uint8Array(LIST.length);
  assertThrows(() => emitTags(TAGS, into, 1), RangeError, "18 bytes do not fit into 17");
  assertThrows(() => emitTags(TAGS, into, 99), RangeError, "18 bytes do not fit into 0");
  assertEquals(into, new Uint8Array(LIST.length));
});

Deno.test("emitTags() throws when a value is longer than 65535 bytes, and writes nothing", () => {
  const into = new Uint8Array(70000);
  const tags = [...TAGS, { type: TAG.HOST_UNIQ, value: new Uint8Array(65536) }];
  assertThrows(() => emitTags(tags, into, 0), RangeError, "Cannot emit Host-Uniq: 65536 bytes");
  assertEquals(into.findIndex((byte) => byte !== 0), -1);
});

Deno.test("findTag() finds the first tag of a type", () => {
  const tags = [...TAGS, { type: TAG.HOST_UNIQ, value: hex("02") }];
  assertEquals(findTag(tags, TAG.HOST_UNIQ), TAGS[1]);
  assertEquals(findTag(tags, TAG.AC_COOKIE), undefined);
});

Deno.test("tagName() names every type, and formats others as a number", () => {
  for (const [name, type] of Object.entries(TAG)) {
    assertEquals(tagName(type).toUpperCase().replaceAll("-", "_"), name);
  }
  assertEquals(tagName(0x1234), "0x1234");
  assertEquals(tagName(0x0100), "0x0100");
});

Deno.test("textTag() writes UTF-8", () => {
  assertEquals(textTag(TAG.SERVICE_NAME, "é回"), {
    type: TAG.SERVICE_NAME,
    value: hex("c3a9 e59b9e"),
  });
});

/** The tags whose value is a 16-bit number. */
const NUMBERS: [
  name: string,
  type: number,
  read: (tag: Tag) => number | undefined,
  emit: (number: number) => Tag,
][] = [
  ["MaxPayload", TAG.PPP_MAX_PAYLOAD, readMaxPayload, maxPayloadTag],
  ["SequenceNumber", TAG.SEQUENCE_NUMBER, readSequenceNumber, sequenceNumberTag],
  ["CreditScaleFactor", TAG.CREDIT_SCALE_FACTOR, readCreditScaleFactor, creditScaleFactorTag],
];

for (const [name, type, read, emit] of NUMBERS) {
  Deno.test(`read${name}() reads two bytes, big endian`, () => {
    assertEquals(read({ type, value: hex("05dc") }), 1500);
  });

  Deno.test(`read${name}() returns undefined for another type or length`, () => {
    assertEquals(read({ type: TAG.HOST_UNIQ, value: hex("05dc") }), undefined);
    for (const value of [hex(""), hex("05"), hex("05dc00")]) {
      assertEquals(read({ type, value }), undefined);
    }
  });

  Deno.test(`read${name}() reads what its counterpart makes`, () => {
    fc.assert(fc.property(uint16(), (number) => {
      assertEquals(read(emit(number)), number);
    }));
  });

  Deno.test(`${name[0].toLowerCase()}${name.slice(1)}Tag() throws beyond 16 bits`, () => {
    for (const number of [-1, 65536, 1.5, NaN]) {
      assertThrows(() => emit(number), RangeError, `${number} is not an integer from 0 to 65535`);
    }
  });
}

/** A tag as a DSLAM inserts it: TR-101's default syntax, followed by rates. */
const TR101 = hex(`
  00000de9
  01 13 616e312065746820312f312f30312f303a3335
  02 05 4c696e6537
  81 04 00000400
  82 04 00002000
`);

Deno.test("parseAccessLine() reads circuit and remote id and skips the rest", () => {
  assertEquals(parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value: TR101 }), {
    circuitId: "an1 eth 1/1/01/0:35",
    remoteId: "Line7",
  });
});

Deno.test("parseAccessLine() reads a tag with neither id", () => {
  assertEquals(parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value: hex("00000de9") }), {});
});

Deno.test("parseAccessLine() takes the first of two circuit ids", () => {
  const value = hex("00000de9 01 01 61 01 01 62");
  assertEquals(parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value }), { circuitId: "a" });
});

Deno.test("parseAccessLine() reads each byte beyond ASCII as one character", () => {
  const value = hex("00000de9 02 06 00163eaabbcc");
  const line = parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value });
  assertEquals(line, { remoteId: "\x00\x16>\xaa\xbb\xcc" });
  assertEquals(accessLineTag(line!).value, value);
});

Deno.test("parseAccessLine() returns undefined for another vendor or type", () => {
  const other = TR101.slice();
  other[3] = 0xe8;
  assertEquals(parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value: other }), undefined);
  assertEquals(parseAccessLine({ type: TAG.HOST_UNIQ, value: TR101 }), undefined);
});

Deno.test("parseAccessLine() returns undefined for a value that ends within a sub-option", () => {
  const ends = new Set([4, 25, 32, 38]);
  for (let length = 0; length < TR101.length; length++) {
    const value = TR101.subarray(0, length);
    const line = parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value });
    assertEquals(line === undefined, !ends.has(length));
  }
});

Deno.test("parseAccessLine() returns undefined for a text of 64 bytes", () => {
  const value = hex("00000de9 01 40" + "61".repeat(64));
  assertEquals(parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value }), undefined);
});

Deno.test("parseAccessLine() returns what accessLineTag() can write for any bytes", () => {
  const values = fc.oneof(
    bytes(),
    bytes().map((rest) => Uint8Array.from([0, 0, 0x0d, 0xe9, ...rest])),
  );
  fc.assert(fc.property(values, (value) => {
    const line = parseAccessLine({ type: TAG.VENDOR_SPECIFIC, value });
    if (line !== undefined) assertEquals(parseAccessLine(accessLineTag(line)), line);
  }));
});

Deno.test("parseAccessLine() reads what accessLineTag() makes", () => {
  const text = () => fc.string({ maxLength: 63 });
  const lines = fc.record<AccessLine, never>({ circuitId: text(), remoteId: text() }, {
    requiredKeys: [],
  });
  fc.assert(fc.property(lines, (line) => {
    assertEquals(parseAccessLine(accessLineTag(line)), { ...line });
  }));
});

Deno.test("accessLineTag() throws for a text of 64 characters", () => {
  accessLineTag({ circuitId: "a".repeat(63), remoteId: "b".repeat(63) });
  assertThrows(
    () => accessLineTag({ circuitId: "a".repeat(64) }),
    RangeError,
    "Cannot emit circuit id: 64 characters exceed the maximum of 63",
  );
  assertThrows(() => accessLineTag({ remoteId: "b".repeat(64) }), RangeError, "remote id");
});

Deno.test("accessLineTag() throws for a character above U+00FF", () => {
  assertThrows(
    () => accessLineTag({ circuitId: "a\u0100" }),
    RangeError,
    "Character 2 does not fit in one byte",
  );
});

Deno.test("parseCredits() reads both notifications", () => {
  const credits = { type: TAG.CREDITS, value: hex("00ff 0102") };
  assertEquals(parseCredits(credits), { fcn: 255, bcn: 258 });
});

Deno.test("parseCredits() returns undefined for another type or length", () => {
  assertEquals(parseCredits({ type: TAG.METRICS, value: hex("00ff0102") }), undefined);
  assertEquals(parseCredits({ type: TAG.CREDITS, value: hex("00ff01") }), undefined);
  assertEquals(parseCredits({ type: TAG.CREDITS, value: hex("00ff010200") }), undefined);
});

Deno.test("parseCredits() reads what creditsTag() makes", () => {
  fc.assert(fc.property(fc.record({ fcn: uint16(), bcn: uint16() }), (credits) => {
    assertEquals(parseCredits(creditsTag(credits)), credits);
  }));
});

Deno.test("creditsTag() throws for more than 16 bits", () => {
  assertThrows(() => creditsTag({ fcn: 65536, bcn: 0 }), RangeError);
  assertThrows(() => creditsTag({ fcn: 0, bcn: -1 }), RangeError);
});

// Flags: maximum rate in Mbps (01), current rate in kbps (00), receive only.
const METRICS_VALUE = hex("0009 5f 50 0014 fde8 0064");
const METRICS = {
  receiveOnly: true,
  relativeLinkQuality: 95,
  resource: 80,
  latencyMs: 20,
  currentDataRate: 65000,
  currentDataRateUnit: 0,
  maximumDataRate: 100,
  maximumDataRateUnit: 1,
} as const;

Deno.test("parseLinkMetrics() reads every field", () => {
  assertEquals(parseLinkMetrics({ type: TAG.METRICS, value: METRICS_VALUE }), METRICS);
});

Deno.test("linkMetricsTag() writes every field", () => {
  assertEquals(linkMetricsTag(METRICS), { type: TAG.METRICS, value: METRICS_VALUE });
});

Deno.test("parseLinkMetrics() ignores the reserved bits", () => {
  const value = METRICS_VALUE.slice();
  value[0] = 0xff;
  value[1] |= 0xe0;
  assertEquals(parseLinkMetrics({ type: TAG.METRICS, value }), METRICS);
});

Deno.test("parseLinkMetrics() returns undefined for another type or length", () => {
  assertEquals(parseLinkMetrics({ type: TAG.CREDITS, value: METRICS_VALUE }), undefined);
  for (let length = 0; length < METRICS_VALUE.length; length++) {
    const value = METRICS_VALUE.subarray(0, length);
    assertEquals(parseLinkMetrics({ type: TAG.METRICS, value }), undefined);
  }
});

Deno.test("parseLinkMetrics() returns undefined for more than 100 percent", () => {
  for (const at of [2, 3]) {
    const value = METRICS_VALUE.slice();
    value[at] = 101;
    assertEquals(parseLinkMetrics({ type: TAG.METRICS, value }), undefined);
  }
});

Deno.test("parseLinkMetrics() reads what linkMetricsTag() makes", () => {
  const percent = () => fc.integer({ min: 0, max: 100 });
  const unit = () => fc.constantFrom<RateUnit[]>(0, 1, 2, 3);
  const all = fc.record({
    receiveOnly: fc.boolean(),
    relativeLinkQuality: percent(),
    resource: percent(),
    latencyMs: uint16(),
    currentDataRate: uint16(),
    currentDataRateUnit: unit(),
    maximumDataRate: uint16(),
    maximumDataRateUnit: unit(),
  });
  fc.assert(fc.property(all, (metrics) => {
    assertEquals(parseLinkMetrics(linkMetricsTag(metrics)), metrics);
  }));
});

Deno.test("linkMetricsTag() throws for a number that is out of range", () => {
  assertThrows(() => linkMetricsTag({ ...METRICS, resource: 101 }), RangeError, "0 to 100");
  assertThrows(() => linkMetricsTag({ ...METRICS, latencyMs: 65536 }), RangeError, "0 to 65535");
});
