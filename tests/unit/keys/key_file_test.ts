// Tests of the text of key files.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import type { ClientKey } from "../../../src/keys/key.ts";
import { emitKey, parseClientKey, parseKeys } from "../../../src/keys/key_file.ts";
import { keyNameFault } from "../../../src/keys/key_name.ts";
import { formatRate, parseRate } from "../../../src/keys/rate.ts";
import { AddressList } from "../../../src/net/address_list.ts";

const ID = "0123456789abcdef0123456789abcdef";
const OTHER_ID = "f".repeat(32);
const SECRET = "51c3d5b179d7a84fbfd5bb63183d86e7f74643d108f24905d5bc6bf8288425d6";
const LINE = `osaka ${ID} ${SECRET}`;

/** Returns the message with which a text is refused, after checking that it shows no part of the secret. */
function refusal(text: string, parse: (text: string, file: string) => unknown = parseKeys): string {
  const { message } = assertThrows(() => parse(text, "k"), ConfigurationError);
  for (let at = 0; at + 8 <= SECRET.length; at++) {
    assert(!message.includes(SECRET.slice(at, at + 8)), message);
  }
  return message;
}

/** A key without its methods, for comparisons. */
function plain({ name, id, secret, allow, maxSessions, upBps, downBps }: ClientKey) {
  const limits = { allow: allow?.toString(), maxSessions, upBps, downBps };
  return { name, id, secret: secret.toHex(), ...limits };
}

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((all) => new Uint8Array(all));
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((text) => keyNameFault(text) === undefined);
const entry = fc.oneof(fc.ipV4(), fc.constantFrom("10.0.0.0/8", "2001:db8::/32", "fd00::7"))
  .filter((text) => text !== "0.0.0.0");
const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const key: fc.Arbitrary<ClientKey> = fc.record({
  name,
  id: hex(16).map((bytes) => bytes.toHex()),
  secret: hex(32),
  allow: option(
    fc.array(entry, { minLength: 1, maxLength: 3 }).map((all) => AddressList.parse(all, "")),
  ),
  maxSessions: option(fc.integer({ min: 1, max: 65_534 })),
  upBps: option(fc.integer({ min: 32_000, max: 1_000_000_000_000 })),
  downBps: option(fc.integer({ min: 1, max: 1000 }).map((rate) => rate * 1_000_000)),
});

Deno.test("parseKeys() reads what emitKey() writes", () => {
  fc.assert(fc.property(fc.uniqueArray(key, { selector: ({ id }) => id, maxLength: 2 }), (keys) => {
    assertEquals(parseKeys(keys.map(emitKey).join(""), "k").map(plain), keys.map(plain));
  }));
});

Deno.test("parseKeys() throws nothing but a ConfigurationError that shows nothing of a line", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "osaka",
      ID,
      SECRET,
      "allow=10.0.0.1",
      "sessions=4",
      "up=20M",
      "#",
      "\r",
      "down=",
    ),
    fc.string(),
  );
  const text = fc.array(fc.array(word, { maxLength: 7 }).map((all) => all.join(" ")), {
    maxLength: 4,
  }).map((lines) => lines.join("\n"));
  fc.assert(fc.property(text, (text) => {
    try {
      parseKeys(text, "k");
    } catch (error) {
      assert(error instanceof ConfigurationError);
      assert(!error.message.includes(SECRET.slice(0, 8)) && !/\n/.test(error.message));
    }
  }));
});

Deno.test("parseKeys() reads names, limits, comments and lines of an editor for Windows", () => {
  const text = `# the clients of Osaka\r\n\r\n  ${LINE} allow=192.0.2.0/24,2001:db8::1 ` +
    `sessions=100 up=20M\tdown=1G\r\n   # kobe\nkobe ${OTHER_ID.toUpperCase()} ${SECRET}`;
  assertEquals(parseKeys(text, "k").map(plain), [
    {
      name: "osaka",
      id: ID,
      secret: SECRET,
      allow: "192.0.2.0/24,2001:db8::1",
      maxSessions: 100,
      upBps: 20_000_000,
      downBps: 1_000_000_000,
    },
    {
      name: "kobe",
      id: OTHER_ID,
      secret: SECRET,
      allow: undefined,
      maxSessions: undefined,
      upBps: undefined,
      downBps: undefined,
    },
  ]);
  assertEquals(parseKeys("", "k"), []);
});

