// Replacing a tag in a list.

import { assertEquals } from "@std/assert";
import { findHostUniq, replaceTag } from "../../../src/relay/discovery/tag_list.ts";
import { TAG, type Tag } from "../../../src/wire/mod.ts";
import { bytes, cookie, hostUniq, SERVICE } from "../../support/relays.ts";

const { HOST_UNIQ } = TAG;
const A = hostUniq("a");
const B = hostUniq("b");

const CASES: [what: string, tags: Tag[], value: Uint8Array | undefined, result: Tag[]][] = [
  ["puts the value in the tag's place", [SERVICE, A, cookie("c")], B.value, [
    SERVICE,
    B,
    cookie("c"),
  ]],
  ["puts the value at the end when there was none", [SERVICE], B.value, [SERVICE, B]],
  ["puts the value into an empty list", [], B.value, [B]],
  ["removes the tag when there is no value", [SERVICE, A, cookie("c")], undefined, [
    SERVICE,
    cookie("c"),
  ]],
  ["does not change a list without the tag", [SERVICE], undefined, [SERVICE]],
  ["keeps one tag of several", [A, SERVICE, A], B.value, [B, SERVICE]],
  ["removes all of several", [A, SERVICE, A], undefined, [SERVICE]],
  ["accepts an empty value", [A], bytes(), [hostUniq()]],
];

for (const [what, tags, value, result] of CASES) {
  Deno.test(`replaceTag() ${what}`, () => {
    const before = [...tags];
    assertEquals(replaceTag(tags, HOST_UNIQ, value), result);
    assertEquals(tags, before);
  });
}

Deno.test("findHostUniq() distinguishes an empty tag from none", () => {
  assertEquals(findHostUniq([SERVICE, hostUniq()]), bytes());
  assertEquals(findHostUniq([SERVICE]), undefined);
});
