import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  emitSessionList,
  parseSessionList,
  SESSION_LIST_MAX,
} from "../../../src/wire/session_list.ts";
import { bytes, mac } from "./arbitraries.ts";
import { hex } from "./captures.ts";

const LIST = {
  last: true,
  sessions: [
    { ac: hex("0200000000ac"), host: hex("020000000011"), sessionId: 0x1234 },
    { ac: hex("0200000000ad"), host: hex("020000000012"), sessionId: 0xfffe },
  ],
};
const PAYLOAD = hex(`
  01
  0200000000ac 020000000011 1234
  0200000000ad 020000000012 fffe
`);

const sessions = (maxLength: number) =>
  fc.array(
    fc.record({ ac: mac(), host: mac(), sessionId: fc.integer({ min: 0, max: 0xffff }) }),
    { maxLength },
  );

Deno.test("emitSessionList() writes every field", () => {
  assertEquals(emitSessionList(LIST), PAYLOAD);
  assertEquals(emitSessionList({ last: false, sessions: [] }), hex("00"));
});

Deno.test("parseSessionList() reads every field", () => {
  assertEquals(parseSessionList(PAYLOAD), LIST);
  assertEquals(parseSessionList(hex("00")), { last: false, sessions: [] });
});

Deno.test("parseSessionList() ignores all flags but the last-part flag", () => {
  assertEquals(parseSessionList(hex("fe")), { last: false, sessions: [] });
  assertEquals(parseSessionList(hex("ff")), { last: true, sessions: [] });
});

Deno.test("parseSessionList() reads a payload that starts within a larger buffer", () => {
  const buffer = new Uint8Array(PAYLOAD.length + 10).fill(0xee);
  buffer.set(PAYLOAD, 5);
  assertEquals(parseSessionList(buffer.subarray(5, 5 + PAYLOAD.length)), LIST);
});

Deno.test("parseSessionList() rejects a payload that ends within an entry", () => {
  for (let length = 0; length < PAYLOAD.length; length++) {
    const whole = length > 0 && (length - 1) % 14 === 0;
    const list = parseSessionList(PAYLOAD.subarray(0, length));
    assertEquals(list?.sessions, whole ? LIST.sessions.slice(0, (length - 1) / 14) : undefined);
  }
});

Deno.test("parseSessionList() accepts the maximum number of sessions, and no more", () => {
  const most = parseSessionList(new Uint8Array(1 + 14 * SESSION_LIST_MAX));
  assertEquals(most?.sessions.length, SESSION_LIST_MAX);
  assertEquals(parseSessionList(new Uint8Array(1 + 14 * (SESSION_LIST_MAX + 1))), undefined);
});

Deno.test("emitSessionList() throws for more than the maximum number of sessions", () => {
  const [session] = LIST.sessions;
  const many = (count: number) => ({ last: true, sessions: new Array(count).fill(session) });
  assertEquals(emitSessionList(many(SESSION_LIST_MAX)).length, 1 + 14 * SESSION_LIST_MAX);
  assertThrows(() => emitSessionList(many(SESSION_LIST_MAX + 1)), RangeError, "4097 sessions");
});

Deno.test("parseSessionList() reads what emitSessionList() writes", () => {
  const lists = fc.record({ last: fc.boolean(), sessions: sessions(50) });
  fc.assert(fc.property(lists, (list) => {
    assertEquals(parseSessionList(emitSessionList(list)), list);
  }));
});

Deno.test("parseSessionList() never throws, and returns what emitSessionList() can write", () => {
  fc.assert(fc.property(bytes(0, 200), (payload) => {
    const list = parseSessionList(payload);
    if (list === undefined) return;
    const again = emitSessionList(list);
    assertEquals(again.subarray(1), payload.subarray(1));
    assertEquals(again[0], payload[0] & 1);
  }));
});