Deno.test("parseKeys() names the line, the field and the remedy, and shows nothing of the line", () => {
  const as = "; a line is NAME ID SECRET, as keygen writes it";
  const options = "after the secret come allow=, sessions=, up= and down=";
  const tooLow =
    "is too low for a tunnel, whose pings would come too late; the smallest value is 32k";
  const rate = "must be a number of bits per second from 32k to 1000G, such as 20M or 500k";
  for (
    const [line, fault] of [
      ["osaka", "the line is too short; it is NAME ID SECRET, as keygen writes it"],
      [`osaka ${SECRET}`, "the line is too short; it is NAME ID SECRET, as keygen writes it"],
      [`${ID} ${SECRET}`, `the name looks like an id or a key${as}`],
      [`${SECRET} osaka ${ID}`, `the name looks like an id or a key${as}`],
      [`a/b ${ID} ${SECRET}`, `the name contains a slash${as}`],
      [`-a ${ID} ${SECRET}`, `the name begins with a hyphen, a dot or a #${as}`],
      [`osaka ${SECRET} ${ID}`, "the id must have 32 hexadecimal digits"],
      [`osaka ${ID}0 ${SECRET}`, "the id must have 32 hexadecimal digits"],
      [`osaka ${ID} ${SECRET}0`, "the secret must have 64 hexadecimal digits"],
      [`osaka ${ID} ${SECRET.slice(1)}g`, "the secret must have 64 hexadecimal digits"],
      [`${LINE} ${SECRET}`, `an option is unknown; ${options}`],
      [`${LINE} alow=10.0.0.1`, `an option is unknown; ${options}`],
      [`${LINE} =x`, `an option is unknown; ${options}`],
      [`${LINE} # home`, "a comment needs a line of its own, above the key"],
      [`${LINE} up=1M up=2M`, "up= is there twice; give it once"],
      [`${LINE} up=`, `up= ${rate}`],
      [`${LINE} up=${SECRET}`, `up= ${rate}`],
      [`${LINE} up=31999`, `up= ${tooLow}`],
      [`${LINE} up=1k`, `up= ${tooLow}`],
      [`${LINE} down=31k`, `down= ${tooLow}`],
      [`${LINE} down=1.5M`, `down= ${rate}`],
      [`${LINE} down=0`, `down= ${rate}`],
      [`${LINE} down=1001G`, `down= ${rate}`],
      [`${LINE} sessions=0`, "sessions= must be a whole number from 1 to 65534"],
      [`${LINE} sessions=65535`, "sessions= must be a whole number from 1 to 65534"],
      [`${LINE} sessions=1e3`, "sessions= must be a whole number from 1 to 65534"],
      [
        `${LINE} allow=10.0.0.1,198.51.100.7/24`,
        "allow=: it has host bits set; give 198.51.100.0/24, or 198.51.100.7 alone",
      ],
      [`${LINE} allow=`, "allow=: give an address or a network, like 192.0.2.0/24"],
      [
        `${LINE} allow=${SECRET}`,
        "allow=: names are not looked up; give an IPv4 or IPv6 address",
      ],
      [`kobe ${ID} ${SECRET}`, "its id is that of line 1; remove one of the two"],
    ]
  ) {
    assertEquals(
      refusal(`${LINE}\n#\n${line}`.replace(LINE, fault.includes("line 1") ? LINE : "#")),
      `Cannot read k, line 3: ${fault}`,
    );
  }
});

Deno.test("parseKeys() allows two keys of one name, each with its own limits, and refuses a third", () => {
  const two = `${LINE} up=1M\nosaka ${OTHER_ID} ${SECRET} up=2M\n`;
  assertEquals(parseKeys(two, "k").map(({ upBps }) => upBps), [1_000_000, 2_000_000]);
  assertEquals(
    refusal(`${two}osaka ${"a".repeat(32)} ${SECRET}`),
    "Cannot read k, line 3: its name has two keys already, on lines 1 and 2; remove the oldest",
  );
});

Deno.test("parseKeys() refuses a file with too many lines", () => {
  assertEquals(parseKeys("\n".repeat(9_999), "k"), []);
  assertEquals(
    refusal("\n".repeat(10_000)),
    "Cannot read k: it has more than 10000 lines; remove keys without a use",
  );
});

Deno.test("parseClientKey() reads exactly one key without limits", () => {
  const { secret, ...key } = parseClientKey(`# mine\n${LINE}\n`, "k");
  assertEquals([key, secret.toHex()], [{ name: "osaka", id: ID }, SECRET]);
  const refused = (text: string) => refusal(text, parseClientKey);
  assertEquals(
    refused("# nothing\n"),
    "Cannot use k: it has no key; give the file NAME.key that keygen has made",
  );
  assertEquals(
    refused(`${LINE}\nkobe ${OTHER_ID} ${SECRET}`),
    "Cannot use k: it has 2 keys, so it is a server's; give the file of this client, NAME.key",
  );
  assertEquals(
    refused(`#\n${LINE} sessions=4`),
    "Cannot read k, line 2: limits belong in the server's file; remove what follows the key",
  );
});

Deno.test("parseRate() and formatRate() use k, M and G for powers of a thousand", () => {
  assertEquals(["1000", "1k", "20M", "500k", "1000G"].map(parseRate), [1e3, 1e3, 2e7, 5e5, 1e12]);
  assertEquals(
    ["0", "0k", "20m", "1K", "-1k", "1 M", "1001G", "", "k"].map(parseRate),
    Array(9).fill(undefined),
  );
  assertEquals([1e3, 2e7, 1_234_567, 1e12].map(formatRate), ["1k", "20M", "1234567", "1000G"]);
});
