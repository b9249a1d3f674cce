// Key files. A mistake in one is always a ConfigurationError, which repeats nothing of a line.

import { assertEquals } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import type { ClientKey } from "../../../src/keys/key.ts";
import { emitKey, parseClientKey, parseKeys } from "../../../src/keys/key_file.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { joinWords, type Target, wordsOf } from "../target.ts";

const INPUT_MAX = 2000;
const ID = "0123456789abcdef".repeat(2);
const SECRET = "fedcba9876543210".repeat(4);
const LINES = [
  `office ${ID} ${SECRET}\n`,
  `office ${ID.replace("0", "1")} ${SECRET}\n`,
  `home ${ID.replace("0", "2")} ${SECRET} allow=10.0.0.0/8,::1 sessions=5 up=20M down=500k\n`,
  `h\u00f6me ${ID.replace("0", "3")} ${SECRET.toUpperCase()} up=32k\r\n`,
  "# a comment\n",
  "\n",
];
const WORDS = [
  ...["office", "#", "=", ",", " ", "\t", "\r", "\u00a0", "\ufeff", "\u202e", "\u0000"],
  ...["allow=", "sessions=", "up=", "down=", "1000G", "1e3", "0x10", "65535", "10.0.0.1/8"],
  ...["any", "[::1]:80", "1.5M", "__proto__=1", ID, SECRET, SECRET.slice(1), ID.toUpperCase()],
];

/** Returns the parts of a key that a comparison can see. */
function seen({ allow, secret, ...key }: ClientKey) {
  return { ...key, allow: allow?.toString(), secret: secret.toHex() };
}

/** Makes the target for key files of a server and of a client. */
export function keyFiles(): Target {
  return {
    name: "key-files",
    maxBytes: INPUT_MAX,
    words: wordsOf(...LINES, ...WORDS),
    generate: (random: Random) =>
      joinWords(random, [...LINES, ...LINES, ...WORDS], ["", "", " "], 8),
    run(input) {
      const text = new TextDecoder().decode(input);
      const outcomes: string[] = [];
      const attempt = (act: () => string) => {
        try {
          outcomes.push(act());
        } catch (error) {
          if (!(error instanceof ConfigurationError)) throw error;
          const { message } = error;
          const leaked = text.match(/[\da-f]{12,}/gi)?.find((digits) => message.includes(digits));
          hold(leaked === undefined, () => `A message repeats ${leaked}: ${message}`);
          outcomes.push(message.replaceAll(/"[^"]*"|\d+/g, "N").slice(0, 80));
        }
      };
      attempt(() => {
        const keys = parseKeys(text, "FILE");
        const again = parseKeys(keys.map(emitKey).join(""), "FILE");
        assertEquals(again.map(seen), keys.map(seen));
        return `${Math.min(3, keys.length)} ${keys.flatMap((key) => Object.keys(key)).slice(0, 8)}`;
      });
      attempt(() => {
        const key = parseClientKey(text, "FILE");
        assertEquals(seen(parseClientKey(emitKey(key), "FILE")), seen(key));
        return "one key";
      });
      return outcomes;
    },
  };
}
