import { assertEquals } from "@std/assert";
import { defaultName, nameFault } from "../../src/own_name.ts";
import { emitHello, parseHello, parseMac } from "../../src/wire/mod.ts";

const MAC = parseMac("02:00:5e:00:00:0a");
const MADE_UP = "pppoe-proxy-02005e00000a";

for (const name of ["osaka", "a".repeat(64), "大阪", "router 1", "(none)", "localhost"]) {
  Deno.test(`defaultName() gives a client the host name "${name}" unchanged`, () => {
    assertEquals(defaultName("client", name, MAC), { name, fault: undefined });
  });
}

Deno.test("defaultName() gives a server another name than a client with the same host name", () => {
  assertEquals(defaultName("server", "osaka", MAC), { name: "osaka-server", fault: undefined });
  assertEquals(defaultName("server", "大阪", MAC).name, "大阪-server");
});

Deno.test("defaultName() cuts a long host name of a server between two characters", () => {
  for (
    const [hostName, name] of [["a".repeat(64), "a".repeat(57)], ["阪".repeat(21), "阪".repeat(19)]]
  ) {
    assertEquals(defaultName("server", hostName, MAC).name, `${name}-server`);
    assertEquals(nameFault(`${name}-server`), undefined);
  }
});

const WRONG: [what: string, hostName: string, fault: string][] = [
  ["empty", "", "is empty"],
  ["white space", " \u3000", "consists of white space"],
  ["not UTF-8", "\ufffdx", "is not UTF-8"],
  ["full of bytes that are not UTF-8", "\ufffd".repeat(64), "is not UTF-8"],
  ["unprintable", "\x01x", "contains unprintable characters"],
  ["two lines", "a\nb", "contains unprintable characters"],
  ["half a character", "a\ud800", "contains unprintable characters"],
  ["too long", "a".repeat(65), "is 65 bytes long; the maximum is 64"],
];

for (const [what, hostName, fault] of WRONG) {
  Deno.test(`defaultName() makes a name from the interface's address if the host name is ${what}`, () => {
    assertEquals(defaultName("server", hostName, MAC), { name: MADE_UP, fault });
    assertEquals(defaultName("server", hostName, MAC).name, MADE_UP, "the same one again");
  });
}

Deno.test("defaultName() makes a different name for each interface, which fits into a greeting", () => {
  const { name } = defaultName("client", "", parseMac("ff:ff:ff:ff:ff:ff"));
  assertEquals(name, "pppoe-proxy-ffffffffffff");
  assertEquals(nameFault(name), undefined);
  const hello = { version: 1, features: 0, name, software: "" };
  assertEquals(parseHello(emitHello(hello)), { ok: true, hello });
});
