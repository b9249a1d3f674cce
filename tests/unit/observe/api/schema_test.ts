// Tests of checking values against schemas.

import { assertEquals } from "@std/assert";
import {
  count,
  faultIn,
  listOf,
  objectOf,
  ref,
  type Schema,
  text,
} from "../../../../src/observe/api/schema.ts";

const ITEM = objectOf<{ id: string; more?: number | null }>({
  id: text("", { pattern: "^0x[0-9a-f]{4}$", examples: ["0x0011"] }),
  more: { type: ["integer", "null"], maximum: 9 },
}, ["more"]);
const NAMED = { Item: ITEM };
const LIST = objectOf<{ items: unknown }>({ items: listOf(ref("Item")) });

const CASES: [Schema, unknown, string | undefined][] = [
  [text(""), "a", undefined],
  [text(""), 1, "the content must be a text"],
  [text("", { enum: ["a", "b"] }), "c", "the content must be a or b"],
  [text("", { maxLength: 2 }), "abc", "the content must have at most 2 characters"],
  [count(""), 0, undefined],
  [count(""), -1, "the content must be at least 0"],
  [count(""), 0.5, "the content must be an integer"],
  [count(""), "1", "the content must be an integer"],
  [count(""), null, "the content must be an integer"],
  [{ type: "number" }, 0.5, undefined],
  [{ type: "number" }, true, "the content must be a number"],
  [{ type: "boolean" }, 0, "the content must be true or false"],
  [{ type: ["string", "integer"] }, [], "the content must be a text or an integer"],
  [ITEM, { id: "0x0011" }, undefined],
  [ITEM, { id: "0x0011", more: null }, undefined],
  [ITEM, { id: "0x0011", more: 10 }, "more must be at most 9"],
  [ITEM, { id: "17" }, "id must have the right form, such as 0x0011"],
  [ITEM, {}, "the content must have the property id"],
  [ITEM, { id: "0x0011", other: 1 }, 'the content has the unknown property "other"'],
  [
    ITEM,
    JSON.parse('{"id":"0x0011","__proto__":1}'),
    'the content has the unknown property "__proto__"',
  ],
  [ITEM, [], "the content must be an object"],
  [ITEM, null, "the content must be an object"],
  [LIST, { items: [] }, undefined],
  [
    LIST,
    { items: [{ id: "0x0011" }, { id: "" }] },
    "items[1].id must have the right form, such as 0x0011",
  ],
  [LIST, { items: {} }, "items must be a list"],
  [{ type: "object", additionalProperties: count("") }, { a: 1, b: "x" }, "b must be an integer"],
  [ref("Nothing"), 1, "the content has an unknown schema #/components/schemas/Nothing"],
];

for (const [schema, value, fault] of CASES) {
  Deno.test(`faultIn() finds ${fault ?? "no fault"} in ${JSON.stringify(value)}`, () => {
    assertEquals(faultIn(schema, value, NAMED), fault);
  });
}
