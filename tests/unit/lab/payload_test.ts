import { assert, assertEquals, assertFalse, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkPayload, makePayload, PAYLOAD_HLEN } from "../../../src/lab/payload.ts";

const streams = fc.integer({ min: 0, max: 0xffff });
const numbers = fc.integer({ min: 0, max: 0xffffffff });
const lengths = fc.integer({ min: PAYLOAD_HLEN, max: 1600 });

Deno.test("checkPayload() finds a payload from makePayload() intact", () => {
  fc.assert(fc.property(streams, numbers, lengths, (stream, number, length) => {
    const payload = makePayload(stream, number, length);
    assertEquals(payload.length, length);
    assertEquals(checkPayload(payload), { stream, number, intact: true });
  }));
});

Deno.test("checkPayload() notices any changed byte", () => {
  fc.assert(
    fc.property(streams, numbers, lengths, fc.nat(), fc.integer({ min: 1, max: 255 }), (
      stream,
      number,
      length,
      at,
      change,
    ) => {
      const payload = makePayload(stream, number, length);
      payload[at % length] ^= change;
      const checked = checkPayload(payload);
      // Without a pattern a changed stream or number reads as another one.
      const asSent = checked?.intact && checked.stream === stream && checked.number === number;
      assertFalse(asSent);
    }),
  );
});

Deno.test("checkPayload() notices a payload that was cut or extended", () => {
  const payload = makePayload(7, 1, 100);
  assertEquals(checkPayload(payload.subarray(0, 99))?.intact, false);
  assertEquals(checkPayload(new Uint8Array([...payload, 0]))?.intact, false);
  assertEquals(checkPayload(payload.subarray(0, PAYLOAD_HLEN - 1)), undefined);
});

Deno.test("makePayload() makes different bytes for each number", () => {
  const [first, second] = [makePayload(1, 1, 64), makePayload(1, 2, 64)];
  assertNotEquals(first.subarray(PAYLOAD_HLEN), second.subarray(PAYLOAD_HLEN));
  assert(new Set(first.subarray(PAYLOAD_HLEN)).size > 20);
});

Deno.test("makePayload() throws when the length is too short for the header", () => {
  assertThrows(
    () => makePayload(1, 1, PAYLOAD_HLEN - 1),
    RangeError,
    "Cannot make a payload of 7 bytes",
  );
});
