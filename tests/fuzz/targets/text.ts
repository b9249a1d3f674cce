// Text from an operator: command lines, configuration files, addresses. A mistake is always a UsageError.

import { serverOptions } from "../../../src/cli/server.ts";
import {
  CLIENT_FLAGS,
  CONFIG_FLAGS,
  DEMO_FLAGS,
  type Flags,
  SERVER_FLAGS,
} from "../../../src/cli/flags.ts";
import { type Given, readFlags, UsageError } from "../../../src/cli/options.ts";
import { programOf } from "../../../src/cli/program.ts";
import { runtimeOptions } from "../../../src/cli/runtime_options.ts";
import { AddressList } from "../../../src/net/address_list.ts";
import { formatEndpoint, isLoopback, parseEndpoint } from "../../../src/net/endpoint.ts";
import { formatMac, parseMac } from "../../../src/wire/mod.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import type { Parts } from "../parts.ts";
import { joinWords, type Target, wordsOf } from "../target.ts";

const INPUT_MAX = 1500;
const MOST_WORDS = 12;
/** The maximum length of a message about an input of such a length. */
const MESSAGE_MAX = 3 * INPUT_MAX + 500;

const SIDES: readonly { flags: Flags; options(given: Given): unknown }[] = [
  { flags: { ...SERVER_FLAGS, ...CONFIG_FLAGS }, options: serverOptions },
  { flags: { ...CLIENT_FLAGS, ...CONFIG_FLAGS }, options: runtimeOptions },
];

const NAMES = [...new Set([...Object.keys(SERVER_FLAGS), ...Object.keys(CLIENT_FLAGS)])];
const VALUES = [
  "eth1",
  "0.0.0.0:8000",
  "[::1]:8000",
  "vpn.example:8000",
  "10.0.0.0/8",
  "10.0.0.1/8",
  "::/0",
  "2001:db8::1%eth0",
  "255.255.255.0",
  "20",
  "-1",
  "1e9",
  "99999999999999999999",
  "own",
  "per-host",
  "transparant",
  "debug",
  "0x0011",
  "0x001",
  "{client}/{host}",
  "{clint",
  "~/state",
  "$HOME",
  '"osaka 1"',
  "'x",
  "#",
  "=",
  "--",
  "-",
  "",
  "\u0000",
  "\u001b[2J",
  "\ufeff",
  "東京",
  "constructor",
  "__proto__",
  "toString",
];
const WORDS = [
  ...NAMES,
  ...NAMES.map((name) => `--${name}`),
  ...VALUES,
  "server",
  "client",
  "--help",
  "-h",
  "-V",
  "--no-legacy",
  "--grace20",
  "--prot",
  "[server]",
  "server {",
  "export",
  "; x",
  "// x",
];

/** Returns the kind of a refusal. */
function refusalOf(error: unknown): string {
  if (!(error instanceof UsageError)) throw error;
  const { message } = error;
  hold(message.length < MESSAGE_MAX, () => `A message has ${message.length} characters`);
  // The quoted parts differ from input to input.
  return message.replaceAll(/"[^"]*"|\d+|--?[\w-]+|\([^)]*\)/g, "N").slice(0, 50);
}

function optionsOf({ options }: typeof SIDES[number], given: Given): string {
  try {
    options(given);
    return "ok";
  } catch (error) {
    return refusalOf(error);
  }
}

/** Makes the target for configuration files. */
export function configFile({ parseConfig: parse }: Parts): Target {
  return {
    name: "config-file",
    maxBytes: INPUT_MAX,
    words: wordsOf(...WORDS, "\n", "\r\n", " = ", "\t", "\u0085"),
    generate: (random: Random) =>
      joinWords(random, WORDS, [" ", "\n", "\n", " = ", "="], MOST_WORDS),
    run(input) {
      const text = new TextDecoder().decode(input);
      return SIDES.map((side) => {
        try {
          const given = parse(side.flags, text, "FILE");
          for (const [flag, { value }] of Object.entries(side.flags)) {
            const values = value === undefined ? [] : given.values(flag);
            hold(values.every((one) => typeof one === "string"), () => `A ${flag} is no text`);
            hold(given.value(flag) === values[0], () => `The first value of ${flag} is another`);
            const isGiven = values.length > 0 || given.has(flag);
            const line = given.findLine(flag, `"${values[0]}"`);
            hold((line !== undefined) === isGiven, () => `The line of ${flag} is ${line}`);
          }
          return optionsOf(side, given);
        } catch (error) {
          return refusalOf(error);
        }
      });
    },
  };
}

/** Makes the target for command lines, in which a zero byte separates the words. */
export function commandLine(): Target {
  return {
    name: "command-line",
    maxBytes: INPUT_MAX,
    words: [...wordsOf(...WORDS), Uint8Array.of(0)],
    generate: (random: Random) => joinWords(random, WORDS, ["\0", "\0", "="], MOST_WORDS),
    run(input) {
      const args = new TextDecoder().decode(input).split("\0");
      const { name, side } = programOf(args, args[0]);
      hold(name !== "", "A program has no name");
      const sides = [...SIDES, { flags: DEMO_FLAGS, options: () => undefined }];
      return [
        `${side}`,
        ...sides.map((one) => {
          try {
            const given = readFlags(one.flags, args);
            return optionsOf(one, given);
          } catch (error) {
            return refusalOf(error);
          }
        }),
      ];
    },
  };
}

/** Makes the target for addresses and networks as text. */
export function addressTexts(): Target {
  const texts = [...VALUES, ":", "/", ",", "%", "[", "]", "::ffff:192.0.2.1", "/64", "/32", "."];
  return {
    name: "addresses",
    maxBytes: 200,
    words: wordsOf(...texts),
    generate: (random: Random) => joinWords(random, texts, ["", "", ",", "."], 4),
    run(input) {
      const text = new TextDecoder().decode(input);
      const outcomes: string[] = [];
      const attempt = (act: () => string) => {
        try {
          outcomes.push(act());
        } catch (error) {
          const isRefusal = error instanceof TypeError || (error as Error).constructor === Error;
          const { message } = error as Error;
          if (!isRefusal || !/"|Cannot/.test(message)) throw error;
          outcomes.push(message.replaceAll(/"[^]*"|[\d.:]+/g, "N").slice(0, 30));
        }
      };
      attempt(() => {
        const endpoint = parseEndpoint(text);
        const again = parseEndpoint(formatEndpoint(endpoint));
        hold(again.hostname === endpoint.hostname && again.port === endpoint.port, "It changes");
        return `endpoint ${isLoopback(endpoint.hostname)}`;
      });
      attempt(() => {
        const list = AddressList.parse([text], "--allow");
        AddressList.parse([`${list}`], "--allow");
        return `list ${list.contains("192.0.2.1")} ${list.canReach("::1")}`;
      });
      attempt(() => {
        hold(formatMac(parseMac(text)) === text.toLowerCase().replaceAll("-", ":"), "It changes");
        return "mac";
      });
      return outcomes.join();
    },
  };
}
