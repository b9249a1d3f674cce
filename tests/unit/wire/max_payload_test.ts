// Tests of PPP-Max-Payload lowered in place.

import { assertEquals } from "@std/assert";
import { lowerMaxPayload, maxPayloadTag, TAG } from "../../../src/wire/mod.ts";

for (
  const [promised, most, left] of [
    [1500, 1492, 1492],
    [1500, 1500, 1500],
    [1492, 1500, 1492],
    [65535, 1492, 1492],
    [0, 1492, 0],
    [1500, Infinity, 1500],
    [1500, -8, 0],
  ]
) {
  Deno.test(`lowerMaxPayload() turns ${promised} into ${left} if ${most} can be carried`, () => {
    const tag = maxPayloadTag(promised);
    lowerMaxPayload(tag, most);
    assertEquals(tag, maxPayloadTag(left));
  });
}

Deno.test("lowerMaxPayload() leaves other tags and other lengths unchanged", () => {
  for (
    const tag of [
      { type: TAG.HOST_UNIQ, value: Uint8Array.of(0xff, 0xff) },
      { type: TAG.PPP_MAX_PAYLOAD, value: Uint8Array.of(0xff) },
      { type: TAG.PPP_MAX_PAYLOAD, value: Uint8Array.of(0xff, 0xff, 0xff) },
    ]
  ) {
    const before = tag.value.slice();
    lowerMaxPayload(tag, 1);
    assertEquals(tag.value, before);
  }
});
