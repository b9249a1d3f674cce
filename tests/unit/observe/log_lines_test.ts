// The kinds of log lines.

import { assert, assertEquals } from "@std/assert";
import {
  describeLine,
  type LineKind,
  LOG_FIELDS,
  LOG_LINES,
  PLACEHOLDER,
} from "../../../src/observe/log_lines.ts";

const KINDS: [string, LineKind][] = Object.entries(LOG_LINES);
const SRC = new URL("../../../src/", import.meta.url);

/** Returns the texts of all sources, by their paths below `src`. */
function sources(folder = SRC): [string, string][] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) return name === "std" ? [] : sources(url);
    return [[url.href.slice(SRC.href.length), Deno.readTextFileSync(url)] as [string, string]];
  });
}

Deno.test("describeLine() puts fields into the message, and does not repeat them in the text", () => {
  assertEquals(
    describeLine("journal-unwritable", { path: "/a", reason: "it is full", suppressed: 2 }),
    {
      level: "warning",
      message: "Cannot keep sessions in /a: it is full",
      fields: { suppressed: 2 },
      facts: { event: "journal-unwritable", path: "/a", reason: "it is full" },
    },
  );
});

Deno.test("describeLine() gives the id of a problem in text, and its words as fields for programs", () => {
  const words = { what: "Frames come back", advice: "remove the bridge" };
  assertEquals(describeLine("problem", { ...words, problem: "loop" }), {
    level: "warning",
    message: "Frames come back: remove the bridge",
    fields: { problem: "loop" },
    facts: { event: "problem", ...words },
  });
});

Deno.test("describeLine() leaves out what is before a field that has no value", () => {
  const about = (reason?: string) =>
    describeLine("link-down", { interface: "eth1", reason, mac: undefined }).message;
  assertEquals(about(), "Interface eth1 is down");
  assertEquals(about("check the cable"), "Interface eth1 is down, check the cable");
});

Deno.test("describeLine() leaves braces and dollars in a value as they are", () => {
  const { message } = describeLine("start-failed", { reason: "{interface} $1 $&" });
  assertEquals(message, "{interface} $1 $&");
});

Deno.test("LOG_LINES has each name of a message as a field or a word, and no other word", () => {
  for (const [name, { message, fields, said = [], words = [] }] of KINDS) {
    const named = [...message.matchAll(PLACEHOLDER)].map(([, , field]) => field);
    const known: string[] = [...fields, ...words];
    assertEquals(named.filter((field) => !known.includes(field)), [], name);
    assertEquals(words.filter((word) => !named.includes(word)), [], name);
    assertEquals(said.filter((field) => !fields.includes(field)), [], name);
    assertEquals(new Set(fields).size, fields.length, name);
  }
});

Deno.test("LOG_FIELDS has no field that is in no line", () => {
  const used = new Set(KINDS.flatMap(([, { fields }]) => fields));
  assertEquals(Object.keys(LOG_FIELDS).filter((field) => !used.has(field as never)), []);
});

Deno.test("Every kind of log line is used, and every log line has a kind", () => {
  const all = sources();
  const calls: string[] = [];
  let text = "";
  for (const [path, source] of all) {
    if (path.startsWith("observe/log")) {
      if (path !== "observe/log_lines.ts") text += source;
      continue;
    }
    text += source;
    for (const [call] of source.matchAll(/\blog\??\.(?:debug|info|warning|error)\(/g)) {
      calls.push(`${path}: ${call}`);
    }
  }
  assertEquals(calls, [], "logLine() of src/observe/log_lines.ts writes a line");
  const patterns = [
    /^link-(up|down|missing)$/,
    /^dial-(no-pado|no-pads|refused|lcp-silent|auth-failed|short)$/,
    /^path-(fragments|small-packets|smallest-packets)$/,
    /^session-limit-(key|client|share|host)$/,
  ];
  const unused = Object.keys(LOG_LINES).filter((name) =>
    !text.includes(`"${name}"`) && !patterns.some((pattern) => pattern.test(name))
  );
  assertEquals(unused, []);
  assert(all.length > 100);
});
