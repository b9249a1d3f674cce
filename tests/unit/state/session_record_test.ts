import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type Change,
  encodeAway,
  encodeBack,
  encodeClose,
  encodeDelivered,
  encodeOpen,
  encodeReset,
  encodeUndelivered,
  NUMBER_MAX,
  parseLine,
} from "../../../src/state/session_record.ts";
import { record, undeliveredPadt } from "./fixture.ts";

const HEX = "0200000000a102000000005088" + "6311a7000700" + "00";

function parse(line: string): Change | undefined {
  assertEquals(line.indexOf("\n"), line.length - 1);
  return parseLine(line.slice(0, -1));
}

/** Makes a valid open line with some fields replaced. */
function openWith(over: Record<string, unknown>): string {
  const { open } = JSON.parse(encodeOpen(record(7)));
  return JSON.stringify({ open: { ...open, ...over } });
}

Deno.test("encodeOpen() writes a line that a person can read", () => {
  assertEquals(
    encodeOpen(record(7)),
    '{"open":{"serial":7,"remote":"00112233","name":"a client","peerMac":"02:00:00:00:00:a1",' +
      '"farMac":"02:00:00:00:00:11","facingMac":"02:00:00:00:00:50","tunnelId":7,"linkId":7,' +
      '"openedAt":"2025-01-01T00:00:00.007Z"}}\n',
  );
});

Deno.test("parseLine() reads back every session", () => {
  const macs = fc.uint8Array({ minLength: 6, maxLength: 6 });
  const id = fc.integer({ min: 1, max: 0xfffe });
  const text = fc.string({ unit: "binary" });
  const records = fc.record({
    serial: fc.integer({ min: 1, max: NUMBER_MAX }),
    peer: text,
    name: text,
    nearMac: macs,
    farMac: macs,
    shownMac: macs,
    tunnelId: id,
    linkId: id,
    openedAtMs: fc.integer({ min: 0, max: Date.UTC(9999, 0) }),
  });
  fc.assert(
    fc.property(records, (record) => {
      assertEquals(parse(encodeOpen(record)), { type: "open", record });
    }),
  );
});

Deno.test("parseLine() reads back the other changes", () => {
  const frame = undeliveredPadt(7);
  assertEquals(parse(encodeClose(9)), { type: "close", serial: 9 });
  assertEquals(parse(encodeUndelivered(frame)), { type: "undelivered", key: HEX, frame });
  assertEquals(parse(encodeDelivered(frame)), { type: "delivered", key: HEX });
  assertEquals(parse(encodeReset("begin")), { type: "reset", part: "begin" });
  assertEquals(parse(encodeReset("end")), { type: "reset", part: "end" });
});

Deno.test("parseLine() returns undefined for each invalid or missing field", () => {
  assertEquals(parseLine(openWith({}))?.type, "open");
  for (const name of Object.keys(JSON.parse(openWith({})).open)) {
    for (const value of [undefined, null, {}, [], true, -1, 1.5, 0x1_0000_0000_0000_00]) {
      assertEquals(parseLine(openWith({ [name]: value })), undefined, `${name} ${value}`);
    }
  }
  const bad: [string, unknown][] = [
    ["serial", 0],
    ["serial", "7"],
    ["peerMac", "02:00:00:00:00"],
    ["facingMac", "02:00:00:00:00:0g"],
    ["tunnelId", 0],
    ["linkId", 0xffff],
    ["openedAt", "2025-01-01"],
    ["openedAt", "yesterday"],
    ["openedAt", "2025-13-01T00:00:00.000Z"],
  ];
  for (const [name, value] of bad) assertEquals(parseLine(openWith({ [name]: value })), undefined);
});

Deno.test("parseLine() returns undefined for a line that is not a change", () => {
  const bad = [
    "",
    " ",
    "\0\0\0",
    "null",
    "7",
    '"close"',
    "[]",
    "{}",
    '{"close":7',
    '{"close":7}}',
    '{"close":0}',
    '{"close":"7"}',
    '{"close":7,"paid":7}',
    '{"open":[]}',
    '{"owe":""}',
    '{"owe":7}',
    `{"owe":"${HEX.slice(1)}"}`,
    `{"owe":"${HEX.toUpperCase()}"}`,
    '{"reset":true}',
    '{"__proto__":7}',
    '{"toString":7}',
  ];
  for (const line of bad) assertEquals(parseLine(line), undefined, line);
});

Deno.test("parseLine() accepts no frame but a complete PADT, because it goes to the link unchanged", () => {
  assertEquals(parseLine(`{"owe":"${HEX}"}`)?.type, "undelivered");
  assertEquals(parseLine(`{"owe":"${HEX.replace("8863", "8864")}"}`), undefined);
  assertEquals(parseLine(`{"owe":"${HEX.replace("11a7", "1109")}"}`), undefined);
  assertEquals(parseLine(`{"owe":"${HEX.slice(0, -2)}"}`), undefined);
  assertEquals(parseLine(`{"paid":"${HEX.replace("8863", "0800")}"}`), undefined);
});

Deno.test("parseLine() never throws", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void parseLine(line)));
});

Deno.test("parseLine() reads back peers that lost their tunnel or have one again", () => {
  const since = Date.UTC(2026, 1, 3, 4, 5, 6, 7);
  assertEquals(
    parseLine(encodeAway("a:8000", since).trimEnd()),
    { type: "away", peer: "a:8000", sinceMs: since },
  );
  assertEquals(parseLine(encodeBack("a:8000").trimEnd()), { type: "back", peer: "a:8000" });
  for (const line of ['{"away":"a"}', '{"away":{"remote":"a","since":"now"}}', '{"back":1}']) {
    assertEquals(parseLine(line), undefined);
  }
});

Deno.test("parseLine() rejects a serial number after which no more could be counted", () => {
  assertEquals(parseLine(openWith({ serial: NUMBER_MAX }))?.type, "open");
  assertEquals(parseLine(openWith({ serial: NUMBER_MAX + 1 })), undefined);
  assertEquals(parseLine(openWith({ serial: Number.MAX_SAFE_INTEGER })), undefined);
  assertEquals(parseLine(`{"close":${Number.MAX_SAFE_INTEGER}}`), undefined);
});
